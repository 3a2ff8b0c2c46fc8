/** One-time sequences knocked at the real knockd: it and ours change the same bytes of the file, in the same order. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOneTime, spendOneTime } from '../../src/daemon/onetime.js';
import { formatSequence } from '../../src/methods/plain-sequence/format.js';
import { temporaryFolder } from './harness/folder.js';
import { missing } from './harness/isolation.js';
import { Namespace } from './harness/namespace.js';
import { realKnockd, startKnockd } from './harness/realknockd.js';

/**
 * Only lines that are sequences: behind one that is none, knockd marks the wrong one. None is longer than the one before:
 * knockd takes what is left of the attempt that has just succeeded for one at the longer sequence, and fails it. The last
 * is not knocked: without another, knockd aborts.
 */
const lines = [
  '# one a line',
  '',
  '\t3111 , 3112:udp , 3113 ',
  '4111:udp,4112,4113\r',
  ' 1111,1112',
  '  # 9,9',
  '2111:udp,2112',
  '#3,4',
  '65535,1',
  '4111:UDP',
  '9',
];

function ignore(warning: string): never {
  throw new Error(warning);
}

test('the real knockd and ours mark the same bytes', { skip: missing(realKnockd, 'knock') }, async t => {
  const namespace = await Namespace.create(t, 'onetime');
  const folder = temporaryFolder(t, 'knockd');
  const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
  for (const path of [theirs, ours]) writeFileSync(path, lines.join('\n'));
  const conf = `[once]\none_time_sequences = ${theirs}\ntcpflags = syn\n`;
  const knockd = startKnockd(namespace, folder, conf);
  await knockd.line(/^listening on lo/);
  let next = readOneTime(ours, ignore);
  let knocked = 0;
  for (; next !== undefined && formatSequence(next) !== '9:tcp'; knocked++) {
    const steps: string = formatSequence(next);
    knockd.forget();
    await namespace.exec('knock', ['127.0.0.1', ...steps.split(',')]);
    const told = await knockd.line(/^new sequence for door once: /);
    next = spendOneTime(ours, next, ignore).next;
    assert.equal(told, `new sequence for door once: ${next && formatSequence(next)}`);
    assert.deepEqual(readFileSync(ours), readFileSync(theirs));
  }
  assert.equal(knocked, 6);
});

test('behind a line that is none, knockd marks that line, and ours the one that was knocked', {
  skip: missing(realKnockd, 'knock'),
}, async t => {
  const namespace = await Namespace.create(t, 'onetime');
  const folder = temporaryFolder(t, 'knockd');
  const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
  for (const path of [theirs, ours]) writeFileSync(path, '# one a line\n70000\n1,2\n3\n');
  const knockd = startKnockd(namespace, folder, `[once]\none_time_sequences = ${theirs}\ntcpflags = syn\n`);
  await knockd.line(/^listening on lo/);
  knockd.forget();
  await namespace.exec('knock', ['127.0.0.1', '1', '2']);
  assert.equal(await knockd.line(/^new sequence for door once: /), 'new sequence for door once: 1:tcp,2:tcp');
  assert.equal(readFileSync(theirs, 'latin1'), '# one a line\n#0000\n1,2\n3\n');

  const told: string[] = [];
  const { next } = spendOneTime(ours, readOneTime(ours, () => {}) ?? [], line => told.push(line));
  assert.equal(next && formatSequence(next), '3:tcp');
  assert.equal(readFileSync(ours, 'latin1'), '# one a line\n70000\n#,2\n3\n');
  assert.deepEqual(told, [`${ours}:2: port 70000 is invalid: the line is passed over`]);
});
