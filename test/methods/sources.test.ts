/** The table of sources against a plain list that is searched from end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Sources } from '../../src/methods/sources.js';

/** The same promise, kept slowly: the source heard longest ago stands first. */
class SlowSources {
  readonly #heard: { readonly source: string; readonly slot: number }[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get count(): number {
    return this.#heard.length;
  }

  hear(source: Uint8Array): { readonly slot: number; readonly isNew: boolean } {
    const name = source.join('.');
    const index = this.#heard.findIndex(each => each.source === name);
    const known = index < 0 ? undefined : this.#heard.splice(index, 1)[0];
    const evicted = known === undefined && this.count === this.#capacity ? this.#heard.shift() : undefined;
    const slot = known?.slot ?? evicted?.slot ?? this.count;
    this.#heard.push({ source: name, slot });
    return { slot, isNew: known === undefined };
  }
}

/** Few addresses that differ in one byte each, so that they come again. */
const source = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 3 }))
  .map(([at, value]) => Uint8Array.from({ length: 16 }, (_, index) => (index === at ? value : 0)));

const seed = fc.oneof(
  fc.uint8Array({ minLength: 36, maxLength: 36 }),
  // All factors equal: sums of bytes collide all the time, and chains grow long.
  fc.constant(new Uint8Array(36)),
);

for (const capacity of [2, 4, 16, 64]) {
  test(`agrees with a list, capacity ${capacity}`, () => {
    fc.assert(
      fc.property(seed, fc.array(source, { minLength: 1, maxLength: 300, size: 'max' }), (bytes, heard) => {
        const fast = new Sources(capacity, bytes);
        const slow = new SlowSources(capacity);
        const shared = new Uint8Array(16);
        for (const each of heard) {
          shared.set(each);
          const slot = fast.slotOf(shared);
          shared.fill(0xee);
          assert.deepEqual({ slot, isNew: fast.isNew }, slow.hear(each));
          assert.equal(fast.count, slow.count);
        }
      }),
      { numRuns: 200 },
    );
  });
}

test('a flood of sources that differ in any four bytes stays within the table', () => {
  const sources = new Sources(1024, new Uint8Array(36).fill(0x5a));
  const view = new DataView(new ArrayBuffer(16));
  const address = new Uint8Array(view.buffer);
  for (const at of [0, 4, 8, 12]) {
    for (let value = 0; value < 100_000; value++) {
      view.setUint32(at, value);
      const slot = sources.slotOf(address);
      if (!(slot >= 0 && slot < 1024)) assert.fail(`slot ${slot}`);
    }
  }
  assert.equal(sources.count, 1024);
});

test('sizes and seeds that cannot be are refused', () => {
  for (const capacity of [-2, 0, 1, 3, 6, 1000, 2.5, Number.NaN]) {
    assert.throws(() => new Sources(capacity, new Uint8Array(36)), RangeError, `${capacity}`);
  }
  for (const length of [0, 16, 35, 37]) {
    assert.throws(() => new Sources(4, new Uint8Array(length)), RangeError, `${length}`);
  }
});
