/** The slow code itself: the field, the vectors, and decoding against trying everything. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { type Chance, chanceFrom } from '../chance.js';
import {
  blockOf,
  decode,
  dimension,
  encode,
  encodeSymbols,
  interpolate,
  length,
  missing,
  multiply,
  symbolsOf,
} from './reference.js';

test('the field: 2 generates all of it, and multiplication is associative and distributes', () => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = multiply(power, 2)) powers.add(power);
  assert.equal(powers.size, 127);
  // x^7 = x^3 + 1
  assert.equal(multiply(64, 2), 0b1001);
  for (let a = 0; a < 128; a++) {
    for (let b = 0; b < 128; b++) {
      assert.equal(multiply(a, b), multiply(b, a));
      const c = (a * 31 + b * 17) & 127;
      assert.equal(multiply(multiply(a, b), c), multiply(a, multiply(b, c)));
      assert.equal(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c));
    }
  }
});

test('a block becomes symbols first bits first, and comes back', () => {
  const block = Uint8Array.from([0b1000_0001, 0b1100_0000, ...new Uint8Array(13), 0b0000_0011]);
  assert.deepEqual([...symbolsOf(block)], [0b1000000, 0b1110000, ...new Array(16).fill(0), 0b1100000]);
  const codeword = encode(block);
  assert.deepEqual(blockOf(codeword), block);
  for (let bit = 0; bit < 5; bit++) {
    const other = Uint8Array.from(codeword);
    other[18]! ^= 1 << bit;
    assert.equal(blockOf(other), undefined);
  }
});

const symbols = (chance: Chance, count: number) =>
  Uint8Array.from({ length: count }, () => chance.below(128));

/** Every codeword that agrees with what is held in 19 positions at least, tried one choice of 19 after the other. */
function tryEverything(received: Uint8Array): Uint8Array | undefined {
  const held = [...received.keys()].filter(position => received[position]! < 128);
  const bound = Math.floor((held.length - dimension) / 2);
  const choose = (count: number, from: readonly number[]): number[][] => {
    if (count === 0) return [[]];
    return from.flatMap((first, at) => choose(count - 1, from.slice(at + 1)).map(rest => [first, ...rest]));
  };
  for (const left of choose(held.length - dimension, held)) {
    const positions = held.filter(position => !left.includes(position));
    const codeword = interpolate(
      positions,
      positions.map(position => received[position]!),
    );
    if (held.filter(position => codeword[position] !== received[position]).length <= bound) return codeword;
  }
  return undefined;
}

test('decoding finds what trying everything finds', t => {
  const seed = Number(process.env['PORTKNOCK_SEED'] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (PORTKNOCK_SEED)`);
  const chance = chanceFrom(seed);
  let found = 0;
  for (let round = 0; round < 120; round++) {
    const received = encodeSymbols(symbols(chance, dimension));
    const held = 18 + (round % 5);
    const order = chance.some(length, length);
    for (const position of order.slice(held)) received[position] = missing;
    for (const position of order.slice(0, chance.below(4))) received[position]! ^= 1 + chance.below(127);
    const decoded = decode(received);
    const expected = held < dimension ? undefined : tryEverything(received);
    assert.deepEqual(decoded?.codeword, expected, `round ${round}: ${received.join()}`);
    if (decoded !== undefined) found++;
  }
  assert.ok(found > 24 && found < 96, `${found} found`);
});
