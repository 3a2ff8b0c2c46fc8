/**
 * That sequence numbers look like any: the usual tests of uniformity, over 100,000 of them.
 *
 * The keys are fixed, so each figure is the same on every run: a number that fails does so because the derivation has
 * changed, and not by chance. The bounds are what true randomness exceeds less than once in 10,000 samples.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberSeries } from '../../../src/methods/sequence-number/format.js';

const ports = [22, 443, 993, 8022, 65535];
const clients = 10;
const steps = 2000;
/** In November 2026, with periods of 30 seconds. */
const firstStep = 59_840_000;

/** Each key's numbers for a port, period by period. */
const rows = Array.from({ length: clients }, (_, client) =>
  ports.map(port => {
    const series = new NumberSeries(Buffer.from(`client ${client}`), port);
    return Array.from({ length: steps }, (_, step) => series.at(firstStep + step));
  }),
).flat();
const numbers = rows.flat();
const count = numbers.length;
const bits = Array.from({ length: 32 }, (_, bit) => bit);
const bitOf = (number: number, bit: number) => (number >>> bit) & 1;

test('there are 100,000', () => {
  assert.equal(count, 100_000);
});

/** What a sum of `tries` fair coins lies from its mean, in standard deviations. */
const deviation = (heads: number, tries: number) => (heads - tries / 2) / Math.sqrt(tries / 4);

test('monobit: every bit is set in half of them', () => {
  for (const bit of bits) {
    const set = numbers.reduce((sum, number) => sum + bitOf(number, bit), 0);
    // 32 bits: 4.7 standard deviations, once in 12,000.
    assert.ok(Math.abs(deviation(set, count)) < 4.7, `bit ${bit}: ${set}`);
  }
});

test('runs: from one period to the next every bit changes in half of all cases', () => {
  const pairs = rows.length * (steps - 1);
  for (const bit of bits) {
    let changes = 0;
    for (const row of rows) {
      for (let at = 1; at < steps; at++) changes += bitOf(row[at]! ^ row[at - 1]!, bit);
    }
    assert.ok(Math.abs(deviation(changes, pairs)) < 4.7, `bit ${bit}: ${changes} of ${pairs}`);
  }
});

function chiSquare(counts: readonly number[], total: number): number {
  const expected = total / counts.length;
  return counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
}

test('chi-square: every value of every byte is as frequent as the others', () => {
  for (const shift of [0, 8, 16, 24]) {
    const counts = new Array<number>(256).fill(0);
    for (const number of numbers) counts[(number >>> shift) & 0xff]!++;
    const figure = chiSquare(counts, count);
    // 255 degrees of freedom, four bytes: 2.5 in 100,000 at either end (Wilson and Hilferty).
    assert.ok(figure > 170 && figure < 357, `byte at bit ${shift}: ${figure}`);
  }
});

test('chi-square: any two bits are both 0, both 1, or different, as independent ones are', () => {
  for (const one of bits) {
    for (const other of bits.slice(one + 1)) {
      const counts = [0, 0, 0, 0];
      for (const number of numbers) counts[bitOf(number, one) * 2 + bitOf(number, other)]!++;
      // 3 degrees of freedom, 496 pairs: 34 once in 5 million.
      assert.ok(chiSquare(counts, count) < 34, `bits ${one} and ${other}: ${counts}`);
    }
  }
});

/** The correlation of two lists of numbers, in standard deviations of what chance gives. */
function correlation(pairs: readonly (readonly [number, number])[]): number {
  const middle = (2 ** 32 - 1) / 2;
  const variance = (2 ** 64 - 1) / 12;
  const sum = pairs.reduce((sum, [a, b]) => sum + (a - middle) * (b - middle), 0);
  return sum / variance / Math.sqrt(pairs.length);
}

test('serial correlation: a number says nothing of those one, two and three periods later', () => {
  for (const lag of [1, 2, 3]) {
    const pairs = rows.flatMap(row => row.slice(lag).map((number, at) => [row[at]!, number] as const));
    assert.ok(Math.abs(correlation(pairs)) < 4.2, `lag ${lag}: ${correlation(pairs)}`);
  }
});

test('correlation: a number says nothing of the same period of another port or another client', () => {
  for (const lag of [1, ports.length]) {
    const pairs = rows
      .slice(lag)
      .flatMap((row, at) => row.map((number, step) => [rows[at]![step]!, number] as const));
    assert.ok(Math.abs(correlation(pairs)) < 4.2, `${lag}: ${correlation(pairs)}`);
  }
});

test('duplicates: as many as by the birthday paradox', () => {
  // Expected: 100,000² / 2^33 = 1.16; eight or more once in 20,000.
  const duplicates = count - new Set(numbers).size;
  assert.ok(duplicates < 8, `${duplicates}`);
  // Of their upper and lower halves: 2^16 values, each missed with a probability of (1 − 2^−16)^100,000.
  for (const shift of [0, 16]) {
    const missed = 2 ** 16 - new Set(numbers.map(number => (number >>> shift) & 0xffff)).size;
    const share = Math.exp(-count / 2 ** 16);
    const expected = 2 ** 16 * share;
    const spread = Math.sqrt(expected * (1 - share - (count / 2 ** 16) * share));
    assert.ok(Math.abs(missed - expected) < 4.2 * spread, `${missed} of ${expected}`);
  }
});
