/** Profiles as users meet them: importing, listing, choosing a door. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { formatProfile } from '../../src/system/profile.js';
import { writeSecret } from '../e2e/harness/folder.js';
import { User } from './program.js';

const doors = { ssh: { services: ['tcp/22'] }, web: { command: 2, services: ['tcp/443'], singleUse: true } };

function folderOf(user: User): string {
  return `${user.folder}/config/portknock/profiles`;
}

test('an imported profile is its owner’s alone, and whole', async t => {
  const user = new User(t);
  const text = formatProfile(user.profile('127.0.0.1', doors));
  const file = writeSecret(user.folder, 'p.json', text);
  const { status, stdout, stderr } = await user.run(['import', file]);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'imported home (127.0.0.1): ssh, web\n' });
  assert.match(stderr, /hint: .*p\.json still holds the keys; delete it/);
  assert.equal(statSync(folderOf(user)).mode & 0o777, 0o700);
  assert.equal(statSync(`${folderOf(user)}/home.json`).mode & 0o777, 0o600);
  assert.equal(readFileSync(`${folderOf(user)}/home.json`, 'utf8'), text);
  assert.deepEqual(readdirSync(folderOf(user)), ['home.json']);
});

test('a name that is taken, and how to have both', async t => {
  const user = new User(t);
  const input = formatProfile(user.profile('127.0.0.1', doors));
  await user.run(['import', '-'], { input });
  const again = await user.run(['import', '-'], { input });
  assert.equal(again.status, 1);
  assert.match(again.stderr, /already\n.*--force replaces it, --name NAME keeps both/);
  assert.equal((await user.run(['import', '-', '--force'], { input })).status, 0);
  const other = ['import', '-', '--name', 'work', '--host', '127.0.0.2'];
  assert.equal((await user.run(other, { input })).stdout, 'imported work (127.0.0.2): ssh, web\n');
  const list = await user.run(['profiles']);
  assert.equal(list.stdout, 'home (127.0.0.1): ssh, web\nwork (127.0.0.2): ssh, web\n');
  const json = (await user.run(['profiles', '--json'])).stdout;
  assert.deepEqual(
    (JSON.parse(json) as { name: string }[]).map(({ name }) => name),
    ['home', 'work'],
  );
  assert(!json.includes(user.key.toString('hex')));
});

test('what cannot be imported', async t => {
  const user = new User(t);
  const nowhere = formatProfile(user.profile(undefined, doors));
  const cases: readonly [argv: string[], input: string, status: number, message: RegExp][] = [
    [['-'], nowhere, 2, /names no host\n.*add --host/],
    [['-', '--host', 'a b'], nowhere, 2, /--host expected a name or an address/],
    [['-', '--host', 'h', '--name', 'proxy'], nowhere, 2, /--name expected/],
    [['-'], '{"portknock":1}', 1, /standard input: "method" expected/],
    [[`${user.folder}/missing`], '', 1, /missing: no such file\n.*client add/],
  ];
  for (const [argv, input, status, message] of cases) {
    const said = await user.run(['import', ...argv], { input });
    assert.equal(said.status, status, said.stderr);
    assert.match(said.stderr, message);
  }
  assert.equal((await user.run(['import', '-', '--host', 'h'], { input: nowhere })).status, 0);
});

test('a profile that others can read is refused, and named in the list', async t => {
  const user = new User(t);
  await user.import(user.profile('127.0.0.1', doors));
  chmodSync(`${folderOf(user)}/home.json`, 0o640);
  for (const argv of [['home', 'ssh'], ['profiles']]) {
    const { status, stderr } = await user.run(argv);
    assert.equal(status, 1);
    assert.match(stderr, /home\.json: others than its owner .*\n.*chmod 600/);
  }
});

test('which profile and which door', async t => {
  const user = new User(t);
  const none = await user.run(['home']);
  assert.match(none.stderr, /no profile "home"\n.*there is none yet; .*portknock import FILE/);
  await user.import(user.profile('127.0.0.1', doors));
  await user.import({ ...user.profile('127.0.0.1', { only: {} }), name: 'single' });
  const cases: readonly [line: string, status: number, message: RegExp][] = [
    ['hme', 1, /no profile "hme"\n.*did you mean "home"\? there are: home, single/],
    ['imprt file', 1, /did you mean "import"\?/],
    ['../home', 1, /no profile/],
    ['home', 2, /several doors: ssh, web\n.*portknock home ssh/],
    ['home shs', 1, /no door "shs"\n.*did you mean "ssh"\? there are: ssh, web/],
    ['home web --wait 443', 2, /would use up the one connection.*\n.*portknock proxy home 127.0.0.1 443/],
    ['proxy home 127.0.0.1 80', 1, /no door to port 80\n.*--door; there are: ssh, web/],
    ['proxy home 127.0.0.1 80 --door sh', 1, /no door "sh"/],
  ];
  for (const [line, status, message] of cases) {
    const said = await user.run(line.split(' '));
    assert.equal(said.status, status, said.stderr);
    assert.equal(said.stdout, '');
    assert.match(said.stderr, message);
  }
  const { status, stdout } = await user.run(['single']);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'knocked single (127.0.0.1) for only\n' });
  assert.deepEqual(await user.run(['home', 'ssh', '-q']), { status: 0, stdout: '', stderr: '' });
});
