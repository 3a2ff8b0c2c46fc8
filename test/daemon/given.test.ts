/** What is kept of what was given: spans of time, and for whom; through crashes, damage and a full disk. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Given } from '../../src/daemon/given.js';
import { longestToleranceMs } from '../../src/methods/sequence-number/format.js';
import { whileWithoutRoom } from './disk.js';
import { temporaryFolder } from './folder.js';

const span = (from: number, to: number) => ({ from, to });
const latest = 1_000_000;
const a = new Set(['a']);

test('what was given is known again; what touches a span is not in it', async t => {
  const folder = temporaryFolder(t);
  const first = new Given(folder, latest);
  assert.ok(!first.includes('a', span(0, latest)));
  await first.extend(span(100, 200));
  await first.setSources(a, 150);
  await first.extend(span(200, 300));
  for (const given of [first, new Given(folder, latest)]) {
    assert.deepEqual(
      [span(0, 100), span(99, 101), span(150, 160), span(299, 400), span(300, 400)].map(each =>
        given.includes('a', each),
      ),
      [false, true, true, true, false],
    );
    assert.ok(!given.includes('b', span(100, 200)));
  }
});

test('spans that do not touch are kept apart, up to thirty; then the earliest are joined', async t => {
  const folder = temporaryFolder(t);
  const given = new Given(folder, latest);
  await given.setSources(a, 0);
  for (let index = 0; index < 30; index++) await given.extend(span(index * 100, index * 100 + 10));
  const again = new Given(folder, latest);
  assert.ok(!again.includes('a', span(10, 100)));
  await again.extend(span(9000, 9010));
  const joined = new Given(folder, latest);
  assert.ok(joined.includes('a', span(10, 100)));
  assert.ok(!joined.includes('a', span(110, 200)));
  assert.ok(joined.includes('a', span(9000, 9010)));
});

test('a write that was cut short leaves what was before; and both damaged, all up to now', async t => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'given');
  const given = new Given(folder, latest);
  await given.extend(span(100, 200));
  await given.setSources(a, 150);
  const whole = readFileSync(path);
  await given.extend(span(500, 600));
  const after = readFileSync(path);
  const changed = [...after.keys()].filter(at => after[at] !== whole[at]);
  assert.equal(Math.floor(changed[0]! / 4096), Math.floor(changed.at(-1)! / 4096));
  after[changed[0]!]! ^= 0xff;
  writeFileSync(path, after);
  const torn = new Given(folder, latest);
  assert.deepEqual([torn.includes('a', span(100, 200)), torn.includes('a', span(500, 600))], [true, false]);
  for (const at of [8, 4096 + 8]) after[at]! ^= 0x55;
  writeFileSync(path, after);
  const lost = new Given(folder, latest);
  assert.ok(lost.includes('a', span(0, 1)) && lost.includes('a', span(latest - 1, latest)));
  assert.ok(!lost.includes('a', span(latest, latest + 1)));
  assert.ok(!lost.includes('b', span(0, 1)));
});

test('a full disk does not matter once the file is there, and what cannot be written fails', async t => {
  const folder = temporaryFolder(t);
  const given = new Given(folder, latest);
  await whileWithoutRoom(8192, () => given.extend(span(100, 200)));
  await whileWithoutRoom(0, () => assert.rejects(given.extend(span(200, 300)), { code: 'EFBIG' }));
  await whileWithoutRoom(8192, async () => {
    await given.extend(span(200, 300));
  });
  await given.setSources(a, 0);
  assert.ok(new Given(folder, latest).includes('a', span(250, 260)));
});

test('whom nobody has any more is remembered while what he was given may be good', async t => {
  const folder = temporaryFolder(t);
  const given = new Given(folder, latest);
  await given.extend(span(100, 200));
  await given.setSources(new Set(['a', 'b']), 100);
  await given.setSources(a, 150);
  const again = new Given(folder, latest);
  assert.ok(again.includes('b', span(100, 200)));
  await again.extend(span(200, 900));
  await again.setSources(a, 200 + longestToleranceMs - 1);
  assert.ok(again.includes('b', span(100, 200)));
  await again.setSources(new Set(['a', 'c']), 200 + longestToleranceMs + 1);
  assert.ok(!again.includes('b', span(100, 200)));
});
