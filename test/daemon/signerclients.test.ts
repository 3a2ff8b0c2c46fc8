/** `portknockd init --challenge` and `client` for who answers challenges: with the keys that they have already. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listClients, removeClient } from '../../src/daemon/clients.js';
import { type InitRequest, init } from '../../src/daemon/init.js';
import { keysOf } from '../../src/daemon/keynames.js';
import { readConfig } from '../../src/daemon/settings.js';
import { addSignerClient, type SignerRequest } from '../../src/daemon/signerclients.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';
import { temporaryFolder, writeFile } from './folder.js';
import { exported, fingerprints } from './gnupg.js';
import { sshKey } from './sshkeys.js';

const portknockd = fileURLToPath(new URL('../../src/daemon/portknockd.cjs', import.meta.url));
const [john, jane] = [sshKey(), sshKey()];
const all = exported();

const wish = (directory: string, changes: Partial<InitRequest> = {}): InitRequest => ({
  directory,
  doors: ['ssh=tcp/22', 'web=tcp/80,udp/443'],
  user: 'portknock',
  basePort: undefined,
  spelling: undefined,
  sequenceNumber: false,
  challenge: 0,
  alwaysAllow: [],
  ...changes,
});

/** A fresh configuration with a keyring beside it. @returns its path */
function fresh(t: TestContext): string {
  const directory = temporaryFolder(t);
  const file = init(wish(directory));
  writeFile(directory, 'keyring.gpg', all, 0o644);
  writeFile(directory, 'portknockd.toml', readFileSync(file, 'utf8').replace('# keyring', 'keyring'), 0o644);
  return file;
}

const request = (changes: Partial<SignerRequest>): SignerRequest => ({
  name: 'john',
  doors: ['ssh'],
  host: 'knock.example.org',
  openpgp: [],
  sshKeys: [],
  ...changes,
});

test('init --challenge: a port by chance and a site key, no window, and doors without numbers', t => {
  const directory = temporaryFolder(t);
  const file = init(wish(directory));
  assert.deepEqual(readdirSync(directory).sort(), ['portknockd.toml', 'site.key']);
  assert.equal(statSync(join(directory, 'site.key')).mode & 0o777, 0o600);
  const { challenge, portSequence, doors } = readConfig(file);
  assert.ok(challenge !== undefined && challenge.port >= 10_000 && challenge.port <= 32_767);
  assert.equal(challenge.siteKey?.length, 32);
  assert.equal(portSequence, undefined);
  assert.deepEqual(
    doors.map(({ name, command }) => [name, command]),
    [
      ['ssh', undefined],
      ['web', undefined],
    ],
  );
  const ports = Array.from(
    { length: 4 },
    (_, at) => readConfig(init(wish(join(directory, String(at))))).challenge?.port,
  );
  assert.ok(new Set([challenge.port, ...ports]).size > 1);
});

test('the client that it writes as a comment is sound once it is none', t => {
  const directory = temporaryFolder(t);
  const text = readFileSync(init(wish(directory, { challenge: 4711 })), 'utf8');
  writeFile(directory, 'keys', `${john.line}\n`);
  const comment = text.slice(text.indexOf('# [[client]]'));
  const client = comment.replace(/^# /gm, '').replace('/home/john/.ssh/authorized_keys', 'keys');
  writeFile(directory, 'portknockd.toml', text.replace(comment, client), 0o644);
  const { challenge, clients, warnings } = readConfig(join(directory, 'portknockd.toml'));
  assert.equal(challenge?.port, 4711);
  assert.deepEqual([clients.length, warnings], [1, []]);
});

for (const [changes, message] of [
  [{ basePort: 40_000 }, /^--base-port has no meaning with --challenge: nothing is knocked$/],
  [{ spelling: 'spread' }, /^--spelling has no meaning with --challenge: nothing is knocked$/],
  [{ sequenceNumber: true }, /^--challenge and --sequence-number exclude each other$/],
  [{ challenge: 443 }, /port 443 is that of door "web" \(its service udp\/443\)$/],
] as const) {
  test(`refused, with nothing left over: ${message.source}`, t => {
    const directory = temporaryFolder(t);
    assert.throws(
      () => init(wish(directory, changes)),
      (error: unknown) =>
        (error instanceof OperatorError || error instanceof OperatorErrors) && message.test(error.message),
    );
    assert.deepEqual(readdirSync(directory), []);
  });
}

for (const [what, changes, sign, names] of [
  ['a key of SSH', { sshKeys: [john.line] }, { ssh: 'agent' }, [`ssh-ed25519 ${john.fingerprint}`]],
  [
    'a user id',
    { openpgp: ['John Doe'] },
    { gpg: fingerprints.john.toUpperCase() },
    [`OpenPGP ${fingerprints.john.toUpperCase()}`],
  ],
  [
    'several of both',
    { openpgp: ['jane@roe.com', 'John Doe'], sshKeys: [john.line, `from="192.0.2.1" ${jane.line}`] },
    { gpg: fingerprints.jane.toUpperCase() },
    [
      `OpenPGP ${fingerprints.jane.toUpperCase()}`,
      `OpenPGP ${fingerprints.john.toUpperCase()}`,
      `ssh-ed25519 ${john.fingerprint}`,
      `ssh-ed25519 ${jane.fingerprint}`,
    ],
  ],
] as const) {
  test(`client add with ${what}: a table, and a profile that says the same`, t => {
    const file = fresh(t);
    const profile = addSignerClient(
      readConfig(file),
      request({ ...changes, doors: ['web', 'ssh'] }),
      () => {},
    );
    const { clients, challenge } = readConfig(file);
    const [client] = clients;
    assert.ok(client?.kind === 'signer');
    assert.deepEqual(client.doors, ['web', 'ssh']);
    assert.deepEqual(
      keysOf(client).map(({ name }) => name),
      names,
    );
    const read = parseProfile(formatProfile(profile));
    assert.ok(read.method === 'challenge');
    assert.deepEqual([read.name, read.host, read.port], ['knock', 'knock.example.org', challenge!.port]);
    assert.deepEqual([read.sign, read.server], [sign, { siteKey: Uint8Array.from(challenge!.siteKey!) }]);
    assert.deepEqual(
      [...read.doors],
      [
        ['ssh', { services: ['tcp/22'], singleUse: false }],
        ['web', { services: ['tcp/80', 'udp/443'], singleUse: false }],
      ],
    );
  });
}

test('a server without a site key has its name in the profile', t => {
  const file = fresh(t);
  const text = readFileSync(file, 'utf8').replace(/^site_key_file.*$/m, 'stealth = false\nsite = "gate"');
  writeFile(join(file, '..'), 'portknockd.toml', text, 0o644);
  const profile = addSignerClient(readConfig(file), request({ sshKeys: [john.line] }), () => {});
  assert.deepEqual(profile.server, { site: 'gate' });
});

test("client remove refuses it, and its key may be somebody else's then", t => {
  const file = fresh(t);
  addSignerClient(readConfig(file), request({ sshKeys: [john.line] }), () => {});
  removeClient(readConfig(file), 'john');
  assert.match(listClients(readConfig(file)), /^john .* signatures \(1 SSH\) {2}removed$/m);
  addSignerClient(readConfig(file), request({ name: 'johnny', sshKeys: [john.line] }), () => {});
  const clients = readConfig(file).clients.map(
    client => client.kind === 'signer' && [client.revoked, client.ssh.length],
  );
  assert.deepEqual(clients, [
    [true, 0],
    [false, 1],
  ]);
});

for (const [what, changes, message] of [
  ['a user id of nobody', { openpgp: ['Nobody'] }, /: client "john": "Nobody" fits no key of the keyring$/],
  ['a file that is not there', { sshKeys: ['/no/keys'] }, /^\/no\/keys: no such file$/],
  ['a file without a key', { sshKeys: ['/etc/passwd'] }, /^no SSH key can be used: .*\/etc\/passwd:1: /],
  ['one of two is of nobody', { openpgp: ['john@doe.com', 'Nobody'] }, /fits no key/],
  ['a damaged key', { sshKeys: ['ssh-ed25519 AAAAC3NzaC1 x'] }, /cannot be used: a damaged public key$/],
  ['a door that is not there', { sshKeys: [john.line], doors: ['no'] }, /^there is no door "no"$/],
  ['no door', { sshKeys: [john.line], doors: [] }, /^name at least one door with --door$/],
  ['a bad name', { sshKeys: [john.line], name: 'a b' }, /^"a b" is no name for a client/],
] as const) {
  test(`client add refused, and nothing has changed: ${what}`, t => {
    const file = fresh(t);
    const before = readFileSync(file, 'utf8');
    assert.throws(
      () => addSignerClient(readConfig(file), request(changes), () => {}),
      (error: unknown) =>
        (error instanceof OperatorError || error instanceof OperatorErrors) && message.test(error.message),
    );
    assert.equal(readFileSync(file, 'utf8'), before);
    assert.deepEqual(readdirSync(join(file, '..')).sort(), ['keyring.gpg', 'portknockd.toml', 'site.key']);
  });
}

test('what is odd about its keys is told', t => {
  const file = fresh(t);
  const told: string[] = [];
  addSignerClient(readConfig(file), request({ openpgp: ['old@doe.com'] }), text => told.push(text));
  const key = fingerprints.old.toUpperCase();
  assert.deepEqual(told, [
    `client "john": the key ${key} of "old@doe.com" has expired: its signatures are refused`,
  ]);
});

test('without [challenge] there is nothing to add to', t => {
  const file = init(wish(temporaryFolder(t), { challenge: undefined }));
  assert.throws(
    () => addSignerClient(readConfig(file), request({ sshKeys: [john.line] }), () => {}),
    (error: unknown) => error instanceof OperatorError && error.code === 'no-challenge',
  );
});

test('the program does all of it', t => {
  const folder = temporaryFolder(t);
  const keys = writeFile(folder, 'authorized_keys', `${john.line}\n`);
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [portknockd, ...args], { encoding: 'utf8', cwd: folder });
  const begun = run('init', '--challenge', '--directory', folder, '--without-my-address');
  assert.equal(begun.status, 0, begun.stderr);
  assert.match(begun.stdout, / client add NAME --door DOOR --ssh-keys FILE --host THIS-HOST /);
  const config = ['--config', join(folder, 'portknockd.toml')];
  const added = run('client', 'add', 'john', '--door', 'ssh', '--ssh-keys', 'authorized_keys', ...config);
  assert.equal(added.status, 0, added.stderr);
  assert.equal(parseProfile(added.stdout).method, 'challenge');
  assert.ok(readFileSync(config[1]!, 'utf8').includes(`ssh_keys = "${keys}"\n`));
  const checked = run('check', ...config);
  assert.equal(checked.status, 0, checked.stderr);
  assert.ok(checked.stdout.includes(`key             john: ssh-ed25519 ${john.fingerprint}\n`));
  for (const [option, value] of [['--address', 'optional'], ['--sequence-number']] as const) {
    const more = [option, ...(value === undefined ? [] : [value])];
    const { status, stderr } = run(
      'client',
      'add',
      'x',
      '--door',
      'ssh',
      '--openpgp',
      'y',
      ...more,
      ...config,
    );
    assert.equal(status, 2);
    assert.ok(stderr.includes(`${option} has no meaning for a client that answers challenges`), stderr);
  }
  const port = run('init', '--challenge=70000', '--directory', join(folder, 'x'));
  assert.deepEqual([port.status, readdirSync(folder).includes('x')], [2, false]);
});
