/**
 * The last packets of every source, to tell a packet that the network or a kernel repeated from one that was meant again.
 */
import { type Packet, tcp } from '../../net/packet.js';

const remembered = 4;
/** A sender may use a port for another datagram, but not that soon. */
const datagramMs = 500;

export class Repeats {
  /** IP protocol numbers; 0: no packet. */
  readonly #protocols: Uint8Array;
  readonly #ports: Uint32Array;
  readonly #sequences: Uint32Array;
  readonly #times: Float64Array;
  /** Where a slot's next packet goes. */
  readonly #cursors: Uint8Array;

  /** @param sources slots, as many as the table of sources has */
  constructor(sources: number) {
    this.#protocols = new Uint8Array(sources * remembered);
    this.#ports = new Uint32Array(sources * remembered);
    this.#sequences = new Uint32Array(sources * remembered);
    this.#times = new Float64Array(sources * remembered);
    this.#cursors = new Uint8Array(sources);
  }

  /**
   * Whether this packet has just come already. A TCP packet is the same where both ports and the sequence number are, a
   * datagram where both ports are; where the capture shows no source port, nothing is. Remembers it where not.
   */
  repeats(slot: number, packet: Packet): boolean {
    if (packet.sourcePort < 0) return false;
    const ports = ((packet.sourcePort << 16) | packet.port) >>> 0;
    const first = slot * remembered;
    for (let at = first; at < first + remembered; at++) {
      if (this.#ports[at] === ports && this.#isSame(at, packet)) return true;
    }
    const at = first + this.#cursors[slot]!;
    this.#protocols[at] = packet.protocol;
    this.#ports[at] = ports;
    this.#sequences[at] = packet.sequence;
    this.#times[at] = packet.at;
    this.#cursors[slot] = (this.#cursors[slot]! + 1) % remembered;
    return false;
  }

  /** Another source has this slot now. */
  clear(slot: number): void {
    this.#protocols.fill(0, slot * remembered, (slot + 1) * remembered);
  }

  #isSame(at: number, packet: Packet): boolean {
    if (this.#protocols[at] !== packet.protocol) return false;
    if (packet.protocol === tcp) return this.#sequences[at] === packet.sequence;
    return Math.abs(packet.at - this.#times[at]!) < datagramMs;
  }
}
