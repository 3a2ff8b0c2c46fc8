/**
 * Decodes the code of the spread spelling (PROTOCOL.md section 1.2), wrong symbols and missing ones.
 *
 * A Reed–Solomon code: the symbols are the values of a polynomial of degree less than 19 at 32 points. Decoding is by
 * syndromes, Berlekamp–Massey for where the wrong symbols are, Forney's formula for what they should be; with erasures as
 * in R. E. Blahut, "Theory and Practice of Error Control Codes" (1983), chapter 7.
 */
import { divide, logarithms, multiply, order, powers, products } from './field.js';

/** Symbols of a codeword. */
export const codewordLength = 32;
/** Symbols that determine it. */
export const dataLength = 19;
/** How many may be missing, or twice as many as may be wrong. */
const redundancy = codewordLength - dataLength;
const mostWrong = redundancy >> 1;

/**
 * The logarithms of the multipliers that make the code's dual: 1 / ∏ (x_i − x_l) over all other points. With them the
 * syndromes are power sums (F. J. MacWilliams, N. J. A. Sloane, "The Theory of Error-Correcting Codes", chapter 10.8).
 */
const multipliers = Uint8Array.from({ length: codewordLength }, (_, i) => {
  let product = 1;
  for (let l = 0; l < codewordLength; l++) if (l !== i) product = multiply(product, powers[i]! ^ powers[l]!);
  return logarithms[divide(1, product)]!;
});

/** What symbol i of value s adds to the 13 syndromes, s · multiplier · x_i^j: 16 bytes at (i · 128 + s) · 16. */
const shares = new Uint8Array(codewordLength * (order + 1) * 16);
for (let at = 0; at < shares.length; at++) {
  const i = at >> 11;
  const j = at & 15;
  const factor = powers[(multipliers[i]! + i * j) % order]!;
  if (j < redundancy) shares[at] = products[(factor << 7) | ((at >> 4) & order)]!;
}
/** The same, four syndromes at once. */
const shareWords = new Uint32Array(shares.buffer);

/** Decodes step by step: the same symbols again and again, each time with more of them left out. Allocates nothing. */
export class Decoder {
  readonly #symbols = new Uint8Array(codewordLength);
  /** S(z) Γ(z) modulo z^13: the syndromes, rid of the erased symbols from place `#erased` on. */
  readonly #syndromeWords = new Uint32Array(4);
  readonly #syndromes = new Uint8Array(this.#syndromeWords.buffer);
  /** Positions without a known symbol: erased ones first, then those that were found to be wrong. */
  readonly #positions = new Uint8Array(codewordLength);
  readonly #isErased = new Uint8Array(codewordLength);
  #erased = 0;
  /** How many of them, once there is a solution. */
  #unknown = 0;
  /** σ(z), whose roots are the inverse points of the wrong symbols, and what Berlekamp–Massey needs beside it. */
  readonly #locator = new Uint8Array(mostWrong + 1);
  readonly #before = new Uint8Array(mostWrong + 1);
  readonly #kept = new Uint8Array(mostWrong + 1);
  readonly #evaluator = new Uint8Array(redundancy);

  /** Takes 32 symbols. Where one is missing anything may stand: erase it. */
  load(symbols: Uint8Array): void {
    this.#isErased.fill(0);
    this.#erased = 0;
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let i = 0; i < codewordLength; i++) {
      const symbol = symbols[i]! & order;
      this.#symbols[i] = symbol;
      const share = ((i << 7) | symbol) << 2;
      a ^= shareWords[share]!;
      b ^= shareWords[share + 1]!;
      c ^= shareWords[share + 2]!;
      d ^= shareWords[share + 3]!;
    }
    const words = this.#syndromeWords;
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
  }

  /** Leaves a symbol out, once. */
  erase(position: number): void {
    if (this.#erased < redundancy) {
      const syndromes = this.#syndromes;
      const point = powers[position]! << 7;
      for (let j = redundancy - 1; j > 0; j--) syndromes[j]! ^= products[point | syndromes[j - 1]!]!;
    }
    this.#isErased[position] = 1;
    this.#positions[this.#erased++] = position;
  }

  /**
   * Finds the codeword that differs from the symbols not erased in at most ⌊(13 − erased) / 2⌋ places.
   * @returns in how many; −1 where there is none
   */
  solve(): number {
    if (this.#erased > redundancy) return -1;
    const wrong = this.#findLocator((redundancy - this.#erased) >> 1);
    if (wrong < 0 || !this.#findWrong(wrong)) return -1;
    this.#computeEvaluator(wrong);
    this.#unknown = this.#erased + wrong;
    return wrong;
  }

  /** Symbol 18 of the codeword that was found: where its padding is not zero, the codeword spells no block. */
  lastDataSymbol(): number {
    const position = dataLength - 1;
    const known = this.#symbols[position]!;
    const index = this.#positions.indexOf(position);
    return index >= 0 && index < this.#unknown ? known ^ this.#errorAt(position) : known;
  }

  /** Writes the codeword that was found, 32 symbols. */
  write(codeword: Uint8Array): void {
    codeword.set(this.#symbols);
    for (let index = 0; index < this.#unknown; index++) {
      const position = this.#positions[index]!;
      codeword[position]! ^= this.#errorAt(position);
    }
  }

  /** Berlekamp–Massey over the syndromes past the erasures. @returns how many are wrong; −1 for more than the bound */
  #findLocator(bound: number): number {
    const locator = this.#locator.fill(0);
    const before = this.#before.fill(0);
    locator[0] = before[0] = 1;
    let length = 0;
    let shift = 1;
    let scale = 1;
    for (let j = this.#erased; j < redundancy; j++, shift++) {
      const discrepancy = this.#discrepancyAt(j, length);
      if (discrepancy === 0) continue;
      const factor = divide(discrepancy, scale) << 7;
      const grows = 2 * length <= j - this.#erased;
      if (grows) this.#kept.set(locator);
      for (let i = shift; i <= bound; i++) locator[i]! ^= products[factor | before[i - shift]!]!;
      if (!grows) continue;
      length = j - this.#erased + 1 - length;
      if (length > bound) return -1;
      before.set(this.#kept);
      scale = discrepancy;
      shift = 0;
    }
    return length;
  }

  #discrepancyAt(j: number, length: number): number {
    let sum = this.#syndromes[j]!;
    for (let i = 1; i <= length; i++) sum ^= products[(this.#locator[i]! << 7) | this.#syndromes[j - i]!]!;
    return sum;
  }

  /** Chien's search: the positions at whose inverse point σ is zero. All of its roots must be among them. */
  #findWrong(wrong: number): boolean {
    let found = 0;
    for (let position = 0; position < codewordLength && found < wrong; position++) {
      if (this.#isErased[position] === 0 && evaluateAtInverse(this.#locator, wrong + 1, position) === 0) {
        this.#positions[this.#erased + found++] = position;
      }
    }
    return found === wrong;
  }

  /** Ω(z) = S(z) Γ(z) σ(z) modulo z^13. */
  #computeEvaluator(wrong: number): void {
    for (let j = 0; j < redundancy; j++) {
      let sum = this.#syndromes[j]!;
      for (let i = 1; i <= Math.min(wrong, j); i++) {
        sum ^= products[(this.#locator[i]! << 7) | this.#syndromes[j - i]!]!;
      }
      this.#evaluator[j] = sum;
    }
  }

  /** Forney: Ω at the inverse point, by the product of (1 − x_l / x) over the other unknown positions, by u. */
  #errorAt(position: number): number {
    const value = evaluateAtInverse(this.#evaluator, redundancy, position);
    if (value === 0) return 0;
    let log = logarithms[value]! + 2 * order * codewordLength - multipliers[position]!;
    for (let index = 0; index < this.#unknown; index++) {
      const other = this.#positions[index]!;
      if (other !== position) log -= logarithms[1 ^ powers[other - position + order]!]!;
    }
    return powers[log % order]!;
  }
}

/** A polynomial's value at α^−position, by Horner's rule. */
function evaluateAtInverse(polynomial: Uint8Array, length: number, position: number): number {
  const point = powers[order - position]! << 7;
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = products[point | value]! ^ polynomial[i]!;
  return value;
}
