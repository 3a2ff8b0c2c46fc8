/**
 * Keeps the table in the kernel and the openings in the table, and puts them back when somebody takes them away.
 *
 * States: `keeping` (the table is ours to keep) and not (an administrator took it away by our own command). What a crash
 * leaves behind: the table, shut, and openings that the kernel ends on time.
 */
import { type Member, TableAddressSets } from '../net/addressset.js';
import { SystemError } from '../net/libc.js';
import { watchTable } from '../net/nftables.js';
import { tcp } from '../net/packet.js';
import { OperatorError } from '../system/error.js';
import type { Config, Door, ServiceDoor } from './config.js';
import {
  installTable,
  listOpenings,
  listTable,
  type Openings,
  openOpenings,
  putTableBack,
  removeTable,
} from './firewall.js';
import type { Keeper, KernelOpening } from './keeper.js';
import { keepTable } from './lastgood.js';
import { type Log, messageOf } from './log.js';
import { Members } from './members.js';
import { opensSetsOnly } from './namedsets.js';
import { Numbers } from './numbers.js';
import { byHand, describe, fields, type Known, keyOf } from './opening.js';
import type { NamedSet } from './setnames.js';
import { tableName } from './table.js';
import { Turns } from './turns.js';

const rehearsals = 10;
const rehearsalMs = 10;
const noIPv4 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);
const noIPv6 = new Uint8Array(16);

/** The kernel's clock is coarser than ours: what it may still hold is not forgotten. */
const graceMs = 20;

/** Changes come in bursts: one flush is many messages. */
const settleMs = 20;

export class Guard implements Keeper {
  readonly #log: Log;
  readonly #openings: Openings;
  readonly #numbers: Numbers;
  readonly #members: Members;
  readonly #sets: TableAddressSets;
  readonly #known = new Map<string, Known>();
  #config: Config;
  #keeping = false;
  #loading = false;
  /** Loads and removals. */
  readonly #turns = new Turns();
  #loaded: string | undefined;
  #settling: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #nextExpiry = Number.POSITIVE_INFINITY;
  #restoring: Promise<void> | undefined;

  /** @throws OperatorError where the kernel's firewall is out of reach */
  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#openings = openOpenings();
    this.#sets = new TableAddressSets(tableName);
    this.#members = new Members(this.#sets, log, door => door !== undefined && opensSetsOnly(door));
    this.#numbers = new Numbers(config.stateDirectory, log);
  }

  /** Loads the table, takes over the openings that an earlier run left, and begins to watch. @throws OperatorError */
  async start(): Promise<void> {
    await this.load(this.#config);
    const now = performance.now();
    for (const { remainingMs, ...opening } of await listOpenings()) {
      this.#remember(keyOf(opening), { ...opening, until: now + remainingMs });
    }
    const { doors, clients } = this.#members.names;
    this.#members.readBack([...doors.values(), ...clients.values()].flatMap(set => this.#listMembers(set)));
    for (let round = 0; round < rehearsals; round++) this.#rehearse();
    this.#watch();
  }

  /**
   * Opens for nobody, for a moment, so that a kernel that does not let us is found out now and not by the first knock;
   * nor is that one slower than those after it. To close again would be slow: the kernel waits for every processor.
   */
  #rehearse(): void {
    for (const source of [noIPv4, noIPv6]) {
      this.#openings.add({ source, protocol: tcp, port: 0 }, false, rehearsalMs, '-', byHand);
    }
  }

  /** A knock is about to be admitted: what it needs is called back into the processor's caches. */
  prepare(): void {
    try {
      this.#rehearse();
    } catch {
      // What is amiss is dealt with when it counts.
    }
  }

  /** Whether the table is kept in place. */
  get keeping(): boolean {
    return this.#keeping;
  }

  load(config: Config): Promise<void> {
    return this.#turns.take(async () => {
      this.#numbers.prepare(config);
      const isKept = await this.#load(config, this.#loaded === undefined ? undefined : this.#config);
      await this.#numbers.load(config, isKept);
    });
  }

  /** A sequence number has let a connection in, on one of these ports. @returns on which, where that is known */
  markUsed(number: number, ports: readonly number[]): number | undefined {
    return this.#numbers.markUsed(number, ports);
  }

  /**
   * @param before the configuration whose table is there as it was loaded
   * @returns whether the sets of a table before it have stayed
   */
  async #load(config: Config, before?: Config, install = installTable): Promise<boolean> {
    this.#loading = true;
    let isKept: boolean;
    try {
      isKept = await install(config, before);
      this.#config = config;
      this.#keeping = true;
      this.#members.adopt(config);
      this.#loaded = await listTable();
    } finally {
      this.#loading = false;
    }
    keepTable(config);
    if (!isKept) this.#members.restore();
    return isKept;
  }

  /** Keeps another configuration's table from now on, if any is kept. @throws OperatorError, and all stays as it was */
  async adopt(config: Config): Promise<void> {
    if (this.#keeping) await this.load(config);
    this.#config = config;
  }

  remove(): Promise<void> {
    return this.#turns.take(async () => {
      this.#keeping = false;
      this.#known.clear();
      this.#members.clear();
      this.#numbers.pause();
      await removeTable();
    });
  }

  /**
   * Opens a door for a source, or extends what is open. Done when it returns, unless the table has to be put back first.
   * @throws SystemError where the kernel refuses
   */
  open(door: Door, source: Uint8Array, client: string): void | Promise<void> {
    if (!this.#keeping)
      throw new OperatorError('not-guarding', 'the table was removed with: portknockd firewall remove');
    if (this.#restoring !== undefined) return this.#restoring.then(() => this.#openNow(door, source, client));
    try {
      this.#openNow(door, source, client);
    } catch (error) {
      if (!(error instanceof SystemError && error.code === 'ENOENT')) throw error;
      return this.#restore().then(() => this.#openNow(door, source, client));
    }
  }

  /** Services first: they are what is waited for. */
  #openNow(door: Door, source: Uint8Array, client: string): void {
    if (door.kind === 'services') this.#openServices(door, source, client);
    this.#join(door, source, client);
  }

  /** Of a door that opens more, sets that are full keep nobody out. */
  #join(door: Door, source: Uint8Array, client: string): void {
    try {
      this.#members.join(door, source, client);
    } catch (error) {
      if (!(error instanceof SystemError && error.code === 'ENFILE') || opensSetsOnly(door)) throw error;
      this.#log.error({ event: 'sets', door: door.name }, `a set of ${door.name} or of ${client} is full`);
    }
  }

  #openServices(door: ServiceDoor, source: Uint8Array, client: string): void {
    const until = performance.now() + door.openForMs;
    for (const service of door.services) {
      const opening = { source, ...service, door: door.name, client, singleUse: door.singleUse, until };
      const key = keyOf(opening);
      const before = this.#known.get(key);
      if (before === undefined)
        this.#openings.add(opening, door.singleUse, door.openForMs, door.name, client);
      // A door that opens for shorter does not close earlier what another has opened.
      else this.#put(before.until > until ? before : opening);
      this.#remember(key, before !== undefined && before.until > until ? before : opening);
    }
  }

  close(door: Door, source: Uint8Array): boolean {
    const wasMember = this.#members.leave(door.name, source);
    const services = door.kind === 'services' ? door.services : [];
    const endpoints = services.map(service => ({ source, ...service }));
    this.#openings.remove(endpoints);
    const keys = endpoints.flatMap(endpoint => [
      keyOf({ ...endpoint, singleUse: false }),
      keyOf({ ...endpoint, singleUse: true }),
    ]);
    return keys.map(key => this.#known.delete(key)).includes(true) || wasMember;
  }

  /** Closes what the clients who opened it may no longer use. */
  closeForbidden(isAllowed: (client: string, door: string) => boolean): void {
    for (const [key, opening] of this.#known) {
      if (isAllowed(opening.client, opening.door)) continue;
      this.#openings.remove([opening]);
      this.#known.delete(key);
      this.#log.info(fields(opening), `closed ${describe(opening)}: no longer allowed`);
    }
    this.#members.closeForbidden(isAllowed);
  }

  /** Openings of services, and those that are members of sets alone. */
  async list(): Promise<KernelOpening[]> {
    if (!this.#keeping) return [];
    const { doors } = this.#members.names;
    const members = this.#config.doors.filter(opensSetsOnly).flatMap(({ name, ...door }) =>
      this.#listMembers(doors.get(name)!).map(({ source, timeoutMs, comment }) => {
        const [, client = ''] = comment.split(' ');
        const singleUse = door.kind === 'services' && door.singleUse;
        return { door: name, client, source, singleUse, remainingMs: timeoutMs };
      }),
    );
    return [...(await listOpenings()), ...members];
  }

  #listMembers({ ipv4, ipv6 }: NamedSet): Member[] {
    return [ipv4, ipv6].flatMap(set => this.#sets.list(set));
  }

  stop(): void {
    clearTimeout(this.#expiry);
    clearTimeout(this.#settling);
    this.#keeping = false;
    this.#openings.close();
    this.#members.stop();
    this.#numbers.stop();
  }

  #put(opening: Known): void {
    const remaining = Math.ceil(opening.until - performance.now());
    if (remaining > 0) {
      this.#openings.put([opening], opening.singleUse, remaining, opening.door, opening.client);
    }
  }

  #remember(key: string, opening: Known): void {
    this.#known.set(key, opening);
    if (opening.until < this.#nextExpiry) this.#expireAt(opening.until);
  }

  #expireAt(until: number): void {
    clearTimeout(this.#expiry);
    this.#nextExpiry = until;
    this.#expiry = setTimeout(() => this.#expire(), Math.max(1, until + graceMs - performance.now()));
  }

  #expire(): void {
    const now = performance.now();
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const [key, opening] of this.#known) {
      if (opening.until + graceMs > now) {
        next = Math.min(next, opening.until);
      } else {
        this.#known.delete(key);
        this.#log.info(fields(opening), `closed ${describe(opening)}`);
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#expireAt(next);
  }

  #watch(): void {
    // Word that was lost may have been of our own table: look, and listen again.
    const socket = watchTable(
      tableName,
      () => this.#verifySoon(),
      () => {
        this.#verifySoon();
        this.#watch();
      },
    );
    socket.unref();
  }

  #verifySoon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      // Our own loading is a change too; what it is to be compared with is known when it is done.
      if (this.#loading) this.#verifySoon();
      else void this.#verify();
    }, settleMs);
  }

  async #verify(): Promise<void> {
    if (!this.#keeping || this.#restoring !== undefined) return;
    try {
      const found = await listTable();
      // A loading that began meanwhile looks again by itself.
      if (!this.#keeping || this.#loading || found === this.#loaded) return;
      this.#log.warn(
        { event: 'restored' },
        'somebody changed or removed the table inet portknock; putting it back',
      );
      await this.#restore();
    } catch (error) {
      this.#log.error({ event: 'restore-failed' }, `cannot put the table back: ${messageOf(error)}`);
    }
  }

  /** The table, and every opening whose time is not over; a single use may have been used, and is not given again. */
  #restore(): Promise<void> {
    this.#restoring ??= (async () => {
      try {
        const told = (error: unknown) =>
          this.#log.error({ event: 'rules' }, `put back without your own rules: ${messageOf(error)}`);
        const putBack = (config: Config) => putTableBack(config, told);
        await this.#turns.take(async () => void (await this.#load(this.#config, undefined, putBack)));
        for (const [key, opening] of this.#known) {
          if (opening.singleUse) this.#known.delete(key);
          else this.#put(opening);
        }
        void this.#numbers.load(this.#config, false);
      } finally {
        this.#restoring = undefined;
      }
    })();
    return this.#restoring;
  }
}
