/**
 * Which slot of a method's fixed-size tables belongs to a source address; the source heard longest ago goes first.
 *
 * The work for a packet is the same whatever is in the table: one hash, a chain of expected length one, four links.
 * DESIGN.md section 5 has the arithmetic of its size against floods.
 */

const none = -1;
/** A Mersenne prime: sums of nine products of 31 and 16 bits stay exact in a double. */
const prime = 0x7fffffff;

export class Sources {
  readonly capacity: number;
  /** How many slots are in use. */
  count = 0;
  /** Whether the slot that `slotOf` returned last has just been given to this source. */
  isNew = false;

  readonly #factors: Float64Array;
  readonly #addresses: Uint32Array;
  readonly #chains: Int32Array;
  readonly #nextInChain: Int32Array;
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  #newest = none;
  #oldest = none;

  /**
   * @param capacity slots, a power of two
   * @param seed 36 random bytes: without them a stranger could choose addresses that share one chain
   */
  constructor(capacity: number, seed: Uint8Array) {
    if (!Number.isInteger(capacity) || capacity < 2 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`"capacity" expected a power of two, got ${capacity}`);
    }
    if (seed.length !== 36) throw new RangeError(`"seed" expected 36 bytes, got ${seed.length}`);
    this.capacity = capacity;
    const view = new DataView(seed.buffer, seed.byteOffset, seed.length);
    this.#factors = Float64Array.from(
      { length: 9 },
      (_, index) => 1 + (view.getUint32(index * 4) % (prime - 1)),
    );
    this.#addresses = new Uint32Array(capacity * 4);
    this.#chains = new Int32Array(capacity).fill(none);
    this.#nextInChain = new Int32Array(capacity).fill(none);
    this.#newer = new Int32Array(capacity).fill(none);
    this.#older = new Int32Array(capacity).fill(none);
  }

  /** The slot of a source (16 bytes), 0 to capacity − 1; a new source takes the place of the oldest. */
  slotOf(source: Uint8Array): number {
    const a = word(source, 0);
    const b = word(source, 4);
    const c = word(source, 8);
    const d = word(source, 12);
    const chain = this.#chainOf(a, b, c, d);
    for (let slot = this.#chains[chain]!; slot !== none; slot = this.#nextInChain[slot]!) {
      if (this.#holds(slot, a, b, c, d)) {
        this.isNew = false;
        if (slot !== this.#newest) {
          this.#unlink(slot);
          this.#linkAsNewest(slot);
        }
        return slot;
      }
    }
    const slot = this.count < this.capacity ? this.count++ : this.#takeOldest();
    this.#store(slot, a, b, c, d);
    this.#nextInChain[slot] = this.#chains[chain]!;
    this.#chains[chain] = slot;
    this.#linkAsNewest(slot);
    this.isNew = true;
    return slot;
  }

  /** Multilinear hashing over a prime field: two different sources collide with probability 1 / (2^31 − 1). */
  #chainOf(a: number, b: number, c: number, d: number): number {
    const f = this.#factors;
    const sum =
      f[0]! +
      f[1]! * (a >>> 16) +
      f[2]! * (a & 0xffff) +
      f[3]! * (b >>> 16) +
      f[4]! * (b & 0xffff) +
      f[5]! * (c >>> 16) +
      f[6]! * (c & 0xffff) +
      f[7]! * (d >>> 16) +
      f[8]! * (d & 0xffff);
    return (sum % prime) & (this.capacity - 1);
  }

  #holds(slot: number, a: number, b: number, c: number, d: number): boolean {
    const at = slot * 4;
    const words = this.#addresses;
    return words[at + 3] === d && words[at + 2] === c && words[at + 1] === b && words[at] === a;
  }

  #store(slot: number, a: number, b: number, c: number, d: number): void {
    const at = slot * 4;
    const words = this.#addresses;
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
  }

  #takeOldest(): number {
    const slot = this.#oldest;
    this.#unlink(slot);
    const at = slot * 4;
    const words = this.#addresses;
    const chain = this.#chainOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    let before = this.#chains[chain]!;
    if (before === slot) {
      this.#chains[chain] = this.#nextInChain[slot]!;
    } else {
      while (this.#nextInChain[before] !== slot) before = this.#nextInChain[before]!;
      this.#nextInChain[before] = this.#nextInChain[slot]!;
    }
    return slot;
  }

  #linkAsNewest(slot: number): void {
    this.#older[slot] = this.#newest;
    this.#newer[slot] = none;
    if (this.#newest !== none) this.#newer[this.#newest] = slot;
    this.#newest = slot;
    if (this.#oldest === none) this.#oldest = slot;
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot]!;
    const older = this.#older[slot]!;
    if (newer === none) this.#newest = older;
    else this.#older[newer] = older;
    if (older === none) this.#oldest = newer;
    else this.#newer[older] = newer;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
