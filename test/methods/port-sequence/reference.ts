/**
 * The code of the spread spelling (PROTOCOL.md section 1.2), slow and plain: what ours must agree with.
 *
 * Written from the format alone. Multiplication is shift-and-add, encoding Lagrange's interpolation, decoding the
 * algorithm of Berlekamp and Welch: a system of linear equations, solved by elimination. It shares nothing with ours.
 */
export const length = 32;
export const dimension = 19;
/** A position at which nothing is held; so is every other value that is no symbol. */
export const missing = 0xff;

/** The product in GF(2^7) with x^7 + x^3 + 1: a is added for each bit of b, and doubled from bit to bit. */
export function multiply(a: number, b: number): number {
  let sum = 0;
  let doubled = a;
  for (let bit = 0; bit < 7; bit++) {
    if (((b >> bit) & 1) === 1) sum ^= doubled;
    doubled <<= 1;
    if (doubled >= 128) doubled ^= 0b1000_1001;
  }
  return sum;
}

/** All 128 × 128 products, so that many cases do not take all day: a · b stands at 128 · a + b. */
const products = Uint8Array.from({ length: 128 * 128 }, (_, index) => multiply(index >> 7, index & 127));
const times = (a: number, b: number): number => products[128 * a + b]!;

/** The inverse of what is not zero: the one number whose product with it is 1. */
const inverses = Uint8Array.from({ length: 128 }, (_, a) => {
  for (let b = 1; b < 128; b++) if (multiply(a, b) === 1) return b;
  return 0;
});
const divide = (a: number, b: number): number => times(a, inverses[b]!);

/** x_i = 2^i. */
const points: number[] = [1];
while (points.length < length) points.push(multiply(points.at(-1)!, 2));

/** The 19 symbols that a block's 128 bits and five zero bits are, first bits first. */
export function symbolsOf(block: Uint8Array): Uint8Array {
  const symbols = new Uint8Array(dimension);
  for (let bit = 0; bit < 128; bit++) {
    const value = (block[Math.floor(bit / 8)]! >> (7 - (bit % 8))) & 1;
    symbols[Math.floor(bit / 7)]! |= value << (6 - (bit % 7));
  }
  return symbols;
}

/** The block whose bits a codeword's first 19 symbols are, or undefined where the last five are not zero. */
export function blockOf(codeword: Uint8Array): Uint8Array | undefined {
  const block = new Uint8Array(16);
  for (let bit = 0; bit < 19 * 7; bit++) {
    const value = (codeword[Math.floor(bit / 7)]! >> (6 - (bit % 7))) & 1;
    if (bit < 128) block[Math.floor(bit / 8)]! |= value << (7 - (bit % 8));
    else if (value !== 0) return undefined;
  }
  return block;
}

/**
 * The codeword that has given symbols at 19 positions: f(x_i) = Σ_j s_j · Π_{m≠j} (x_i − x_m) / (x_j − x_m).
 * @param positions 19 different positions, 0 to 31 @param symbols the symbols at them
 */
export function interpolate(positions: readonly number[], symbols: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(points, x => {
    let sum = 0;
    for (const [j, position] of positions.entries()) {
      let term = symbols[j]!;
      for (const other of positions) {
        if (other === position) continue;
        term = times(term, divide(x ^ points[other]!, points[position]! ^ points[other]!));
      }
      sum ^= term;
    }
    return sum;
  });
}

const first19 = Array.from({ length: dimension }, (_, position) => position);
/** What each of the first 19 symbols adds to each symbol of a codeword, for one unit of it: Lagrange's basis. */
const basis = first19.map(j =>
  interpolate(
    first19,
    first19.map(each => (each === j ? 1 : 0)),
  ),
);

/** The codeword whose first 19 symbols these are. */
export function encodeSymbols(symbols: Uint8Array): Uint8Array {
  const codeword = new Uint8Array(length);
  for (const [j, column] of basis.entries()) {
    for (let i = 0; i < length; i++) codeword[i]! ^= times(symbols[j]!, column[i]!);
  }
  return codeword;
}

/** The codeword of a block. */
export const encode = (block: Uint8Array): Uint8Array => encodeSymbols(symbolsOf(block));

/** A codeword, and how many of the symbols that were held are not its own. */
export interface Decoded {
  readonly codeword: Uint8Array;
  readonly wrong: number;
}

/**
 * The codeword that differs from the symbols held in at most ⌊(held − 19) / 2⌋ positions, if there is one.
 *
 * Let e be that bound. Were f the polynomial of such a codeword and E one of degree ≤ e that is zero wherever the
 * symbol y_i held is wrong, then Q = f · E would satisfy Q(x_i) = y_i · E(x_i) at every position held. So look for any
 * Q of degree < 19 + e and E of degree ≤ e, not both zero, that do. For any such Q and E, Q − f · E is zero wherever
 * y_i is right, which is in at least held − e ≥ 19 + e positions, more than its degree: it is zero, and f = Q / E.
 * Where there is no such f, the quotient shows it: it is none, or it differs from what is held in too many positions.
 */
export function decode(received: Uint8Array): Decoded | undefined {
  const held = points.map((_, position) => position).filter(position => received[position]! < 128);
  if (held.length < dimension) return undefined;
  const bound = Math.floor((held.length - dimension) / 2);
  const columns = dimension + bound + bound + 1;
  const rows = held.map(position => equation(points[position]!, received[position]!, bound));
  const solution = solve(rows, columns);
  if (solution === undefined) return undefined;
  const f = quotient(solution.slice(0, dimension + bound), solution.slice(dimension + bound));
  if (f === undefined || f.length > dimension) return undefined;
  const codeword = Uint8Array.from(points, x => valueAt(f, x));
  const wrong = held.filter(position => codeword[position] !== received[position]).length;
  return wrong <= bound ? { codeword, wrong } : undefined;
}

/** Q(x) − y · E(x) = 0 as the factors of its unknowns: the coefficients of Q, then those of E. */
function equation(x: number, y: number, bound: number): Uint8Array {
  const row = new Uint8Array(dimension + bound + bound + 1);
  for (let power = 0, value = 1; power < dimension + bound; power++, value = times(value, x)) {
    row[power] = value;
    if (power <= bound) row[dimension + bound + power] = times(y, value);
  }
  return row;
}

/** Unknowns, not all zero, for which every row comes to zero; undefined where there are none. Changes the rows. */
function solve(rows: Uint8Array[], columns: number): Uint8Array | undefined {
  for (let column = 0; column < columns; column++) {
    const pivot = rows.findIndex((row, index) => index >= column && row[column] !== 0);
    if (pivot < 0) return solutionFor(rows, column, columns);
    const row = rows[pivot]!;
    rows[pivot] = rows[column]!;
    rows[column] = row;
    for (let below = column + 1; below < rows.length; below++) {
      const target = rows[below]!;
      const factor = divide(target[column]!, row[column]!);
      if (factor === 0) continue;
      for (let at = column; at < columns; at++) target[at]! ^= products[128 * factor + row[at]!]!;
    }
  }
  return undefined;
}

/** The first column without a pivot: its unknown is 1, those after it are 0, those before it follow. */
function solutionFor(rows: readonly Uint8Array[], free: number, columns: number): Uint8Array {
  const solution = new Uint8Array(columns);
  solution[free] = 1;
  for (let column = free - 1; column >= 0; column--) {
    const row = rows[column]!;
    let sum = 0;
    for (let at = column + 1; at <= free; at++) sum ^= times(row[at]!, solution[at]!);
    solution[column] = divide(sum, row[column]!);
  }
  return solution;
}

/** The quotient of two polynomials, lowest coefficient first, or undefined where something is left over. */
function quotient(dividend: Uint8Array, divisor: Uint8Array): number[] | undefined {
  const degree = divisor.findLastIndex(coefficient => coefficient !== 0);
  if (degree < 0) return undefined;
  const result: number[] = new Array(Math.max(0, dividend.length - degree)).fill(0);
  for (let at = result.length - 1; at >= 0; at--) {
    const factor = divide(dividend[at + degree]!, divisor[degree]!);
    result[at] = factor;
    for (let i = 0; i <= degree; i++) dividend[at + i]! ^= times(factor, divisor[i]!);
  }
  if (dividend.some(coefficient => coefficient !== 0)) return undefined;
  while (result.length > 0 && result.at(-1) === 0) result.pop();
  return result;
}

function valueAt(polynomial: readonly number[], x: number): number {
  return polynomial.reduceRight((value, coefficient) => times(value, x) ^ coefficient, 0);
}
