/** A daemon's ear for tests: sends SYNs to a recogniser and gathers what it says. */
import type { Knock, Verdict } from '../../../src/methods/knock.js';
import { PortSequence, type Site } from '../../../src/methods/port-sequence/recognise.js';
import { newPacket, type Packet, tcp } from '../../../src/net/packet.js';

/** One SYN; what is left out is the ear's own. */
export interface Syn {
  readonly port: number;
  readonly source: Uint8Array;
  readonly at: number;
  /** −1 where the capture does not show it; by default each SYN has one of its own. */
  readonly sourcePort?: number;
  readonly sequence?: number;
}

export class Ear {
  readonly recogniser: PortSequence;
  /** As the ledger: by client id. */
  readonly lastAccepted = new Map<number, number>();
  readonly #packet: Packet = newPacket();
  #serial = 0;

  constructor(site: Site, capacity = 64) {
    const last = (clientId: number) => this.lastAccepted.get(clientId) ?? 0;
    this.recogniser = new PortSequence(site, last, capacity, new Uint8Array(36).fill(0x2d));
  }

  /** One SYN, whose bytes are overwritten as soon as it has been heard; an accepted knock is put into the ledger. */
  hear({ port, source, at, sourcePort, sequence }: Syn): Verdict {
    const packet = this.#packet;
    this.#serial++;
    packet.source.set(source);
    Object.assign(packet, { at, protocol: tcp, port, flags: 0x02 });
    packet.sourcePort = sourcePort ?? 1024 + (this.#serial % 60_000);
    packet.sequence = sequence ?? this.#serial;
    const verdict = this.recogniser.recognise(packet);
    packet.source.fill(0xee);
    if (verdict?.outcome === 'knock' && verdict.once !== undefined && 'clientId' in verdict.once) {
      this.lastAccepted.set(verdict.once.clientId, verdict.once.time);
    }
    return verdict;
  }

  /** SYNs to all ports, in order; every verdict that was one. */
  hearAll(ports: Iterable<number>, source: Uint8Array, at: number): Exclude<Verdict, undefined>[] {
    return Array.from(ports, port => this.hear({ port, source, at })).filter(said => said !== undefined);
  }
}

/** The knocks among verdicts. */
export function knocks(verdicts: readonly Verdict[]): Knock[] {
  return verdicts.filter(verdict => verdict?.outcome === 'knock');
}

/** Verdicts as words: `knock`, or the reason of a refusal. */
export function words(verdicts: readonly Verdict[]): string[] {
  return verdicts.map(said => (said?.outcome === 'refused' ? said.reason : (said?.outcome ?? 'nothing')));
}
