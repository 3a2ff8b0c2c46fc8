/** Numbers that somebody takes out of the kernel: the unused ones are put back, and no used one lets anybody in again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whileWithoutRoom } from './disk.js';
import { desk, good, loaded, numberAt, two } from './numberbench.js';

test('after a flush the unused ones are put back, and they alone', async t => {
  const bench = await loaded(t, two);
  const { set, clock } = bench;
  const used = numberAt('desk', clock.wall());
  assert.ok(set.admit(used));
  assert.equal(bench.numbers.markUsed(used.number, [443, 22]), 22);
  assert.equal(bench.numbers.markUsed(12345, [22]), undefined);
  await clock.pass(4000);
  const ends = new Map(set.elements);
  set.elements.clear();
  await bench.load(two, {}, false);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, false, true]);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [true, true, true]);
  for (const [key, until] of set.elements) assert.equal(until, ends.get(key), key);
});

test('a use that is told of only after a flush was made good lets in no second one', async t => {
  const bench = await loaded(t, two);
  const { set, clock } = bench;
  const [once, spared] = [numberAt('desk', clock.wall()), numberAt('phone', clock.wall())];
  assert.ok(set.admit(once));
  set.elements.clear();
  await bench.load(two, {}, false);
  assert.equal(bench.numbers.markUsed(once.number, [22]), 22);
  assert.ok(!set.has(once));
  assert.ok(set.has(spared));
  set.isThere = false;
  assert.equal(bench.numbers.markUsed(spared.number, [22]), 22);
  assert.deepEqual(bench.book.errors, []);
});

test('while the table is away nothing is put in; when it is back, all that is due', async t => {
  const bench = await loaded(t);
  const { set, clock } = bench;
  bench.numbers.pause();
  set.elements.clear();
  set.isThere = false;
  await clock.pass(60_000);
  set.isThere = true;
  assert.equal(set.elements.size, 0);
  await bench.load(desk, {}, false);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
  await clock.pass(30_000);
  assert.deepEqual(good(bench, 'desk', [29_000]), [true]);
});

test('a table that somebody takes away at the wrong moment is made good when it is back', async t => {
  const bench = await loaded(t);
  const { set, clock } = bench;
  set.isThere = false;
  set.elements.clear();
  await clock.pass(30_000);
  set.isThere = true;
  await bench.load(desk, {}, false);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
  assert.deepEqual(bench.book.errors, []);
});

test('what was flushed is put back also while nothing can be written down', async t => {
  const bench = await loaded(t);
  const { clock, set } = bench;
  await whileWithoutRoom(0, async () => {
    await clock.pass(30_000);
    set.elements.clear();
    await bench.load(desk, {}, false);
  });
  assert.deepEqual(good(bench, 'desk', [-30_000, 0]), [true, true]);
});
