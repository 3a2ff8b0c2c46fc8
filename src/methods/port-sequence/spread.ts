/**
 * The newest symbol at each of 32 positions, of every source, and which came last (PROTOCOL.md section 1.2), in tables
 * of fixed size.
 *
 * A codeword is sought first in all that is held, then in ever fewer of the newest symbols: what an earlier knock or a
 * stranger left behind is older than what is just arriving. No clock is needed for that.
 */
import type { Packet } from '../../net/packet.js';
import { Sources } from '../sources.js';
import { blockOf, isPadded } from './codeword.js';
import { codewordLength, Decoder, dataLength } from './decoder.js';
import type { Sequences } from './sequences.js';
import { symbolBits } from './spelling.js';

/**
 * A source's record, in words of 16 bits: how many symbols are held; how many are still to come of a knock that has been
 * understood; how many SYNs have come in vain; then the former, the one heard last first, and the latter, as offsets. No
 * position is there twice. A source with one SYN, as those of a flood have, touches one line of the cache.
 */
const heldAt = 0;
const expectedAt = 1;
const vainAt = 2;
const offsetsAt = 3;
const recordLength = offsetsAt + codewordLength;

const symbolMask = (1 << symbolBits) - 1;
/** A source that has sent so many SYNs in vain is listened to at every fourth only: DESIGN.md section 5. */
const patience = 64;
const restInterval = 4;
/** Symbols more than needed, from which on a codeword has hardly come about by chance: 1 in 2^14 at most. */
const tellingSurplus = 2;

export class SpreadSequences implements Sequences {
  isTelling = false;
  readonly #sources: Sources;
  readonly #records: Uint16Array;
  readonly #decoder = new Decoder();
  readonly #received = new Uint8Array(codewordLength);
  readonly #codeword = new Uint8Array(codewordLength);
  /** Where the record of the source heard last begins. */
  #record = 0;
  /** How many of the newest symbols are to be tried next; always odd. */
  #size = 0;

  /** @param capacity sources, a power of two @param seed 36 random bytes */
  constructor(capacity: number, seed: Uint8Array) {
    this.#sources = new Sources(capacity, seed);
    this.#records = new Uint16Array(capacity * recordLength);
  }

  get count(): number {
    return this.#sources.count;
  }

  /** @param offset 0 to 4095 */
  hear(packet: Packet, offset: number): boolean {
    this.#size = 0;
    const record = this.#sources.slotOf(packet.source) * recordLength;
    this.#record = record;
    if (this.#sources.isNew) this.#records.fill(0, record, record + offsetsAt);
    if (!this.#hold(record, offset)) return false;
    if (this.#records[record + heldAt]! < dataLength || !this.#isWorthTrying(record)) return false;
    this.#prepare(record);
    return true;
  }

  next(block: Uint8Array): boolean {
    while (this.#size >= dataLength) {
      const wrong = this.#decoder.solve();
      const isSpelled = wrong >= 0 && isPadded(this.#decoder.lastDataSymbol());
      if (isSpelled) {
        this.#decoder.write(this.#codeword);
        blockOf(this.#codeword, block);
        this.isTelling = this.#size - dataLength - 2 * wrong >= tellingSurplus;
      }
      this.#leaveOut(2);
      if (isSpelled) return true;
    }
    return false;
  }

  /** What differs from the knock may be another's, and stays; what is still to come of it will not be heard. */
  spend(): void {
    const records = this.#records;
    const record = this.#record;
    const first = record + offsetsAt;
    const held = records[record + heldAt]!;
    let heldPositions = 0;
    let kept = 0;
    for (let at = first; at < first + held; at++) {
      const offset = records[at]!;
      const position = offset >> symbolBits;
      heldPositions |= 1 << position;
      if ((offset & symbolMask) !== this.#codeword[position]) records[first + kept++] = offset;
    }
    records[record + heldAt] = kept;
    records[record + expectedAt] = codewordLength - held;
    records[record + vainAt] = 0;
    for (let position = 0, at = first + kept; position < codewordLength; position++) {
      if ((heldPositions & (1 << position)) !== 0) continue;
      records[at++] = (position << symbolBits) | this.#codeword[position]!;
    }
    this.#size = 0;
  }

  dismiss(): void {
    this.spend();
  }

  /** Puts an offset before all others, in the place of the one at its position; false where it was still to come. */
  #hold(record: number, offset: number): boolean {
    const records = this.#records;
    const first = record + offsetsAt;
    const held = records[record + heldAt]!;
    const known = held + records[record + expectedAt]!;
    const position = offset >> symbolBits;
    let at = first;
    while (at < first + known && records[at]! >> symbolBits !== position) at++;
    if (at >= first + held) {
      if (at < first + known) {
        records[record + expectedAt]!--;
        if (records[at] === offset) {
          records.copyWithin(at, at + 1, first + known);
          return false;
        }
      }
      records[record + heldAt]!++;
    }
    for (; at > first; at--) records[at] = records[at - 1]!;
    records[first] = offset;
    return true;
  }

  #isWorthTrying(record: number): boolean {
    const vain = this.#records[record + vainAt]!;
    this.#records[record + vainAt] = vain < patience + restInterval - 1 ? vain + 1 : patience;
    return vain <= patience;
  }

  #prepare(record: number): void {
    const held = this.#records[record + heldAt]!;
    let heldPositions = 0;
    for (let index = 0; index < held; index++) {
      const offset = this.#records[record + offsetsAt + index]!;
      heldPositions |= 1 << (offset >> symbolBits);
      this.#received[offset >> symbolBits] = offset & symbolMask;
    }
    this.#decoder.load(this.#received);
    for (let position = 0; position < codewordLength; position++) {
      if ((heldPositions & (1 << position)) === 0) this.#decoder.erase(position);
    }
    this.#size = held;
    // Of an even number the oldest gives nothing: as many may be wrong without it.
    this.#leaveOut((held + 1) % 2);
  }

  /** Leaves the oldest symbols out of what is tried. */
  #leaveOut(count: number): void {
    for (let left = count; left > 0; left--) {
      this.#size--;
      this.#decoder.erase(this.#records[this.#record + offsetsAt + this.#size]! >> symbolBits);
    }
  }
}
