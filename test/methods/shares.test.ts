/** The bounds of counts, against sums that can be done by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertShare, atLeast, binomial, bounds, outside } from './shares.js';

test('the binomial distribution', () => {
  assert.deepEqual(
    Array.from(binomial(4, 0.5), chance => Math.round(chance * 16)),
    [1, 4, 6, 4, 1],
  );
  assert.deepEqual([...binomial(3, 0)], [1, 0, 0, 0]);
  assert.deepEqual([...binomial(3, 1)], [0, 0, 0, 1]);
  const sum = binomial(100_000, 0.3).reduce((total, each) => total + each, 0);
  assert.ok(Math.abs(sum - 1) < 1e-9, `${sum}`);
  assert.ok(Math.abs(atLeast(2, 4, 0.5) - 11 / 16) < 1e-12);
  // 1 − 0.9^10
  assert.ok(Math.abs(atLeast(1, 10, 0.1) - 0.651_321_559_9) < 1e-10);
});

test('bounds leave out what is as good as impossible, and nothing more', () => {
  for (const [trials, chance] of [
    [20, 0.5],
    [3000, 0.1],
    [3000, 1e-10],
    [100_000, 0.999],
  ] as const) {
    const { least, most } = bounds(trials, chance);
    const chances = binomial(trials, chance);
    const sum = (from: number, to: number) => chances.subarray(from, to).reduce((all, each) => all + each, 0);
    assert.ok(sum(0, least) < outside && sum(0, least + 1) >= outside, `${least}`);
    assert.ok(sum(most + 1, trials + 1) < outside && sum(most, trials + 1) >= outside, `${most}`);
  }
  assert.deepEqual(bounds(3000, 0), { least: 0, most: 0 });
  assert.deepEqual(bounds(3000, 1), { least: 3000, most: 3000 });
});

test('a count out of bounds fails', () => {
  assertShare(50, 100, 0.5);
  for (const count of [0, 10, 90, 100]) assert.throws(() => assertShare(count, 100, 0.5), /expected/);
});
