/**
 * Packets in, a knock or a refusal out: the receiver of PROTOCOL.md section 7.3, and its names for those that it let in.
 *
 * Who comes in the kernel has decided before a packet gets here: this finds out who it was, and why somebody who meant
 * to did not. Pure: the clock is the packet's. Only where nobody has decided, in a capture, it does so itself.
 */
import { type Packet, synOnly, tcp } from '../../net/packet.js';
import { authenticate, type Reason, type Verdict } from '../knock.js';
import { endOfStep, noNumber, stepAt, stepsTaken } from './format.js';
import { type Found, type Holder, Holders } from './holders.js';
import type { NumberClient, NumberSite } from './site.js';

const method = 'sequence-number';

/** What the kernel has made of a packet. */
export type Fate = 'admitted' | 'refused';

/** How far a clock may be wrong and its numbers are still known, each way. */
const farthestMs = 3_600_000;
/** Numbers that are kept for that; those that are good now come on top of it. */
const mostKept = 20_000;
/** Numbers made for one packet that was not let in; the SYN is sent again, and looked for further out. */
const mostMade = 2048;
/** How long a packet may have lain before it is looked at. */
const latestMs = 5000;
const mostUsed = 131_072;
const mostHeard = 4096;

interface Port {
  /** Those who may come in here. */
  readonly allowed: Holders;
  /** Other keys that are known. */
  readonly others: Holders;
}

export class SequenceNumber {
  readonly #mostMade: number;
  #site: NumberSite;
  #ports: ReadonlyMap<number, Port>;
  /** Steps each way that what is good now lies in, and that are kept beyond; −1: not even one. */
  #near = 0;
  #far = -1;
  #step = -1;
  /** Numbers that were let in, by port and number, and until when that matters. */
  readonly #used = new Map<number, number>();
  /** SYNs that something was said of. */
  readonly #heard = new Set<string>();

  /** @param most numbers made for one packet that was not let in, but for a step's that has been begun */
  constructor(site: NumberSite, most: number = mostMade) {
    this.#mostMade = most;
    this.#site = site;
    this.#ports = this.#adopt(site);
  }

  /** How many numbers are kept now. */
  get kept(): number {
    let kept = 0;
    for (const { allowed, others } of this.#ports.values()) kept += allowed.kept + others.kept;
    return kept;
  }

  get site(): NumberSite {
    return this.#site;
  }

  /** May be replaced between packets: what has been used stays used. */
  set site(site: NumberSite) {
    this.#site = site;
    this.#ports = this.#adopt(site);
  }

  /** @param fate undefined: nobody has decided; each number that is good lets in one */
  recognise(packet: Packet, fate: Fate | undefined): Verdict {
    if (packet.protocol !== tcp || !synOnly(packet.flags) || packet.sequence === noNumber) return undefined;
    const port = this.#ports.get(packet.port);
    if (port === undefined) return undefined;
    this.#keepUp(stepAt(packet.at, this.#site.periodMs));
    return fate === 'admitted' ? this.#name(packet, port) : this.#judge(packet, port, fate === undefined);
  }

  #adopt(site: NumberSite): ReadonlyMap<number, Port> {
    const { periodMs, toleranceMs } = site;
    const ports = portsOf(site);
    let perStep = 0;
    for (const { allowed, others } of ports.values()) perStep += allowed.count + others.count;
    this.#near = Math.ceil((toleranceMs + Math.max(periodMs, latestMs)) / periodMs);
    this.#far = Math.min(Math.ceil(farthestMs / periodMs), Math.floor((mostKept / perStep - 1) / 2));
    return ports;
  }

  #keepUp(step: number): void {
    if (step === this.#step) return;
    this.#step = step;
    for (const { allowed, others } of this.#ports.values()) {
      allowed.forget(step, Math.max(this.#near, this.#far));
      others.forget(step, this.#far);
    }
  }

  /** One that was let in and that nobody here knows was so under a configuration that is just going or coming. */
  #name(packet: Packet, { allowed }: Port): Verdict {
    const allowance = { numbers: Number.POSITIVE_INFINITY };
    const found = allowed.find(packet.sequence, this.#step, this.#near, allowance);
    return found && this.#admit(packet, found);
  }

  #judge(packet: Packet, { allowed, others }: Port, decides: boolean): Verdict {
    const allowance = { numbers: this.#mostMade };
    const found = allowed.find(packet.sequence, this.#step, Math.max(this.#near, this.#far), allowance);
    if (found !== undefined) return this.#judgeAllowed(packet, found, decides);
    const other = others.find(packet.sequence, this.#step, this.#far, allowance)?.holder;
    return other && this.#refuse(packet, other, other.revoked ? 'revoked' : 'not-allowed');
  }

  #judgeAllowed(packet: Packet, found: Found, decides: boolean): Verdict {
    const { first, last } = stepsTaken(packet.at, this.#site);
    const isTaken = first <= found.step && found.step <= last;
    const isUsed = (this.#used.get(keyOf(packet)) ?? Number.NEGATIVE_INFINITY) > packet.at;
    if (isUsed || (isTaken && !decides))
      return this.#refuse(packet, found.holder, 'replayed', packet.sequence);
    if (isTaken) return this.#admit(packet, found);
    const middle = (found.step + 0.5) * this.#site.periodMs;
    return this.#refuse(packet, found.holder, 'stale', packet.at - middle);
  }

  #admit(packet: Packet, { holder, step }: Found): Verdict {
    this.#forgetUsed(packet.at);
    this.#used.set(keyOf(packet), endOfStep(step, this.#site));
    this.#remember(packet);
    const source = Uint8Array.from(packet.source);
    return authenticate({
      method,
      door: holder.door,
      client: holder.client,
      source,
      at: packet.at,
      once: undefined,
    });
  }

  /** A SYN that is sent again, after it was let in or refused, says nothing new. */
  #refuse(packet: Packet, { door, client }: Holder, reason: Reason, detail?: number): Verdict {
    if (this.#heard.has(nameOf(packet))) return undefined;
    this.#remember(packet);
    const source = Uint8Array.from(packet.source);
    return { outcome: 'refused', method, reason, door, client, source, at: packet.at, detail };
  }

  #forgetUsed(now: number): void {
    for (const [key, until] of this.#used) {
      if (until > now && this.#used.size < mostUsed) return;
      this.#used.delete(key);
    }
  }

  #remember(packet: Packet): void {
    this.#heard.add(nameOf(packet));
    for (const oldest of this.#heard) {
      if (this.#heard.size <= mostHeard) return;
      this.#heard.delete(oldest);
    }
  }
}

const keyOf = ({ port, sequence }: Packet): number => port * 2 ** 32 + sequence;

/** The same for a SYN that is sent again, and for no other. */
function nameOf({ source, sourcePort, port, sequence }: Packet): string {
  return `${source.join('.')} ${sourcePort} ${port} ${sequence}`;
}

function portsOf({ clients, doors, port: derivedFor }: NumberSite): ReadonlyMap<number, Port> {
  const ports = new Set(doors.flatMap(door => door.ports));
  return new Map(
    Array.from(ports, port => {
      const here = doors.filter(door => door.ports.includes(port)).map(({ name }) => name);
      const isAllowed = ({ revoked, doors }: NumberClient) =>
        !revoked && doors.some(door => here.includes(door));
      const holders = (those: readonly NumberClient[]) =>
        new Holders(
          those.map(client => holderAt(client, here)),
          derivedFor ?? port,
        );
      return [
        port,
        {
          allowed: holders(clients.filter(isAllowed)),
          others: holders(clients.filter(client => !isAllowed(client))),
        },
      ];
    }),
  );
}

/** @param here the doors that a port belongs to: one of the client's, or else the one that it has come to */
function holderAt({ name, psk, doors, revoked }: NumberClient, here: readonly string[]): Holder {
  return { client: name, door: here.find(door => doors.includes(door)) ?? here[0]!, psk, revoked };
}
