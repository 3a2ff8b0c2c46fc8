/**
 * Which slot of a method's fixed-size tables belongs to a source address.
 *
 * A table of buckets of 8 places. A hash that nobody outside can compute says which bucket; within it, a new source takes
 * the place of the one heard longest ago. The work for a packet is the same whatever is in the table, and it touches few
 * lines of the processor's cache: under a flood that is most of what a packet costs. DESIGN.md section 5 has the
 * arithmetic of its size.
 */

const ways = 8;
/** A Mersenne prime: sums of nine products of 31 and 16 bits stay exact in a double. */
const prime = 0x7fffffff;
const primeInverse = 1 / 2 ** 31;

export class Sources {
  readonly capacity: number;
  /** How many slots are in use. */
  count = 0;
  /** Whether the slot that `slotOf` returned last has just been given to this source. */
  isNew = false;

  readonly #factors: Float64Array;
  /**
   * Of each bucket, side by side: the hashes of its sources, at least 1 (0: a free place), then the packets that they were
   * heard with last.
   */
  readonly #buckets: Uint32Array;
  readonly #addresses: Uint32Array;
  readonly #bucketMask: number;
  #packets = 0;

  /**
   * @param capacity slots, a power of two from 8 on
   * @param seed 36 random bytes: without them a stranger could choose addresses that share one bucket
   */
  constructor(capacity: number, seed: Uint8Array) {
    if (!Number.isInteger(capacity) || capacity < ways || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`"capacity" expected a power of two from ${ways} on, got ${capacity}`);
    }
    if (seed.length !== 36) throw new RangeError(`"seed" expected 36 bytes, got ${seed.length}`);
    this.capacity = capacity;
    const view = new DataView(seed.buffer, seed.byteOffset, seed.length);
    this.#factors = Float64Array.from(
      { length: 9 },
      (_, index) => 1 + (view.getUint32(index * 4) % (prime - 1)),
    );
    this.#buckets = new Uint32Array(capacity * 2);
    this.#addresses = new Uint32Array(capacity * 4);
    this.#bucketMask = capacity / ways - 1;
  }

  /** The slot of a source (16 bytes), 0 to capacity − 1. */
  slotOf(source: Uint8Array): number {
    const a = word(source, 0);
    const b = word(source, 4);
    const c = word(source, 8);
    const d = word(source, 12);
    const hash = this.#hashOf(a, b, c, d);
    const bucket = hash & this.#bucketMask;
    const first = bucket * ways * 2;
    const now = ++this.#packets >>> 0;
    const buckets = this.#buckets;
    for (let way = 0; way < ways; way++) {
      if (buckets[first + way] === hash && this.#holds(bucket * ways + way, a, b, c, d)) {
        this.isNew = false;
        buckets[first + ways + way] = now;
        return bucket * ways + way;
      }
    }
    const way = this.#placeIn(first, now);
    if (buckets[first + way] === 0) this.count++;
    buckets[first + way] = hash;
    buckets[first + ways + way] = now;
    const slot = bucket * ways + way;
    const at = slot * 4;
    this.#addresses[at] = a;
    this.#addresses[at + 1] = b;
    this.#addresses[at + 2] = c;
    this.#addresses[at + 3] = d;
    this.isNew = true;
    return slot;
  }

  /** Puts the address that a slot belongs to in `source` (16 bytes). */
  addressOf(slot: number, source: Uint8Array): void {
    for (let at = 0; at < 16; at++)
      source[at] = this.#addresses[slot * 4 + (at >> 2)]! >>> (24 - 8 * (at & 3));
  }

  /** Multilinear hashing over a prime field: two different sources collide with probability 1 / (2^31 − 1). */
  #hashOf(a: number, b: number, c: number, d: number): number {
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
    // 2^31 is 1 modulo the prime. Less than the prime is not needed: equal sums stay equal.
    const high = Math.floor(sum * primeInverse);
    return 1 + high + (sum - high * 2 ** 31);
  }

  #holds(slot: number, a: number, b: number, c: number, d: number): boolean {
    const at = slot * 4;
    const words = this.#addresses;
    return words[at + 3] === d && words[at + 2] === c && words[at + 1] === b && words[at] === a;
  }

  /** A free place of a bucket, or that of the source heard longest ago. */
  #placeIn(first: number, now: number): number {
    const buckets = this.#buckets;
    let oldest = 0;
    let age = -1;
    for (let way = 0; way < ways; way++) {
      if (buckets[first + way] === 0) return way;
      // The count of packets may have begun anew since.
      const its = (now - buckets[first + ways + way]!) >>> 0;
      if (its > age) {
        age = its;
        oldest = way;
      }
    }
    return oldest;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
