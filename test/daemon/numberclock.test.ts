/** Sequence numbers where somebody sets the clock: nobody is locked out, and nothing is given twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { good, loaded, numberAt, start } from './numberbench.js';

const desk = { desk: {} };

for (const byMs of [3_600_000, -3_600_000, 86_400_000 * 400]) {
  test(`a clock that is set by ${byMs} ms and back locks nobody out`, async t => {
    const bench = await loaded(t, desk);
    const { clock, set } = bench;
    clock.set(byMs);
    await clock.pass(2000);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
    clock.set(-byMs);
    await clock.pass(2000);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
    await clock.pass(60_000);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
    const first = numberAt('desk', start);
    assert.ok(!set.has(first));
    assert.deepEqual(bench.book.lines, []);
    set.elements.clear();
    bench.reboot();
    await bench.load(desk);
    assert.deepEqual(good(bench, 'desk', [0]), [false]);
  });
}

test('a clock that is set back for good: what was given is not given again, and the log says until when', async t => {
  const bench = await loaded(t, desk);
  const { clock } = bench;
  await clock.pass(600_000, undefined, 1000);
  assert.deepEqual(bench.book.lines, []);
  clock.set(-300_000);
  await clock.pass(2000);
  await clock.pass(30_000);
  assert.deepEqual(bench.book.lines, [
    'sequence numbers that were given before are not good again; the next ones are in 5m',
  ]);
  await clock.pass(330_000, undefined, 1000);
  assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true]);
});

test('a clock that was ahead and is set right: what was given early is good in its time', async t => {
  const bench = await loaded(t, desk);
  const { clock } = bench;
  clock.set(-120_000);
  await clock.pass(2000);
  for (let rounds = 0; rounds < 12; rounds++) {
    await clock.pass(20_000);
    assert.deepEqual(good(bench, 'desk', [-30_000, 0, 29_000]), [true, true, true], `${rounds}`);
  }
});

test('a clock that was behind: numbers of then are good no longer than they were to be', async t => {
  const bench = await loaded(t, desk);
  const { clock, set } = bench;
  const early = numberAt('desk', clock.wall());
  const until = set.elements.get(`22 ${early.number}`);
  clock.set(600_000);
  await clock.pass(1000);
  assert.equal(set.elements.get(`22 ${early.number}`), until);
});
