/** `portknockd client`: clients come and go, and the rest of the file stays as its owner wrote it. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addClient, type ClientRequest, listClients, removeClient } from '../../src/daemon/clients.js';
import type { SealedClientSettings } from '../../src/daemon/config.js';
import { createFile, replaceFile } from '../../src/daemon/files.js';
import { init } from '../../src/daemon/init.js';
import { readConfig } from '../../src/daemon/settings.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { formatProfile, isClassic, parseProfile } from '../../src/system/profile.js';
import { withoutRoom } from './disk.js';
import { folderWithKeys, temporaryFolder, writeFile } from './folder.js';
import { smallText } from './reading.js';

function fresh(t: TestContext): string {
  const directory = temporaryFolder(t);
  const doors = ['ssh=tcp/22', 'web=tcp/80,udp/443'];
  return init({
    directory,
    doors,
    user: 'portknock',
    basePort: 40_000,
    spelling: 'spread',
    sequenceNumber: false,
    challenge: undefined,
    alwaysAllow: [],
  });
}

const request = (name: string, changes: Partial<ClientRequest> = {}): ClientRequest => ({
  name,
  doors: ['ssh'],
  host: 'knock.example.org',
  address: 'required',
  sequenceNumber: false,
  ...changes,
});

const textOf = (path: string) => readFileSync(path, 'utf8');

test('init, client add: a configuration, and a profile that says the same', t => {
  const file = fresh(t);
  const profile = addClient(readConfig(file), request('laptop', { doors: ['web', 'ssh'] }));
  const config = readConfig(file);
  const [client] = config.clients as [SealedClientSettings];
  assert.deepEqual(
    { ...client, key: undefined },
    {
      kind: 'sealed',
      name: 'laptop',
      doors: ['web', 'ssh'],
      revoked: false,
      id: 1,
      key: undefined,
      addressRequired: true,
    },
  );
  assert.equal(statSync(join(file, '../laptop.key')).mode & 0o777, 0o600);
  const read = parseProfile(formatProfile(profile));
  assert(read.method === 'port-sequence');
  assert.deepEqual([read.name, read.host, read.basePort], ['knock', 'knock.example.org', 40_000]);
  assert.ok(!isClassic(read.identity));
  assert.equal(read.identity.clientId, 1);
  assert.equal(read.identity.address, 'local');
  assert.deepEqual(Buffer.from(read.identity.key), client.key);
  assert.deepEqual(Buffer.from(read.identity.siteKey), config.portSequence?.siteKey);
  assert.deepEqual(
    [...read.doors],
    [
      ['ssh', { command: 1, services: ['tcp/22'], singleUse: false }],
      ['web', { command: 2, services: ['tcp/80', 'udp/443'], singleUse: false }],
    ],
  );
});

test('a client behind NAT binds no private address', t => {
  const file = fresh(t);
  const profile = addClient(readConfig(file), request('laptop', { address: 'optional' }));
  assert(profile.method === 'port-sequence');
  assert.ok(!isClassic(profile.identity) && profile.identity.address === 'auto');
  assert.equal((readConfig(file).clients[0] as SealedClientSettings).addressRequired, false);
});

/** The server's name, and what the profile is called. */
const names: readonly [string, string][] = [
  ['knock.example.org', 'knock'],
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001-db8--1'],
  ['::1', '1'],
  ['_odd_.example', 'odd_'],
  ['proxy.example.org', 'server'],
  ['import', 'server'],
  ['---', 'server'],
  ['ä', 'server'],
  [`${'x'.repeat(50)}.example`, 'x'.repeat(32)],
];

test('a profile is called so that it can be imported, whatever the server is called', t => {
  for (const [index, [host, name]] of names.entries()) {
    const profile = addClient(readConfig(fresh(t)), request(`c${index}`, { host }));
    assert.equal(profile.name, name);
    assert.equal(parseProfile(formatProfile(profile)).name, name);
  }
});

test('every client has an id and a key of its own, and an id is never given twice', t => {
  const file = fresh(t);
  for (const name of ['a', 'b', 'c']) addClient(readConfig(file), request(name));
  removeClient(readConfig(file), 'b');
  addClient(readConfig(file), request('d'));
  const clients = readConfig(file).clients as SealedClientSettings[];
  assert.deepEqual(
    clients.map(({ name, id, revoked }) => [name, id, revoked]),
    [
      ['a', 1, false],
      ['b', 2, true],
      ['c', 3, false],
      ['d', 4, false],
    ],
  );
  assert.equal(new Set(clients.map(({ key }) => Buffer.from(key).toString('hex'))).size, 4);
});

const numbered = `[sequence_number]
period = "20s"
tolerance = "0s"
port = 2222
[[door]]
name = "git"
services = ["tcp/9418"]
sequence_number = true
`;

test('for doors with sequence numbers alone a client gets a psk, and its profile says the same', t => {
  const file = writeFile(temporaryFolder(t), 'portknockd.toml', numbered, 0o640);
  const read = parseProfile(formatProfile(addClient(readConfig(file), request('desk', { doors: ['git'] }))));
  const [client] = readConfig(file).clients;
  assert(read.method === 'sequence-number' && client?.kind === 'psk');
  assert.match(read.psk, /^[0-9a-f]{64}$/);
  assert.equal(Buffer.from(client.psk).toString(), read.psk);
  assert.deepEqual([client.name, client.doors], ['desk', ['git']]);
  assert.equal(statSync(join(file, '../desk.psk')).mode & 0o777, 0o600);
  const { periodSeconds, toleranceSeconds, macPort, host, doors } = read;
  assert.deepEqual(
    { periodSeconds, toleranceSeconds, macPort, host },
    { periodSeconds: 20, toleranceSeconds: 0, macPort: 2222, host: 'knock.example.org' },
  );
  assert.deepEqual(
    [...doors].map(([name, { services }]) => [name, services]),
    [['git', ['tcp/9418']]],
  );
  assert.match(listClients(readConfig(file)), /^desk +- +git +sequence numbers$/m);
});

test('where one door needs a key, a client gets a key, or nothing', t => {
  const file = writeFile(folderWithKeys(t), 'portknockd.toml', numbered + smallText, 0o640);
  assert.equal(addClient(readConfig(file), request('a')).method, 'port-sequence');
  const before = textOf(file);
  assert.throws(
    () => addClient(readConfig(file), request('b', { doors: ['ssh', 'git'] })),
    /door "git" has no "command" to ask for/,
  );
  assert.equal(textOf(file), before);
  assert.ok(!existsSync(join(file, '../b.key')));
  const alone = writeFile(
    temporaryFolder(t),
    'portknockd.toml',
    numbered.replace('true', 'true\ncommand = 1'),
    0o640,
  );
  assert.equal(
    caught(() => addClient(readConfig(alone), request('c', { doors: ['git'] }))).code,
    'no-site-key',
  );
});

const odd = `# mine; keep
${smallText.replace('[[client]]', '[[client]] # the laptop').replace('id = 7', 'id = 7 # lucky')}
# the end`;

function written(t: TestContext, text: string): string {
  return writeFile(folderWithKeys(t), 'portknockd.toml', text, 0o640);
}

test('what was in the file stays, with its mode, to the letter', t => {
  const file = written(t, odd);
  chmodSync(file, 0o640);
  addClient(readConfig(file), request('tablet'));
  assert.ok(textOf(file).startsWith(`${odd}\n\n[[client]]\nname = "tablet"\nid = 1\n`));
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.ok(!existsSync(`${file}.new`));
});

test('remove marks a client and leaves every other line', t => {
  const file = written(t, odd);
  removeClient(readConfig(file), 'laptop');
  assert.equal(readConfig(file).clients[0]?.revoked, true);
  const lines = textOf(file).split('\n');
  const added = lines.findIndex(line => line.startsWith('revoked = true # by "portknockd client remove", '));
  assert.equal(lines[added - 1], 'name = "laptop"');
  assert.equal(lines.toSpliced(added, 1).join('\n'), odd);
});

test('remove turns the word that is there, and touches no other false', t => {
  const text = odd.replace('id = 7', 'revoked = false # not false yet\nid = 7');
  const file = written(t, text);
  removeClient(readConfig(file), 'laptop');
  assert.equal(textOf(file), text.replace('revoked = false', 'revoked = true'));
});

test('where it cannot be marked the file stays as it is', t => {
  const inline = `${smallText.split('[[client]]')[0]}`.replace(
    /^/,
    'client = [{ name = "false", id = 7, key_file = "laptop.key", doors = ["ssh"], revoked = false }]\n',
  );
  const file = written(t, inline);
  assert.throws(
    () => removeClient(readConfig(file), 'false'),
    (error: unknown) =>
      error instanceof OperatorErrors || (error instanceof OperatorError && error.code === 'not-revoked'),
  );
  assert.equal(textOf(file), inline);
  assert.ok(!existsSync(`${file}.new`));
});

/** Whom to add, and why not. */
const refused: readonly [string, ClientRequest, RegExp][] = [
  ['no name', request(''), /is no name for a client/],
  ['a path', request('../x'), /is no name for a client/],
  ['a quote', request('a"b'), /is no name for a client/],
  ['a name too long', request('x'.repeat(33)), /is no name for a client/],
  ['one who is there', request('laptop'), /^there is a client "laptop" already$/],
  ['a door that is not there', request('b', { doors: ['ssh', 'shh'] }), /^there is no door "shh"$/],
  ['no door', request('b', { doors: [] }), /^name at least one door with --door$/],
  ['one whose key file is there', request('phone'), /phone\.key: is there already$/],
];

for (const [what, asked, message] of refused) {
  test(`not added, and nothing changed: ${what}`, t => {
    const file = written(t, odd);
    const before = readdirSync(join(file, '..'));
    const { message: said, code } = caught(() => addClient(readConfig(file), asked));
    assert.match(said, message);
    assert.ok(code.length > 0);
    assert.equal(textOf(file), odd);
    assert.deepEqual(readdirSync(join(file, '..')), before);
  });
}

function caught(action: () => unknown): OperatorError {
  try {
    action();
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('a door that no sealed block can name is found before anything changes', t => {
  const text = odd.replace(
    '[[client]] #',
    '[[door]]\nname = "far"\ncommand = 256\nservices = ["tcp/1"]\n[[client]] #',
  );
  const file = written(t, text);
  assert.throws(() => addClient(readConfig(file), request('b', { doors: ['far'] })), OperatorErrors);
  assert.equal(textOf(file), text);
  assert.ok(!existsSync(join(file, '../b.key')));
});

test('without room nothing changes', t => {
  const file = written(t, odd);
  const before = readdirSync(join(file, '..'));
  const error = withoutRoom(100, () => caught(() => addClient(readConfig(file), request('tablet'))));
  assert.match(error.message, /portknockd\.toml\.new: cannot be written \(EFBIG\)$/);
  assert.equal(textOf(file), odd);
  assert.deepEqual(readdirSync(join(file, '..')), before);
});

test('nobody is removed twice, and nobody who is not there', t => {
  const file = written(t, odd);
  const missing = caught(() => removeClient(readConfig(file), 'lap'));
  assert.deepEqual([missing.code, missing.hint], ['no-client', 'clients are: laptop']);
  removeClient(readConfig(file), 'laptop');
  const after = textOf(file);
  assert.equal(caught(() => removeClient(readConfig(file), 'laptop')).code, 'revoked');
  assert.equal(textOf(file), after);
});

test('clients are listed in columns', t => {
  const classic =
    '[[client]]\nname = "old"\nclassic_passphrase_file = "old.pass"\ndoors = ["ssh"]\nrevoked = true\n';
  assert.equal(
    listClients(readConfig(written(t, smallText + classic))),
    'NAME    ID  DOORS  ADDRESS\nlaptop  7   ssh    required\nold     -   ssh    classic (can be replayed)  removed\n',
  );
});

test('a file is made whole, or not at all', t => {
  const path = join(temporaryFolder(t), 'file');
  const error = withoutRoom(10, () => caught(() => createFile(path, 'x'.repeat(100), 0o600)));
  assert.equal(error.message, `${path}: cannot be written (EFBIG)`);
  assert.ok(!existsSync(path));
  createFile(path, 'x'.repeat(100), 0o640);
  assert.deepEqual([textOf(path).length, statSync(path).mode & 0o777], [100, 0o640]);
  assert.equal(caught(() => createFile(path, 'y', 0o600)).code, 'exists');
  symlinkSync('elsewhere', `${path}.link`);
  assert.equal(caught(() => createFile(`${path}.link`, 'y', 0o600)).code, 'exists');
});

test('a file is replaced when its new text is good, and then only', t => {
  const path = writeFile(temporaryFolder(t), 'file', 'old', 0o604);
  const bad = new OperatorError('bad', 'no good');
  assert.equal(
    caught(() =>
      replaceFile(path, 'new', fresh => {
        assert.equal(textOf(fresh), 'new');
        assert.equal(textOf(path), 'old');
        throw bad;
      }),
    ),
    bad,
  );
  assert.equal(textOf(path), 'old');
  assert.ok(!existsSync(`${path}.new`));
  replaceFile(path, 'new', () => {});
  assert.deepEqual([textOf(path), statSync(path).mode & 0o777], ['new', 0o604]);
  writeFile(join(path, '..'), 'file.new', 'somebody at work');
  assert.equal(caught(() => replaceFile(path, 'newer', () => {})).code, 'exists');
  assert.equal(textOf(path), 'new');
});

test('where a door takes both, a client connects with sequence numbers if that is said', t => {
  const both = numbered.replace('true', 'true\ncommand = 1');
  const file = writeFile(temporaryFolder(t), 'portknockd.toml', both, 0o640);
  const add = (name: string, doors: string[]) =>
    addClient(readConfig(file), request(name, { doors, sequenceNumber: true }));
  assert.equal(add('desk', ['git']).method, 'sequence-number');
  const other = written(t, numbered + smallText);
  assert.throws(
    () => addClient(readConfig(other), request('desk', { sequenceNumber: true })),
    /door "ssh" takes no sequence numbers/,
  );
  assert.ok(!existsSync(join(other, '../desk.psk')));
});
