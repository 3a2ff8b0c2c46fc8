/** The arithmetic of the bench: percentiles are values that were measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spreadOf } from '../../bench/spread.js';

test('percentiles of one to a hundred are their own numbers', () => {
  const shuffled = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) + 1);
  assert.deepEqual(spreadOf(shuffled), { count: 100, min: 1, p25: 25, p50: 50, p75: 75, p99: 99, max: 100 });
});

test('few values: the nearest rank', () => {
  assert.deepEqual(spreadOf([7]), { count: 1, min: 7, p25: 7, p50: 7, p75: 7, p99: 7, max: 7 });
  assert.deepEqual(spreadOf([3, 1]), { count: 2, min: 1, p25: 1, p50: 1, p75: 3, p99: 3, max: 3 });
  const three = spreadOf([10, 9, 100]);
  assert.deepEqual([three.p50, three.p99], [10, 100]);
});

test('no values: none to be invented', () => assert.throws(() => spreadOf([]), RangeError));

test('as numbers, not as text; in order; and the input is left alone', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), values => {
      const before = [...values];
      const { count, min, p25, p50, p75, p99, max } = spreadOf(values);
      assert.deepEqual(values, before);
      assert.equal(count, values.length);
      const rising = [min, p25, p50, p75, p99, max];
      for (const [index, value] of rising.entries()) {
        assert.ok(values.includes(value));
        assert.ok(index === 0 || rising[index - 1]! <= value);
      }
      for (const value of values) assert.ok(min <= value && value <= max);
    }),
  );
});
