/**
 * Who is in which named set: each opening of a door puts its source into the sets of the door and
 * of the client, until the longest of the openings that hold it there is over.
 *
 * States of a membership: none → held (by one opening or several) → none. What a crash leaves behind: the elements, which
 * the kernel ends on time; the next start reads them back. What a rule has taken out of a set is not put in again by
 * anything but a new opening.
 */
import { formatAddress, isIPv4Mapped } from '../net/address.js';
import type { AddressSets, Member } from '../net/addressset.js';
import type { Config, Door } from './config.js';
import type { Log } from './log.js';
import { type NamedSets, namedSets, setNames } from './namedsets.js';
import { setsConsumedBy } from './rules.js';
import type { NamedSet } from './setnames.js';

/** One opening, as far as the sets are concerned. */
export interface Grant {
  readonly door: string;
  readonly client: string;
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** By performance.now(). */
  readonly until: number;
}

/** The kernel's clock is coarser than ours. */
const graceMs = 20;
/** setTimeout's longest. */
const farthestMs = 2 ** 31 - 1;
const none: NamedSets = { doors: new Map(), clients: new Map() };

export class Members {
  readonly #sets: AddressSets;
  readonly #log: Log;
  readonly #grants = new Map<string, Grant>();
  /** Until when an address is in a set, unless a rule has taken it out. */
  readonly #held = new Map<string, number>();
  #names = none;
  #doors: ReadonlyMap<string, Door> = new Map();
  #consumed: ReadonlySet<string> = new Set();
  /** Whether the end of an opening is told here: of one that opened nothing else. */
  readonly #isTold: (door: Door | undefined) => boolean;
  #expiry: NodeJS.Timeout | undefined;
  #nextExpiry = Number.POSITIVE_INFINITY;

  constructor(sets: AddressSets, log: Log, isTold: (door: Door | undefined) => boolean) {
    this.#sets = sets;
    this.#log = log;
    this.#isTold = isTold;
  }

  /**
   * Takes over which sets there are: the kernel has them already, and has emptied those that are new to it.
   * @param isNew which they are, where that is known; otherwise those that were not there before
   */
  adopt(config: Config, isNew?: (set: string) => boolean): void {
    const before = new Set(Object.values(setNames(this.#names)).flat());
    this.#names = namedSets(config);
    this.#doors = new Map(config.doors.map(door => [door.name, door]));
    this.#consumed = setsConsumedBy(config.firewall.rules);
    this.#putBack(isNew ?? (set => !before.has(set)));
  }

  /** Takes over what an earlier run has left in the sets. */
  readBack(members: readonly Member[]): void {
    const now = performance.now();
    for (const { set, source, timeoutMs, comment } of members) {
      const [door = '', client = ''] = comment.split(' ');
      if (client === '' || timeoutMs === 0) continue;
      const until = now + timeoutMs;
      const grant = { door, client, source, until };
      this.#held.set(placeKey(set, source), until);
      if ((this.#grants.get(grantKey(grant))?.until ?? 0) < until) this.#remember(grant);
    }
  }

  /** A door has been opened for a source. @throws SystemError, ENOENT where the sets are not there */
  join(door: Door, source: Uint8Array, client: string): void {
    const now = performance.now();
    const grant = { door: door.name, client, source, until: now + door.openForMs };
    const before = this.#grants.get(grantKey(grant));
    const longer = before !== undefined && before.until > grant.until ? before : grant;
    const fresh: Member[] = [];
    for (const set of this.#setsOf(grant)) {
      const key = placeKey(set, source);
      const held = this.#held.get(key);
      const until = Math.max(held ?? 0, longer.until);
      // Its comment is what the next start knows of it: whose opening it is that lasts until then.
      const holder = until > longer.until ? (this.#holderOf(key) ?? longer) : longer;
      const isThere = held !== undefined && this.#sets.replace(member(set, holder, until - now));
      if (!isThere) fresh.push(member(set, grant, door.openForMs));
      this.#held.set(key, isThere ? until : grant.until);
    }
    this.#sets.add(fresh);
    this.#remember(longer);
  }

  /** A door is closed for a source. @returns whether it was open */
  leave(door: string, source: Uint8Array): boolean {
    const text = Buffer.from(source).toString('latin1');
    return this.#end(grant => grant.door === door && latin1(grant.source) === text).length > 0;
  }

  /** Ends what the clients who opened it may no longer use. */
  closeForbidden(isAllowed: (client: string, door: string) => boolean): void {
    for (const grant of this.#end(({ client, door }) => !isAllowed(client, door))) {
      if (this.#isTold(this.#doors.get(grant.door)))
        this.#log.info(fields(grant), `closed ${describe(grant)}: no longer allowed`);
    }
  }

  /** The sets have been made anew and are empty. Of single use nobody knows whether it was used: it is not given again. */
  restore(): void {
    this.#held.clear();
    for (const [key, { door }] of this.#grants) if (this.#isSingleUse(door)) this.#grants.delete(key);
    this.#putBack(() => true);
  }

  /** The sets are gone. */
  clear(): void {
    this.#grants.clear();
    this.#held.clear();
  }

  stop(): void {
    clearTimeout(this.#expiry);
    this.#sets.close();
  }

  /** The sets that there are. */
  get names(): NamedSets {
    return this.#names;
  }

  /** Puts in again what is missing from sets that are empty. */
  #putBack(isEmpty: (set: string) => boolean): void {
    const now = performance.now();
    const longest = this.#longest(
      (set, { door, until }) =>
        until > now && isEmpty(set) && !this.#consumed.has(set) && !this.#isSingleUse(door),
    );
    const members = [...longest.values()];
    this.#sets.add(members.map(({ set, grant }) => member(set, grant, grant.until - now)));
    for (const { set, grant } of members) this.#held.set(placeKey(set, grant.source), grant.until);
  }

  #isSingleUse(name: string): boolean {
    const door = this.#doors.get(name);
    return door?.kind === 'services' && door.singleUse;
  }

  /** Ends openings, and memberships that no other opening holds. */
  #end(isEnded: (grant: Grant) => boolean): Grant[] {
    const ended = [...this.#grants].filter(([, grant]) => isEnded(grant));
    for (const [key] of ended) this.#grants.delete(key);
    if (ended.length === 0) return [];
    const places = ended.flatMap(([, grant]) =>
      this.#setsOf(grant).map(set => ({ set, source: grant.source, key: placeKey(set, grant.source) })),
    );
    const touched = new Set(places.map(({ key }) => key));
    const longest = this.#longest((set, { source }) => touched.has(placeKey(set, source)));
    const now = performance.now();
    for (const { set, source, key } of places) {
      const left = longest.get(key)?.grant;
      if (left === undefined || left.until <= now) {
        this.#sets.remove({ set, source });
        this.#held.delete(key);
      } else if (left.until !== this.#held.get(key)) {
        // One that a rule has taken out stays out.
        this.#sets.replace(member(set, left, left.until - now));
        this.#held.set(key, left.until);
      }
    }
    return ended.map(([, grant]) => grant);
  }

  /** The opening that holds a membership longest. */
  #holderOf(place: string): Grant | undefined {
    return this.#longest((set, { source }) => placeKey(set, source) === place).get(place)?.grant;
  }

  /** For each membership the opening that holds it longest. */
  #longest(isWanted: (set: string, grant: Grant) => boolean) {
    const longest = new Map<string, { readonly set: string; readonly grant: Grant }>();
    for (const grant of this.#grants.values()) {
      for (const set of this.#setsOf(grant)) {
        if (!isWanted(set, grant)) continue;
        const key = placeKey(set, grant.source);
        if ((longest.get(key)?.grant.until ?? 0) < grant.until) longest.set(key, { set, grant });
      }
    }
    return longest;
  }

  #setsOf({ door, client, source }: Grant): string[] {
    const family = isIPv4Mapped(source) ? 'ipv4' : 'ipv6';
    const sets: (NamedSet | undefined)[] = [this.#names.doors.get(door), this.#names.clients.get(client)];
    return sets.flatMap(set => set?.[family] ?? []);
  }

  #remember(grant: Grant): void {
    this.#grants.set(grantKey(grant), grant);
    if (grant.until < this.#nextExpiry) this.#expireAt(grant.until);
  }

  #expireAt(until: number): void {
    clearTimeout(this.#expiry);
    this.#nextExpiry = until;
    const waitMs = Math.min(farthestMs, Math.max(1, until + graceMs - performance.now()));
    this.#expiry = setTimeout(() => this.#expire(), waitMs);
  }

  #expire(): void {
    const now = performance.now() - graceMs;
    for (const [key, until] of this.#held) if (until <= now) this.#held.delete(key);
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const [key, grant] of this.#grants) {
      if (grant.until > now) {
        next = Math.min(next, grant.until);
        continue;
      }
      this.#grants.delete(key);
      if (this.#isTold(this.#doors.get(grant.door)))
        this.#log.info(fields(grant), `closed ${describe(grant)}`);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#expireAt(next);
  }
}

function latin1(source: Uint8Array): string {
  return Buffer.from(source.buffer, source.byteOffset, source.length).toString('latin1');
}

function placeKey(set: string, source: Uint8Array): string {
  return `${latin1(source)}${set}`;
}

function grantKey({ door, client, source }: Omit<Grant, 'until'>): string {
  return `${latin1(source)}${door} ${client}`;
}

function member(set: string, { door, client, source }: Grant, forMs: number): Member {
  return { set, source, timeoutMs: Math.max(1, Math.ceil(forMs)), comment: `${door} ${client}` };
}

function fields({ door, client, source }: Grant) {
  return { event: 'closed', door, client, source: formatAddress(source) };
}

function describe({ door, client, source }: Grant): string {
  return `${door} for ${client} from ${formatAddress(source)}`;
}
