/** That no time is handed out twice, whatever the clock does. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { clockWith, fileMemory, nextKnockTime, ownMemory, processMemory } from '../../src/client/clock.js';
import { temporaryFolder } from '../e2e/harness/folder.js';

const minute = 60_000;
const now = 1_795_000_000_000;
const key = new Uint8Array(32).fill(7);

const cases: readonly [last: number | undefined, expected: number, why: string][] = [
  [undefined, now, 'the first knock'],
  [now - 5, now, 'time has passed'],
  [now, now + 1, 'the clock stands still'],
  [now + 1, now + 2, 'the clock was set back a little'],
  [now + 2 * minute, now + 2 * minute + 1, 'the clock was set back by as much as is believed'],
  [now + 2 * minute + 1, now, 'the clock was wrong before'],
];

for (const [last, expected, why] of cases) {
  test(`the next time: ${why}`, () => assert.equal(nextKnockTime(now, last), expected));
}

test('times rise while the clock jumps about within what is believed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: minute }), { maxLength: 50 }), offsets => {
      let at = 0;
      const clock = clockWith(ownMemory(), () => now + (offsets[at++] ?? 0));
      const times = offsets.flatMap(() => clock.take(2));
      assert(times.every((time, index) => index === 0 || time > times[index - 1]!));
    }),
  );
});

test('one process never hands out a time twice for a key', () => {
  const taken = [1, 2, 3].flatMap(() => clockWith(processMemory(key), () => now).take(2));
  assert.deepEqual(
    taken,
    [0, 1, 2, 3, 4, 5].map(offset => now + offset),
  );
  assert.deepEqual(clockWith(processMemory(new Uint8Array(32)), () => now).take(1), [now]);
});

const previous = process.env['XDG_STATE_HOME'];
let folder = '';
beforeEach(t => {
  folder = temporaryFolder(t as TestContext, 'clock');
  process.env['XDG_STATE_HOME'] = folder;
});
afterEach(() => {
  if (previous === undefined) delete process.env['XDG_STATE_HOME'];
  else process.env['XDG_STATE_HOME'] = previous;
});

const fail = (why: string) => assert.fail(why);

test('the next run goes on from where the last one was', () => {
  assert.deepEqual(clockWith(fileMemory(key, fail), () => now).take(2), [now, now + 1]);
  assert.deepEqual(clockWith(fileMemory(key, fail), () => now).take(1), [now + 2]);
  const [name, ...others] = readdirSync(`${folder}/portknock`);
  assert.deepEqual(others, []);
  assert.match(name!, /^[0-9a-f]{32}$/);
  assert.equal(statSync(`${folder}/portknock/${name}`).mode & 0o777, 0o600);
});

test('a file that says nothing is as good as none', () => {
  clockWith(fileMemory(key, fail), () => now).take(1);
  const path = `${folder}/portknock/${readdirSync(`${folder}/portknock`)[0]}`;
  for (const text of ['', 'soon\n', '-1\n', '17950000000001']) {
    writeFileSync(path, text);
    assert.deepEqual(clockWith(fileMemory(key, fail), () => now).take(1), [now]);
    assert.equal(readFileSync(path, 'utf8'), `${now}\n`);
  }
});

test('where nothing can be kept it goes out all the same, and this run remembers', () => {
  writeFileSync(`${folder}/portknock`, '');
  chmodSync(folder, 0o700);
  const failures: string[] = [];
  const clock = clockWith(
    fileMemory(key, why => failures.push(why)),
    () => now,
  );
  assert.deepEqual([clock.take(1), clock.take(1)], [[now], [now + 1]]);
  assert.match(failures[0]!, /cannot be kept \((EEXIST|ENOTDIR)\)/);
  assert(existsSync(`${folder}/portknock`));
});
