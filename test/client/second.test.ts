/** Seconds of datagrams: those who share a memory take none of them twice. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileSeconds, nameOfKnock, ownSeconds, type SecondMemory } from '../../src/client/second.js';
import { temporaryFolder } from '../e2e/harness/folder.js';

const name = nameOfKnock('certificate', '192.0.2.1', 'tcp/22');
const other = nameOfKnock('certificate', '192.0.2.1tcp/22');
const before = process.env['XDG_STATE_HOME'];
const home = temporaryFolder({ after }, 'seconds');
const folder = `${home}/portknock/seconds`;
after(() => {
  if (before === undefined) delete process.env['XDG_STATE_HOME'];
  else process.env['XDG_STATE_HOME'] = before;
});

function shared(): SecondMemory {
  process.env['XDG_STATE_HOME'] = home;
  return fileSeconds(why => assert.fail(why));
}

for (const [kind, open] of [
  ['of a program', ownSeconds],
  ['of a user', shared],
] as const) {
  test(`each second once: ${kind}`, () => {
    const memory = open();
    const take = (now: number) => memory.take(name, now);
    assert.deepEqual([100, 100, 100, 101].map(take), [100, 101, 102, 103]);
    assert.equal(memory.take(other, 100), 100);
    assert.equal(take(110), 110);
    // No further ahead than servers take.
    assert.deepEqual([200, 200, 200, 200, 200, 200, 200].map(take), [200, 201, 202, 203, 204, 205, 200]);
    // The clock was wrong.
    assert.equal(take(9_000_000), 9_000_000);
    assert.equal(take(300), 300);
  });
}

test('what is past is not kept, and what is not ours stays', () => {
  const memory = shared();
  writeFileSync(`${folder}/mine`, '');
  memory.take(name, 5000);
  memory.take(name, 5070);
  assert.deepEqual(readdirSync(folder).sort(), [`${name}-5070`, 'mine'].sort());
});

test('without a place for it the knock goes out all the same', () => {
  process.env['XDG_STATE_HOME'] = '/dev/null/state';
  const said: string[] = [];
  const memory = fileSeconds(why => said.push(why));
  assert.deepEqual([memory.take(other, 7000), memory.take(other, 7000)], [7000, 7001]);
  assert.match(
    said[0]!,
    /^\/dev\/null\/state\/portknock\/seconds: the time of the knock cannot be kept \(ENOTDIR\)$/,
  );
});
