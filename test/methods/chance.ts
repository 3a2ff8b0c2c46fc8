/**
 * Chance that comes again: numbers that look random, the same for the same seed on every machine.
 *
 * xoshiro128** 1.1 by Blackman and Vigna (2018), its four words of state filled by splitmix32. All of it is arithmetic
 * of 32 bits, and so exact. For tests alone: whoever sees a few numbers knows all that follow.
 */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** The four words of state, integers that are not all zero. */
  constructor(a: number, b: number, c: number, d: number) {
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** 0 to 2^32 − 1. */
  word(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** 0 up to, but never, 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  /** An integer, 0 to limit − 1; for limits far below 2^32, where no value is noticeably likelier than another. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True in this share of cases, 0 to 1. */
  happens(share: number): boolean {
    return this.fraction() < share;
  }

  /** Some of 0 to limit − 1, each at most once, in random order. */
  some(count: number, limit: number): number[] {
    const all = Array.from({ length: limit }, (_, index) => index);
    for (let at = 0; at < count; at++) {
      const other = at + this.below(limit - at);
      [all[at], all[other]] = [all[other]!, all[at]!];
    }
    return all.slice(0, count);
  }
}

/** The chance that belongs to a seed, an integer from 0 to 2^32 − 1. */
export function chanceFrom(seed: number): Chance {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`"seed" expected integer 0 to ${2 ** 32 - 1}, got ${seed}`);
  }
  let state = seed;
  const splitmix = () => {
    state = (state + 0x9e3779b9) | 0;
    const once = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
    return twice ^ (twice >>> 16);
  };
  return new Chance(splitmix(), splitmix(), splitmix(), splitmix());
}
