/** Files with the keys of clients: what is wrong with one costs its user his keys, with a warning, and nobody else anything. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from '../../src/daemon/check.js';
import { listClients } from '../../src/daemon/clients.js';
import { keysOf } from '../../src/daemon/keynames.js';
import { summary } from '../../src/daemon/wording.js';
import { folderWithKeys, writeFile } from './folder.js';
import { exported, fingerprints } from './gnupg.js';
import { mistakesIn, read } from './reading.js';
import { sshKey } from './sshkeys.js';

const [john, jane, short] = [sshKey(), sshKey('ecdsa'), sshKey('rsa', '-b', '1024')];
const all = exported();

const ssh = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\n';
const section = (lines = 'ssh_keys = "keys"', more = '') =>
  `[challenge]\nport = 40000\nsite_key_file = "site.key"\n${more}${ssh}[[client]]\nname = "john"\n${lines}\ndoors = ["ssh"]\n`;

/** The names of the keys, and what is warned of, without the folder and where it stands. */
function found(t: TestContext, prepare: (folder: string) => void, text = section()): [string[], string[]] {
  const folder = folderWithKeys(t);
  writeFile(folder, 'keyring.gpg', all, 0o644);
  prepare(folder);
  const { clients, warnings } = read(t, text, folder);
  const names = clients.flatMap(client =>
    client.kind === 'signer' ? keysOf(client).map(({ name }) => name) : [],
  );
  return [names, warnings.map(line => line.replaceAll(`${folder}/`, '').replace('portknockd.toml:', ''))];
}

const johns = `ssh-ed25519 ${john.fingerprint}`;
const janes = `ecdsa-sha2-nistp256 ${jane.fingerprint}`;
const withoutKey = '7: client "john" has no key: nobody can answer for it';
const unusable = (why: string) => [`9: client "john": ${why}`, withoutKey];
const write =
  (text: string, mode = 0o600) =>
  (folder: string) =>
    void writeFile(folder, 'keys', text, mode);

const odd = [
  '# of John',
  '',
  '   ',
  john.line,
  `command="echo \\"a, b\\"",no-pty ${jane.line}\r`,
  `cert-authority ${john.line}`,
  short.line,
  'ssh-dss AAAAB3NzaC1kc3M= old',
  'root:$6$secret:19000:0:99999:7:::',
  `from="a ${john.line}`,
  john.line,
].join('\n');

test('lines that are no keys are warned of by their number, without their text', t => {
  const [names, warnings] = found(t, write(odd));
  assert.deepEqual(names, [johns, janes]);
  const lines = warnings.map(warning => /^9: client "john": keys:(\d+): /.exec(warning)?.[1]);
  assert.deepEqual(lines, ['6', '7', '8', '9', '10']);
  assert.ok(!warnings.join('\n').includes('secret'));
});

test('a key in several lines may be used as any of them says', t => {
  const folder = folderWithKeys(t);
  const lines = [john.line, `from="192.0.2.1" ${john.line}`, `from="192.0.2.2" ${john.line}`, john.line];
  writeFile(folder, 'keys', `${lines.join('\n')}\n`);
  const [client] = read(t, section(), folder).clients;
  assert.ok(client?.kind === 'signer');
  assert.deepEqual(
    client.ssh.map(({ from }) => from),
    [undefined, '192.0.2.1', '192.0.2.2'],
  );
});

test('a file of anything is warned of ten times at most', t => {
  const [names, warnings] = found(t, write('nothing\n'.repeat(10_000)));
  assert.deepEqual(names, []);
  assert.equal(warnings.length, 12);
  assert.equal(warnings[10], '9: client "john": keys: and 991 more lines that are no keys');
});

for (const [what, prepare, why] of [
  ['that is not there', () => {}, 'keys: no such file'],
  ['that is empty', write(''), 'keys: holds no key'],
  ['that is a folder', (folder: string) => mkdirSync(join(folder, 'keys')), 'keys: not a file'],
  ['that is a FIFO', (folder: string) => spawnSync('mkfifo', [join(folder, 'keys')]), 'keys: not a file'],
  [
    'that is a device',
    (folder: string) => symlinkSync('/dev/zero', join(folder, 'keys')),
    'keys: not a file',
  ],
  [
    'that is a link to nothing',
    (folder: string) => symlinkSync('nothing', join(folder, 'keys')),
    'keys: no such file',
  ],
  [
    'that is huge',
    write(`${john.line}\n`.repeat(Math.ceil((1 << 20) / john.line.length))),
    'keys: has more than 1048576 bytes',
  ],
  [
    'that its group may write',
    (folder: string) => chmodSync(writeFile(folder, 'keys', john.line), 0o660),
    'keys: others than its owner may write it (mode 0660) (chmod go-w keys)',
  ],
  [
    'that all may write',
    (folder: string) => chmodSync(writeFile(folder, 'keys', john.line), 0o602),
    'keys: others than its owner may write it (mode 0602) (chmod go-w keys)',
  ],
] as const) {
  test(`a file ${what} costs its client his keys`, t => {
    assert.deepEqual(found(t, prepare), [[], unusable(why)]);
  });
}

test('of the files of the kernel nothing is read, whatever link leads there: some keep their reader for ever', t => {
  const prepare = (folder: string) => symlinkSync('/proc/self/status', join(folder, 'keys'));
  assert.deepEqual(found(t, prepare), [[], unusable('keys: holds no key')]);
});

test('what is no file is not opened: who waits at a FIFO waits on', async t => {
  const folder = folderWithKeys(t);
  spawnSync('mkfifo', [join(folder, 'keys')]);
  const writer = spawn('sh', ['-c', 'echo x > keys'], { cwd: folder, stdio: 'ignore' });
  const ended = once(writer, 'exit');
  t.after(() => writer.kill('SIGKILL'));
  await sleep(100);
  assert.match(read(t, section(), folder).warnings[0]!, /not a file$/);
  assert.equal(await Promise.race([ended, sleep(200, 'waits')]), 'waits');
});

test('a file in a folder that others may write to is not trusted, whatever link leads there', t => {
  const prepare = (folder: string) => {
    mkdirSync(join(folder, 'open'));
    writeFile(join(folder, 'open'), 'keys', john.line);
    chmodSync(join(folder, 'open'), 0o777);
    symlinkSync('open/keys', join(folder, 'keys'));
  };
  const why = 'open: others than its owner may write it (mode 0777) (chmod go-w open)';
  assert.deepEqual(found(t, prepare), [[], unusable(why)]);
});

test('nor is one in a home that others may write to: they could put another folder in the place of its own', t => {
  const prepare = (folder: string) => {
    mkdirSync(join(folder, 'home', '.ssh'), { recursive: true });
    writeFile(join(folder, 'home', '.ssh'), 'authorized_keys', john.line);
    chmodSync(join(folder, 'home'), 0o775);
    symlinkSync('home/.ssh/authorized_keys', join(folder, 'keys'));
  };
  const why = 'home: others than its owner may write it (mode 0775) (chmod go-w home)';
  assert.deepEqual(found(t, prepare), [[], unusable(why)]);
});

test('a link to a file that is well kept is followed', t => {
  const prepare = (folder: string) => {
    writeFile(folder, 'kept', john.line, 0o644);
    symlinkSync('kept', join(folder, 'keys'));
  };
  assert.deepEqual(found(t, prepare), [[johns], []]);
});

test('one that is missing does not cost the others', t => {
  const prepare = (folder: string) => void writeFile(folder, 'more', jane.line);
  const [names, warnings] = found(t, prepare, section('ssh_keys = ["keys", "more"]'));
  assert.deepEqual([names, warnings], [[janes], ['9: client "john": keys: no such file']]);
});

test('a keyring that others may write is refused', t => {
  const folder = folderWithKeys(t);
  chmodSync(writeFile(folder, 'keyring.gpg', all), 0o666);
  const text = section('openpgp = "John Doe"', 'keyring = "keyring.gpg"\n');
  assert.deepEqual(mistakesIn(t, text, folder), [
    '4: keyring.gpg: others than its owner may write it (mode 0666) (chmod go-w keyring.gpg)',
  ]);
});

test('a keyring that nobody needs is not read', t => {
  const [, warnings] = found(t, write(john.line), section(undefined, 'keyring = "no.gpg"\n'));
  assert.deepEqual(warnings, []);
});

for (const [name, state] of [
  ['old', 'has expired'],
  ['gone', 'is revoked'],
] as const) {
  test(`warned of: a key that ${state}`, t => {
    const text = section(`openpgp = "${name}@doe.com"`, 'keyring = "keyring.gpg"\n');
    const [names, warnings] = found(t, () => {}, text);
    const key = fingerprints[name].toUpperCase();
    assert.deepEqual(names, [`OpenPGP ${key}`]);
    assert.deepEqual(warnings, [
      `10: client "john": the key ${key} of "${name}@doe.com" ${state}: its signatures are refused`,
    ]);
  });
}

test('warned of: nobody to answer, and a server that answers everybody', t => {
  const open = '[challenge]\nport = 40000\nstealth = false\nsite = "gate"\n';
  assert.deepEqual(found(t, () => {}, `${open}${ssh}`)[1], [
    '3: challenge.stealth: the port answers everybody who asks as portknock does, so a scan can find it',
    '1: [challenge]: no client has "openpgp" or "ssh_keys": nobody can answer',
  ]);
});

test('check says where is asked, and whose keys those are; the log says the port', t => {
  const folder = folderWithKeys(t);
  writeFile(folder, 'keyring.gpg', all, 0o644);
  writeFile(folder, 'keys', `${john.line}\n${jane.line}\n`);
  const text = section(
    'openpgp = "John Doe"\nssh_keys = "keys"',
    'keyring = "keyring.gpg"\nverify_with = "gpgv"\n',
  );
  const config = read(t, text, folder);
  const lines = check(config).text.replaceAll(`${folder}/`, '').split('\n');
  for (const line of [
    'challenges      udp/40000 answers who has the site key, clocks within 5m',
    'keyring         keyring.gpg, signatures verified by gpgv',
    'door            ssh (signature) opens tcp/22 for 30s',
    'client          john (signatures) may use ssh',
    `key             john: OpenPGP ${fingerprints.john.toUpperCase()}`,
    `key             john: ${johns}`,
    `key             john: ${janes}`,
  ]) {
    assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
  }
  assert.match(summary(config), /, challenges at udp\/40000$/);
  assert.match(listClients(config), /^john {2}- {3}ssh {4}signatures \(1 OpenPGP, 2 SSH\)$/m);
  const open = read(t, text.replace('site_key_file = "site.key"', 'stealth = false\nsite = "gate"'), folder);
  assert.match(
    check(open).text,
    /^challenges {6}udp\/40000 answers everybody, as "gate", clocks within 5m$/m,
  );
});

test('a key of somebody else in the own file of a client is warned of, and stops nothing', t => {
  const prepare = (folder: string) => void writeFile(folder, 'keys', `${jane.line}\n`);
  const janesClient = `[[client]]\nname = "jane"\nssh_keys = "${jane.line}"\ndoors = ["ssh"]\n`;
  const text = `13: client "jane": its key ${janes} is that of client "john" too, and counts as that of the first who has the door; see who wrote it there`;
  assert.deepEqual(found(t, prepare, section() + janesClient), [[janes, janes], [text]]);
});
