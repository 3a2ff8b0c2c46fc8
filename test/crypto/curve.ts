/** P-256 as a textbook has it: points by addition, one bit of the number after the other. Slow, and independent of the library. */
const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
export const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

type Point = { readonly x: bigint; readonly y: bigint } | undefined;

export const base: Point = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};

const modulo = (value: bigint) => ((value % p) + p) % p;

/** By Fermat's little theorem. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let square = modulo(value);
  for (let exponent = p - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}

function add(left: Point, right: Point): Point {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.x === right.x && modulo(left.y + right.y) === 0n) return undefined;
  const slope =
    left.x === right.x
      ? modulo((3n * left.x * left.x - 3n) * inverse(2n * left.y))
      : modulo((right.y - left.y) * inverse(right.x - left.x));
  const x = modulo(slope * slope - left.x - right.x);
  return { x, y: modulo(slope * (left.x - x) - left.y) };
}

export function multiply(scalar: bigint, point: Point): Point {
  let result: Point;
  for (let bit = 255n; bit >= 0n; bit--) {
    result = add(result, result);
    if (((scalar >> bit) & 1n) === 1n) result = add(result, point);
  }
  return result;
}

const hex = (value: bigint) => value.toString(16).padStart(64, '0');

export function encode(point: Point): Buffer {
  return Buffer.from(`04${hex(point!.x)}${hex(point!.y)}`, 'hex');
}

export function decode(bytes: Uint8Array): Point {
  const text = Buffer.from(bytes).toString('hex');
  return { x: BigInt(`0x${text.slice(2, 66)}`), y: BigInt(`0x${text.slice(66)}`) };
}

export function scalarBytes(scalar: bigint): Buffer {
  return Buffer.from(hex(scalar), 'hex');
}
