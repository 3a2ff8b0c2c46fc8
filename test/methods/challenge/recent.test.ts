/** A table that does not grow, against a list that remembers everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Recent } from '../../../src/methods/challenge/recent.js';

test('what is new among the last half of the table is always told, and what it never held is never known', () => {
  const drawn = fc.array(fc.nat({ max: 40 }), { maxLength: 200 });
  fc.assert(
    fc.property(drawn, fc.constantFrom(2, 4, 8, 16), (values, size) => {
      const recent = new Recent(size);
      const added: number[] = [];
      for (const value of values) {
        const isNew = recent.add(Uint8Array.of(value, 0));
        if (added.slice(-size / 2).includes(value)) assert.equal(isNew, false);
        if (!added.slice(-size).includes(value)) assert.equal(isNew, true);
        if (isNew) added.push(value);
      }
    }),
  );
});

test('bytes that differ are not the same', () => {
  const recent = new Recent(8);
  assert.equal(recent.add(Uint8Array.of(0xc3, 0xa9)), true);
  assert.equal(recent.add(Uint8Array.of(0xe9)), true);
  assert.equal(recent.add(Uint8Array.of(0xff, 0xfe)), true);
  assert.equal(recent.add(Uint8Array.of(0xfe, 0xff)), true);
  assert.equal(recent.add(Uint8Array.of(0xff, 0xfe)), false);
});
