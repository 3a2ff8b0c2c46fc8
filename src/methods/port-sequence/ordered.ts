/**
 * The last 16 offsets of every source, in order of arrival (PROTOCOL.md section 1.1), in tables of fixed size.
 */
import { blockLength } from '../../crypto/cipher.js';
import type { Packet } from '../../net/packet.js';
import { Sources } from '../sources.js';
import type { Sequences } from './sequences.js';

export class OrderedSequences implements Sequences {
  /** Any 16 SYNs spell a block: nothing tells one that was meant from one that was not. */
  readonly isTelling = true;
  readonly #sources: Sources;
  readonly #offsets: Uint8Array;
  readonly #sourcePorts: Uint16Array;
  readonly #sequences: Uint32Array;
  /** How many offsets a slot holds, 0 to 16. */
  readonly #held: Uint8Array;
  /** Where in its ring a slot's next offset goes. */
  readonly #cursors: Uint8Array;
  #slot = 0;
  #isComplete = false;

  /** @param capacity sources, a power of two @param seed 36 random bytes */
  constructor(capacity: number, seed: Uint8Array) {
    this.#sources = new Sources(capacity, seed);
    this.#offsets = new Uint8Array(capacity * blockLength);
    this.#sourcePorts = new Uint16Array(capacity * blockLength);
    this.#sequences = new Uint32Array(capacity * blockLength);
    this.#held = new Uint8Array(capacity);
    this.#cursors = new Uint8Array(capacity);
  }

  get count(): number {
    return this.#sources.count;
  }

  /** @param offset 0 to 255 */
  hear(packet: Packet, offset: number): boolean {
    this.#isComplete = false;
    const slot = this.#sources.slotOf(packet.source);
    this.#slot = slot;
    if (this.#sources.isNew) this.#held[slot] = 0;
    if (this.#repeats(slot, packet, offset)) return false;
    const cursor = this.#cursors[slot]!;
    const at = slot * blockLength + cursor;
    this.#offsets[at] = offset;
    this.#sourcePorts[at] = packet.sourcePort;
    this.#sequences[at] = packet.sequence;
    this.#cursors[slot] = (cursor + 1) % blockLength;
    if (this.#held[slot]! < blockLength) this.#held[slot]!++;
    this.#isComplete = this.#held[slot] === blockLength;
    return this.#isComplete;
  }

  /** The last 16 in order of arrival, once. */
  next(block: Uint8Array): boolean {
    if (!this.#isComplete) return false;
    this.#isComplete = false;
    const first = this.#slot * blockLength;
    const oldest = this.#cursors[this.#slot]!;
    for (let i = 0; i < blockLength; i++) {
      block[i] = this.#offsets[first + ((oldest + i) % blockLength)]!;
    }
    return true;
  }

  spend(): void {
    this.#held[this.#slot] = 0;
  }

  /** What is held stays held: a knock may end with the next SYN. */
  dismiss(): void {}

  /** The network and the sender's kernel both repeat a SYN to the letter; a new one differs in its sequence number. */
  #repeats(slot: number, packet: Packet, offset: number): boolean {
    if (packet.sourcePort < 0) return false;
    const first = slot * blockLength;
    const held = this.#held[slot]!;
    const cursor = this.#cursors[slot]!;
    for (let back = 1; back <= held; back++) {
      const at = first + ((cursor - back + blockLength) % blockLength);
      if (
        this.#sequences[at] === packet.sequence &&
        this.#sourcePorts[at] === packet.sourcePort &&
        this.#offsets[at] === offset
      ) {
        return true;
      }
    }
    return false;
  }
}
