/**
 * A NAT: what passes it leaves with another source port, another source address, or both.
 *
 * As RFC 4787 says of those with address- and port-dependent mapping: a connection keeps its port as long as it is
 * remembered, and each has a port of its own. Pure; the same ports for the same seed.
 */
import { type Chance, chanceFrom } from './chance.js';

/** What a NAT looks at. */
export interface Flow {
  /** 16 bytes. */
  readonly source: Uint8Array;
  readonly sourcePort: number;
  /** Destination port. */
  readonly port: number;
}

export interface Translation {
  /** The one address, 16 bytes, that everybody behind the NAT has outside; left out, each keeps its own. */
  readonly address?: Uint8Array;
  /** False: source ports pass as they are. */
  readonly ports?: boolean;
}

const lowestPort = 1024;
const ports = 65_536 - lowestPort;
/** Far fewer than there are ports, so that a free one is soon found; the oldest goes first. */
const mostConnections = 16_384;

export class Nat {
  readonly #chance: Chance;
  readonly #translation: Translation;
  readonly #portOf = new Map<string, number>();
  readonly #used = new Set<number>();

  /** @param seed an integer, 0 to 2^32 − 1 */
  constructor(seed: number, translation: Translation) {
    this.#chance = chanceFrom(seed);
    this.#translation = translation;
  }

  /** The packet as it leaves; everything that is not translated is as it was. */
  translate<Packet extends Flow>(packet: Packet): Packet {
    const { address, ports: rewrites = true } = this.#translation;
    const source = address ?? packet.source;
    return { ...packet, source, sourcePort: rewrites ? this.#outside(packet) : packet.sourcePort };
  }

  #outside({ source, sourcePort, port }: Flow): number {
    const connection = `${source.join('.')} ${sourcePort} ${port}`;
    const known = this.#portOf.get(connection);
    if (known !== undefined) return known;
    if (this.#portOf.size === mostConnections) this.#forgetOldest();
    let outside: number;
    do outside = lowestPort + this.#chance.below(ports);
    while (this.#used.has(outside) || outside === sourcePort);
    this.#used.add(outside);
    this.#portOf.set(connection, outside);
    return outside;
  }

  #forgetOldest(): void {
    for (const [connection, outside] of this.#portOf) {
      this.#portOf.delete(connection);
      this.#used.delete(outside);
      return;
    }
  }
}
