/**
 * GF(2^7) with x^7 + x^3 + 1 (PROTOCOL.md section 1.2): what a symbol of the spread spelling is a number of.
 *
 * Addition is XOR. Products go by logarithms to the base of the generator 2.
 */

const polynomial = 0b1000_1001;

/** How many powers the generator has; logarithms are 0 to order − 1. */
export const order = 127;

/** Powers of the generator, twice over: the sum of two logarithms needs no reduction. */
export const powers: Uint8Array = new Uint8Array(2 * order);

/** The logarithm of each element but 0, which has none. */
export const logarithms: Uint8Array = new Uint8Array(order + 1);

for (let exponent = 0, power = 1; exponent < order; exponent++) {
  powers[exponent] = power;
  powers[exponent + order] = power;
  logarithms[power] = exponent;
  power <<= 1;
  if (power > order) power ^= polynomial;
}

/** All products, that of a and b at a · 128 + b: a look-up without a branch is three times as fast. */
export const products: Uint8Array = Uint8Array.from({ length: (order + 1) ** 2 }, (_, index) => {
  const a = index >> 7;
  const b = index & order;
  return a === 0 || b === 0 ? 0 : powers[logarithms[a]! + logarithms[b]!]!;
});

/** The product of two elements. */
export function multiply(a: number, b: number): number {
  return products[(a << 7) | b]!;
}

/** The quotient of two elements; the divisor is not 0. */
export function divide(a: number, b: number): number {
  return a === 0 ? 0 : powers[logarithms[a]! + order - logarithms[b]!]!;
}
