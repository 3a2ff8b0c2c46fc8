/** The client and its file of sequences for one use each: none is taken twice, and what is wrong is said. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { KnockError, knock } from '../../src/index.js';
import { writeSecret } from '../e2e/harness/folder.js';
import { User } from './program.js';

const program = ['sequence', '127.0.0.1', '--one-time-sequences'];

test('clients at the same time take a line each', async t => {
  const user = new User(t);
  const lines = Array.from({ length: 8 }, (_, index) => ` ${7001 + index},9\n`).join('');
  const file = writeSecret(user.folder, 'lines', lines);
  const runs = await Promise.all(Array.from({ length: 8 }, () => user.run([...program, file, '-v'])));
  const taken = runs.map(({ stderr }) => /order: (\d+)\/tcp 9\/tcp/.exec(stderr)?.[1]);
  assert.deepEqual(taken.sort(), ['7001', '7002', '7003', '7004', '7005', '7006', '7007', '7008']);
  assert.equal(readFileSync(file, 'latin1'), lines.replaceAll(' ', '#'));
});

test('a dry run takes none', async t => {
  const user = new User(t);
  const file = writeSecret(user.folder, 'lines', '#1,2\n 7001,7002:udp\n');
  const { status, stdout } = await user.run([...program, file, '--dry-run']);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '7001/tcp\n7002/udp\n' });
  const json = await user.run([...program, file, '--dry-run', '--json']);
  assert.deepEqual(JSON.parse(json.stdout), { host: '127.0.0.1', sequence: ['7001/tcp', '7002/udp'] });
  assert.equal(readFileSync(file, 'latin1'), '#1,2\n 7001,7002:udp\n');
});

test('a file that cannot be used: nothing is marked', async t => {
  const user = new User(t);
  const folder = user.folder;
  writeSecret(folder, 'empty', '');
  writeSecret(folder, 'used', '#1,2\n');
  writeSecret(folder, 'zero', '\nabc,7000\n');
  writeFileSync(`${folder}/open`, ' 1,2\n');
  chmodSync(`${folder}/open`, 0o644);
  const cases: readonly [name: string, message: RegExp][] = [
    ['missing', /missing: no such file\n.*hint: it is a copy/],
    ['empty', /empty: no one-time sequence is left/],
    ['used', /used: no one-time sequence is left/],
    ['zero', /zero:2: port 0 cannot be knocked at\n.*hint: the server waits/],
    ['open', /open: others than its owner.*\n.*hint: chmod 600/],
    ['.', /cannot be read and marked \(EISDIR\)/],
  ];
  for (const [name, message] of cases) {
    const { status, stdout, stderr } = await user.run([...program, `${folder}/${name}`]);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' }, name);
    assert.match(stderr, message);
  }
  assert.equal(readFileSync(`${folder}/zero`, 'latin1'), '\nabc,7000\n');
  assert.equal(readFileSync(`${folder}/open`, 'latin1'), ' 1,2\n');
});

test('the library takes lines too, and says when none is left', async t => {
  const user = new User(t);
  const oneTimeSequences = writeSecret(user.folder, 'lines', '1:icmp\n7001,7002:udp');
  const options = { host: '127.0.0.1', method: 'plain-sequence', oneTimeSequences } as const;
  assert.equal((await knock(options)).addresses[0]?.ports, 2);
  assert.equal(readFileSync(oneTimeSequences, 'latin1'), '1:icmp\n#001,7002:udp');
  await assert.rejects(knock(options), error => error instanceof KnockError && error.code === 'used-up');
});

test('a profile names its file from the folder of the profiles', async t => {
  const user = new User(t);
  const doors = { web: { one_time_sequences: 'web.lines' }, ssh: { sequence: ['9/tcp'], single_use: true } };
  const profile = { portknock: 1, name: 'old', host: '127.0.0.1', method: 'plain-sequence', doors };
  assert.equal((await user.run(['import', '-'], { input: JSON.stringify(profile) })).status, 0);
  const folder = `${user.environment.XDG_CONFIG_HOME}/portknock/profiles`;
  writeSecret(folder, 'web.lines', ' 7001,9:udp\n');
  const { status, stdout, stderr } = await user.run(['old', 'web']);
  assert.deepEqual(
    { status, stdout, stderr },
    { status: 0, stdout: 'knocked old (127.0.0.1) for web\n', stderr: '' },
  );
  assert.equal(readFileSync(`${folder}/web.lines`, 'latin1'), '#7001,9:udp\n');
  const bound = await user.run(['old', 'web', '--address', 'none']);
  assert.match(bound.stderr, /--address has no meaning for a plain sequence/);
  assert.match((await user.run(['old', 'ssh', '--wait', '22'])).stderr, /would use up/);
  assert.deepEqual(JSON.parse((await user.run(['profiles', '--json'])).stdout), [
    { name: 'old', host: '127.0.0.1', method: 'plain-sequence', doors: ['web', 'ssh'] },
  ]);
});
