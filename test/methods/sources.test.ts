/** The table of sources against a plain list that is searched from end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Sources } from '../../src/methods/sources.js';

const ways = 8;

/** The same promise, kept slowly: who has which slot, and when it was heard last. Says what is not as promised. */
class SlowSources {
  readonly #owners = new Map<number, { readonly name: string; readonly heard: number }>();
  #heard = 0;

  get count(): number {
    return this.#owners.size;
  }

  hear(source: Uint8Array, slot: number, isNew: boolean): string | undefined {
    const name = source.join('.');
    const known = [...this.#owners].find(([, owner]) => owner.name === name)?.[0];
    const fault = known === undefined ? this.#faultOfNew(slot, isNew) : slot !== known || isNew;
    this.#owners.set(slot, { name, heard: this.#heard++ });
    return fault === true ? 'a known source has its slot' : fault || undefined;
  }

  /** A new source takes a free place of its bucket, or that of the one heard longest ago. */
  #faultOfNew(slot: number, isNew: boolean): string | false {
    if (!isNew) return 'a new source is new';
    const first = slot - (slot % ways);
    const bucket = Array.from({ length: ways }, (_, way) => this.#owners.get(first + way)?.heard ?? -1);
    return bucket[slot - first] !== Math.min(...bucket) && 'the oldest goes first';
  }
}

/** Few addresses that differ in one byte each, so that they come again. */
const source = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 3 }))
  .map(([at, value]) => Uint8Array.from({ length: 16 }, (_, index) => (index === at ? value : 0)));

const seed = fc.oneof(
  fc.uint8Array({ minLength: 36, maxLength: 36 }),
  // All factors equal: sums of bytes collide all the time, and most share a bucket.
  fc.constant(new Uint8Array(36)),
);

for (const capacity of [8, 16, 64]) {
  test(`agrees with a list, capacity ${capacity}`, () => {
    fc.assert(
      fc.property(seed, fc.array(source, { minLength: 1, maxLength: 300, size: 'max' }), (bytes, heard) => {
        const fast = new Sources(capacity, bytes);
        const slow = new SlowSources();
        const shared = new Uint8Array(16);
        for (const each of heard) {
          shared.set(each);
          const slot = fast.slotOf(shared);
          shared.fill(0xee);
          assert.equal(slow.hear(each, slot, fast.isNew), undefined);
          assert.ok(slot >= 0 && slot < capacity);
          assert.equal(fast.count, slow.count);
        }
      }),
      { numRuns: 200 },
    );
  });
}

/** IPv4 addresses that are all different. */
function* strangers(count: number): Generator<Uint8Array> {
  const address = new Uint8Array(16).fill(0xff, 10, 12);
  const view = new DataView(address.buffer);
  for (let index = 0; index < count; index++) {
    view.setUint32(12, Math.imul(index, 0x9e3779b1));
    yield address;
  }
}

test('a source outlives as many strangers as an eighth of the table', () => {
  const capacity = 16_384;
  // DESIGN.md section 5: eight in one bucket of eight is what it takes; here one is expected.
  const sources = new Sources(
    capacity,
    Uint8Array.from({ length: 36 }, (_, index) => 41 * index + 7),
  );
  for (let client = 0; client < 256; client++) {
    const address = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, client);
    const slot = sources.slotOf(address);
    for (const stranger of strangers(capacity / 8)) sources.slotOf(stranger);
    assert.equal(sources.slotOf(address), slot);
    assert.equal(sources.isNew, false, `client ${client}`);
  }
});

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
  for (const capacity of [-8, 0, 1, 4, 12, 1000, 8.5, Number.NaN]) {
    assert.throws(() => new Sources(capacity, new Uint8Array(36)), RangeError, `${capacity}`);
  }
  for (const length of [0, 16, 35, 37]) {
    assert.throws(() => new Sources(8, new Uint8Array(length)), RangeError, `${length}`);
  }
});
