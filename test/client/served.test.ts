/** Keeping profiles for the socket service, and who may have which of them. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseServed, profilesFor } from '../../src/client/served.js';
import type { SequenceNumberProfile } from '../../src/system/numberprofile.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';
import { User } from './program.js';

const skip = process.platform !== 'linux' && 'Linux only';

function profile(changes: Partial<SequenceNumberProfile> = {}): SequenceNumberProfile {
  return {
    name: 'home',
    host: 'Home.example.org',
    method: 'sequence-number',
    psk: 'a key that nobody sees',
    periodSeconds: 30,
    toleranceSeconds: 30,
    macPort: undefined,
    users: [],
    doors: new Map([
      ['ssh', { services: ['tcp/22', 'udp/53'], singleUse: false }],
      ['web', { services: ['tcp/443'], singleUse: false }],
    ]),
    ...changes,
  };
}

test('import --for keeps a profile for users, readable by nobody else', { skip }, async t => {
  const user = new User(t);
  const folder = join(user.folder, 'sockets');
  const input = formatProfile(profile());
  const keep = (...argv: string[]) => user.run(['import', '-', '--profiles', folder, ...argv], { input });
  const kept = await keep('--for', 'root,12345,no-such-user');
  assert.equal(kept.status, 0, kept.stderr);
  assert.match(kept.stdout, /^imported home/);
  assert.match(kept.stderr, /warning: there is no user "no-such-user" here/);
  assert.doesNotMatch(kept.stderr, /12345|a key/);
  const path = join(folder, 'home.json');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const users = ['root', '12345', 'no-such-user'];
  assert.deepEqual(parseProfile(readFileSync(path, 'utf8')), profile({ users }));
  assert.match((await keep('--for', 'root')).stderr, /there is a profile "home" already/);
  assert.equal((await keep('--for', 'root', '--force')).status, 0);
  assert.equal((await user.run(['profiles'])).stdout, '');
});

test('what is no such profile, and who is no user, is refused', { skip }, async t => {
  const user = new User(t);
  const folder = join(user.folder, 'sockets');
  const keep = async (kept: Parameters<typeof formatProfile>[0], ...argv: string[]) => {
    const input = formatProfile(kept);
    const { status, stderr } = await user.run(['import', '-', '--profiles', folder, ...argv], { input });
    assert.notEqual(status, 0);
    return stderr;
  };
  assert.match(
    await keep(user.profile('h', { ssh: {} }), '--for', 'root'),
    /"method" expected "sequence-number"/,
  );
  const silent = profile({ doors: new Map([['ssh', { services: [], singleUse: false }]]) });
  assert.match(await keep(silent, '--for', 'root'), /does not say what is behind its doors/);
  assert.match(await keep(profile(), '--for', 'root,'), /--for expected names or numbers of users, got ""/);
  assert.match(await keep(profile(), '--for', 'a b'), /--for expected/);
  assert.match(await keep(profile()), /--profiles is about the socket service/);
});

test('the profiles of a user are those that name him, by name or by number', { skip }, t => {
  const { folder } = new User(t);
  const keep = (name: string, users: readonly string[]) =>
    writeFileSync(join(folder, `${name}.json`), formatProfile(profile({ name: 'x', users })), {
      mode: 0o600,
    });
  keep('a', ['root', '12345']);
  keep('b', ['12345', 'no-such-user']);
  keep('c', []);
  writeFileSync(join(folder, 'd.json'), 'no profile', { mode: 0o600 });
  writeFileSync(join(folder, '.hidden.json'), '');
  const mistakes: unknown[] = [];
  const namesFor = (uid: number) =>
    profilesFor(uid, folder, error => mistakes.push(error)).map(({ name }) => name);
  assert.deepEqual(namesFor(0), ['a']);
  assert.deepEqual(namesFor(12345), ['a', 'b']);
  assert.deepEqual(namesFor(1234), []);
  assert.equal(mistakes.length, 3);
});

test('who a user is, is asked once for all profiles', { skip }, t => {
  const { folder } = new User(t);
  const log = join(folder, 'log');
  writeFileSync(join(folder, 'id'), `#!/bin/sh\necho "$*" >> ${log}\necho 12345\n`, { mode: 0o700 });
  for (const name of ['a', 'b', 'c']) {
    const kept = profile({ name, users: ['alice', 'bob'] });
    writeFileSync(join(folder, `${name}.json`), formatProfile(kept), { mode: 0o600 });
  }
  const { PATH } = process.env;
  process.env['PATH'] = folder;
  try {
    assert.equal(profilesFor(54321, folder, error => assert.fail(error)).length, 0);
  } finally {
    process.env['PATH'] = PATH;
  }
  const asked = readFileSync(log, 'utf8').trim().split('\n').sort();
  assert.deepEqual(asked, ['-g -- alice', '-g -- bob', '-u -- alice', '-u -- bob']);
});

const choose = (request: { name?: string; host?: string; port: number }) =>
  chooseServed([profile(), profile({ name: 'away', host: '192.0.2.7' })], { ...request, timeoutMs: 1 })?.name;

for (const [request, name] of [
  [{ name: 'home', port: 22 }, 'home'],
  [{ name: 'home', port: 443 }, 'home'],
  [{ name: 'away', host: '192.0.2.7', port: 22 }, 'away'],
  [{ name: 'away', host: 'away', port: 22 }, 'away'],
  [{ host: 'HOME.EXAMPLE.ORG', port: 22 }, 'home'],
  [{ host: 'home', port: 22 }, 'home'],
  [{ host: '192.0.2.7', port: 22 }, 'away'],
  [{ name: 'home', port: 53 }, undefined],
  [{ name: 'home', port: 2 }, undefined],
  [{ name: 'Home', port: 22 }, undefined],
  [{ name: 'home', host: '192.0.2.7', port: 22 }, undefined],
  [{ host: 'example.org', port: 22 }, undefined],
] as const) {
  test(`${JSON.stringify(request)} is for ${name ?? 'nobody'}`, () => assert.equal(choose(request), name));
}
