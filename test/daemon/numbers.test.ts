/** The numbers in the kernel: there when a clock is in their period, never twice, and gone with their owner. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { endOfStep, stepAt } from '../../src/methods/sequence-number/format.js';
import { whileWithoutRoom } from './disk.js';
import { Bench, configOf, desk, good, loaded, numberAt, periods, start, two } from './numberbench.js';

for (const [periodMs, toleranceMs] of [
  [30_000, 30_000],
  [30_000, 0],
  [10_000, 25_000],
  [1000, 1000],
  [60_000, 7000],
] as const) {
  test(`good at every moment for all clocks within ${toleranceMs} ms, period ${periodMs} ms`, async t => {
    const bench = await loaded(t, desk, { periodMs, toleranceMs });
    const { clock, set } = bench;
    let moments = 0;
    const everyOffset = [-toleranceMs, -toleranceMs / 2, 0, toleranceMs / 2, toleranceMs - 1];
    const check = () => {
      for (const offsetMs of toleranceMs === 0 ? [0] : everyOffset) {
        const time = clock.wall() + offsetMs;
        const isGood = set.has(numberAt('desk', time, 22, periodMs));
        assert.ok(isGood, `${offsetMs} at ${clock.wall() - start}`);
      }
      for (const far of [-toleranceMs - periodMs - 1, toleranceMs + 1.1 * periodMs + 1]) {
        assert.ok(!set.has(numberAt('desk', clock.wall() + far, 22, periodMs)), `${far}`);
      }
      moments++;
    };
    await clock.pass(4 * periodMs + 2 * toleranceMs, check, periodMs / 40);
    assert.ok(moments > 150);
    assert.equal(new Set(set.given).size, set.given.length);
    assert.deepEqual(bench.book.lines, []);
  });
}

test('the number of a period is there a little before any clock is in it, and no earlier', async t => {
  const bench = await loaded(t, desk);
  const { clock, set } = bench;
  // The fastest clock is in the next period in 23 s.
  const next = numberAt('desk', clock.wall() + 60_000);
  await clock.pass(19_500);
  assert.ok(!set.has(next));
  await clock.pass(1500);
  assert.ok(set.has(next));
});

test('each client has numbers of its own, on each of its ports', async t => {
  const bench = await loaded(t, { desk: { ports: [22, 443] }, phone: {} });
  const { set, clock } = bench;
  const has = (psk: string, port: number) => set.has(numberAt(psk, clock.wall(), port));
  assert.deepEqual(
    [has('desk', 22), has('desk', 443), has('phone', 22), has('phone', 443)],
    [true, true, true, false],
  );
  const { number } = numberAt('desk', clock.wall(), 22);
  assert.ok(!set.has({ port: 443, number }));
});

test('numbers are derived for another port where one is named', async t => {
  const { set, clock } = await loaded(t, desk, { port: 2222 });
  assert.ok(set.has({ port: 22, number: numberAt('desk', clock.wall(), 2222).number }));
  assert.ok(!set.has(numberAt('desk', clock.wall(), 22)));
});

test('a restart brings no used number back, and leaves the others', async t => {
  const bench = await loaded(t, two);
  const { set, clock } = bench;
  assert.ok(set.admit(numberAt('desk', clock.wall())));
  const before = set.given.length;
  bench.restart();
  await bench.load(two);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, false, true]);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [true, true, true]);
  assert.equal(set.given.length, before);
  await clock.pass(35_000);
  assert.deepEqual(good(bench, 'desk', [0]), [true]);
  assert.deepEqual(bench.book.lines, []);
});

test('a restart with an empty state directory brings no used number back either', async t => {
  const bench = await loaded(t, two);
  const used = numberAt('desk', bench.clock.wall());
  assert.ok(bench.set.admit(used));
  for (const file of ['given', 'given-sources']) rmSync(join(bench.folder, file));
  bench.restart();
  await bench.load(two);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, false, true]);
  bench.reboot();
  await bench.load(two);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [false, false, false]);
});

test('after a reboot nothing that was given is good, and the log says until when', async t => {
  const bench = await loaded(t, desk);
  const { set, clock } = bench;
  const before = new Set(set.given);
  bench.reboot();
  await bench.load(desk);
  assert.equal(set.elements.size, 0);
  assert.deepEqual(bench.book.lines, [
    'sequence numbers that were given before are not good again; the next ones are in 23s',
  ]);
  await clock.pass(23_000);
  assert.deepEqual(good(bench, 'desk', [30_000]), [true]);
  await clock.pass(90_000);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
  assert.ok(set.given.slice(before.size).every(number => !before.has(number)));
});

test('a reboot a day later is no reason to wait', async t => {
  const bench = await loaded(t, desk);
  bench.clock.set(86_400_000);
  bench.reboot();
  await bench.load(desk);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
});

test('a kernel that takes nothing is asked again, and the log says so', async t => {
  const bench = await loaded(t, desk);
  const { set, clock } = bench;
  set.isFull = true;
  await clock.pass(60_000);
  assert.match(bench.book.errors[0]!, /^no new sequence numbers are good: nf_tables: /);
  assert.ok(bench.book.errors.length <= 6);
  set.isFull = false;
  await clock.pass(2000);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
});

test('what was written down and did not come into the kernel before a crash is not given later', async t => {
  const bench = new Bench(t);
  bench.set.isFull = true;
  await bench.load(desk);
  assert.equal(bench.set.elements.size, 0);
  bench.set.isFull = false;
  bench.restart();
  await bench.load(desk);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [false, false, false]);
  await bench.clock.pass(90_000);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
});

test('a client that is gone loses its numbers at once, and a new one has them at once', async t => {
  const bench = await loaded(t, two);
  await bench.load({ desk: {}, phone: { revoked: true }, tablet: {} });
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [false, false, false]);
  assert.deepEqual(good(bench, 'tablet', [-30_000, 0, 29_000]), [true, true, true]);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
  await bench.load({ desk: { psk: 'another' } });
  assert.deepEqual(good(bench, 'desk', [0]), [false]);
  assert.deepEqual(good(bench, 'another', [0]), [true]);
});

test('a client that comes back does not get its numbers back', async t => {
  const bench = await loaded(t, two);
  const { set, clock } = bench;
  set.admit(numberAt('phone', clock.wall()));
  await bench.load(desk);
  await bench.load(two);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [false, false, false]);
  bench.reboot();
  await bench.load(desk);
  bench.reboot();
  await bench.load(two);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [false, false, false]);
  await clock.pass(90_000);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [true, true, true]);
});

test('nor when he comes back after what he was given had ended, and may still be used', async t => {
  const bench = await loaded(t, two);
  const { set, clock } = bench;
  // By a clock that is ahead.
  const early = numberAt('desk', clock.wall() + 30_000);
  assert.ok(set.admit(early));
  bench.numbers.markUsed(early.number, [22]);
  await bench.load({ phone: {} });
  await clock.pass(60_000);
  await bench.load({ phone: {}, tablet: {} });
  await bench.load(two);
  assert.ok(!set.has(early));
});

test('a client that is new after a restart has numbers at once, and one that is gone has none', async t => {
  const bench = await loaded(t, two);
  bench.restart();
  await bench.load({ desk: {}, tablet: {} });
  assert.deepEqual(good(bench, 'tablet', [0]), [true]);
  assert.deepEqual(good(bench, 'phone', [-30_000, 0, 29_000]), [false, false, false]);
  bench.reboot();
  await bench.load({ desk: {}, lamp: {} });
  assert.deepEqual([good(bench, 'lamp', [0]), good(bench, 'desk', [0])], [[true], [false]]);
});

test('without doors for numbers nothing is left, and nothing comes back when they are', async t => {
  const bench = await loaded(t, desk);
  await bench.numbers.load({ ...configOf(bench.folder, {}), sequenceNumber: undefined }, true);
  assert.equal(bench.set.elements.size, 0);
  await bench.clock.pass(5000);
  await bench.load(desk);
  assert.deepEqual(good(bench, 'desk', [0]), [false]);
});

test('with a smaller tolerance numbers are good for less long at once', async t => {
  const bench = await loaded(t, desk, { toleranceMs: 120_000 });
  const before = [-120_000, -90_000, 0, 29_000];
  assert.deepEqual(good(bench, 'desk', before), [true, true, true, true]);
  await bench.load(desk, { toleranceMs: 30_000 });
  assert.deepEqual(good(bench, 'desk', before), [false, false, true, true]);
  const { number } = numberAt('desk', start);
  const end = endOfStep(stepAt(start, periods.periodMs), periods) - bench.clock.wall();
  assert.equal(bench.set.elements.get(`22 ${number}`)! - bench.clock.steady(), end);
});

for (const [before, after] of [
  [120_000, 30_000],
  [30_000, 120_000],
] as const) {
  test(`a tolerance of ${after} ms holds after a restart for numbers that were given with ${before} ms`, async t => {
    const bench = await loaded(t, desk, { toleranceMs: before });
    const ofNow = numberAt('desk', start);
    bench.restart();
    await bench.load(desk, { toleranceMs: after });
    const end = endOfStep(stepAt(start, periods.periodMs), { ...periods, toleranceMs: after });
    const left = bench.set.elements.get(`22 ${ofNow.number}`)! - bench.clock.steady();
    assert.equal(left, end - bench.clock.wall());
  });
}

test('what was not written down is not given; later it is', async t => {
  const bench = await loaded(t, desk);
  const { clock, set } = bench;
  const before = set.given.length;
  await whileWithoutRoom(0, () => clock.pass(60_000));
  assert.equal(set.given.length, before);
  assert.match(bench.book.errors[0]!, /^no new sequence numbers are good: EFBIG/);
  assert.ok(bench.book.errors.length <= 6);
  await clock.pass(1000);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
});

test('where the names cannot be written, new clients have numbers, and after a restart nobody counts as new', async t => {
  const bench = await loaded(t, desk);
  mkdirSync(join(bench.folder, 'given-sources.new', 'full'), { recursive: true });
  await bench.load(two);
  assert.deepEqual(good(bench, 'phone', [0]), [true]);
  assert.match(bench.book.errors[0]!, /^cannot write down who has sequence numbers: /);
  bench.reboot();
  await bench.load({ ...two, tablet: {} });
  assert.deepEqual(good(bench, 'phone', [0]), [false]);
  assert.deepEqual(good(bench, 'tablet', [0]), [false]);
  rmSync(join(bench.folder, 'given-sources.new'), { recursive: true });
  await bench.clock.pass(30_000);
  bench.reboot();
  await bench.load({ ...two, lamp: {} });
  assert.deepEqual([good(bench, 'lamp', [0]), good(bench, 'phone', [0])], [[true], [false]]);
});

for (const [what, spoil] of [
  ['the names are gone', (folder: string) => rmSync(join(folder, 'given-sources'))],
  ['the names are damaged', (folder: string) => writeFileSync(join(folder, 'given-sources'), 'x\n# 12\n')],
  ['the times are gone', (folder: string) => rmSync(join(folder, 'given'))],
  ['the times are damaged', (folder: string) => writeFileSync(join(folder, 'given'), Buffer.alloc(8192, 7))],
] as const) {
  test(`where ${what}, what can have been given counts as given`, async t => {
    const bench = await loaded(t, desk);
    bench.reboot();
    spoil(bench.folder);
    await bench.load(desk);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [false, false, false]);
    await bench.clock.pass(150_000);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
  });
}

test('a number is at most as long in the kernel as it is good', async t => {
  const { set, clock } = await loaded(t, desk);
  const step = stepAt(start, periods.periodMs);
  const { number } = numberAt('desk', start);
  const until = set.elements.get(`22 ${number}`)!;
  assert.equal(until - clock.steady(), endOfStep(step, periods) - clock.wall());
});
