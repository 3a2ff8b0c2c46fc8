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

const symbolMask = (1 << symbolBits) - 1;

/** A source's record: how many positions are held, how many SYNs it has sent in vain, positions and symbols. */
const heldAt = 0;
const vainAt = 1;
/** The held positions, the one heard last first. */
const positionsAt = 2;
const symbolsAt = positionsAt + codewordLength;
const recordLength = symbolsAt + codewordLength;

/** A source that has sent so many SYNs in vain is listened to at every fourth only: DESIGN.md section 5. */
const patience = 64;
const restInterval = 4;
/** Symbols more than needed, from which on a codeword has hardly come about by chance: 1 in 2^14 at most. */
const tellingSurplus = 2;

export class SpreadSequences implements Sequences {
  isTelling = false;
  readonly #sources: Sources;
  readonly #records: Uint8Array;
  /** A bit for each position whose symbol is still to come of a knock that has been understood. */
  readonly #expected: Uint32Array;
  readonly #decoder = new Decoder();
  readonly #codeword = new Uint8Array(codewordLength);
  #slot = 0;
  /** How many of the newest symbols are to be tried next; always odd. */
  #size = 0;

  /** @param capacity sources, a power of two @param seed 36 random bytes */
  constructor(capacity: number, seed: Uint8Array) {
    this.#sources = new Sources(capacity, seed);
    this.#records = new Uint8Array(capacity * recordLength);
    this.#expected = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#sources.count;
  }

  /** @param offset 0 to 4095 */
  hear(packet: Packet, offset: number): boolean {
    this.#size = 0;
    const slot = this.#sources.slotOf(packet.source);
    this.#slot = slot;
    const record = slot * recordLength;
    if (this.#sources.isNew) this.#begin(record);
    const position = offset >> symbolBits;
    const symbol = offset & symbolMask;
    if (this.#expected[slot] !== 0 && this.#isExpected(position, symbol)) return false;
    this.#hold(record, position, symbol);
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
    const record = this.#slot * recordLength;
    const held = records[record + heldAt]!;
    let expected = -1;
    let kept = 0;
    for (let index = 0; index < held; index++) {
      const position = records[record + positionsAt + index]!;
      expected &= ~(1 << position);
      if (records[record + symbolsAt + position] !== this.#codeword[position]) {
        records[record + positionsAt + kept++] = position;
      }
    }
    records[record + heldAt] = kept;
    records[record + vainAt] = 0;
    this.#expected[this.#slot] = expected;
    for (let position = 0; position < codewordLength; position++) {
      if ((expected & (1 << position)) !== 0)
        records[record + symbolsAt + position] = this.#codeword[position]!;
    }
    this.#size = 0;
  }

  dismiss(): void {
    this.spend();
  }

  #begin(record: number): void {
    this.#records[record + heldAt] = 0;
    this.#records[record + vainAt] = 0;
    this.#expected[this.#slot] = 0;
  }

  /** Whether this is what was still to come at this position; it is, once. */
  #isExpected(position: number, symbol: number): boolean {
    const slot = this.#slot;
    const bit = 1 << position;
    if ((this.#expected[slot]! & bit) === 0) return false;
    this.#expected[slot]! &= ~bit;
    return this.#records[slot * recordLength + symbolsAt + position] === symbol;
  }

  /** Puts a symbol in its place, and the place before all others. */
  #hold(record: number, position: number, symbol: number): void {
    const records = this.#records;
    records[record + symbolsAt + position] = symbol;
    const first = record + positionsAt;
    const held = records[record + heldAt]!;
    let at = first;
    while (at < first + held && records[at] !== position) at++;
    if (at === first + held) records[record + heldAt]!++;
    records.copyWithin(first + 1, first, at);
    records[first] = position;
  }

  #isWorthTrying(record: number): boolean {
    const vain = this.#records[record + vainAt]!;
    this.#records[record + vainAt] = vain < patience + restInterval - 1 ? vain + 1 : patience;
    return vain <= patience;
  }

  /** Of an even number the oldest gives nothing: as many may be wrong without it. */
  #prepare(record: number): void {
    const held = this.#records[record + heldAt]!;
    this.#decoder.load(this.#records, record + symbolsAt);
    let positions = 0;
    for (let index = 0; index < held; index++) positions |= 1 << this.#records[record + positionsAt + index]!;
    for (let position = 0; position < codewordLength; position++) {
      if ((positions & (1 << position)) === 0) this.#decoder.erase(position);
    }
    this.#size = held;
    this.#leaveOut((held + 1) % 2);
  }

  /** Leaves the oldest symbols out of what is tried. */
  #leaveOut(count: number): void {
    const positions = this.#slot * recordLength + positionsAt;
    for (let left = count; left > 0; left--) {
      this.#size--;
      this.#decoder.erase(this.#records[positions + this.#size]!);
    }
  }
}
