/** That the keys of clients follow their files while the daemon runs, and that nothing else of the configuration does. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stillAllowed } from '../../src/daemon/closing.js';
import { type Config, Permissions } from '../../src/daemon/config.js';
import { KeyKeeper, withKeys } from '../../src/daemon/keykeeper.js';
import { keysOf } from '../../src/daemon/keynames.js';
import { readConfig } from '../../src/daemon/settings.js';
import { readKeyring } from '../../src/system/keyring.js';
import { folderWithKeys, writeFile } from './folder.js';
import { exported, fingerprints } from './gnupg.js';
import { Logbook, until } from './logbook.js';
import { sshKey } from './sshkeys.js';

const [john, jane] = [sshKey(), sshKey()];
const johns = `ssh-ed25519 ${john.fingerprint}`;
const openpgpOf = (name: keyof typeof fingerprints) => `OpenPGP ${fingerprints[name].toUpperCase()}`;
const all = exported();

const text = `[challenge]
port = 40000
site_key_file = "site.key"
keyring = "keyring.gpg"
[[door]]
name = "ssh"
services = ["tcp/22"]
[[client]]
name = "john"
ssh_keys = "keys"
doors = ["ssh"]
[[client]]
name = "jane"
openpgp = "Jane Roe"
doors = ["ssh"]
[[client]]
name = "twin"
openpgp = "one@twin.org"
doors = ["ssh"]
`;

/** A configuration that is kept, as the monitor keeps it. */
function keeping(t: TestContext) {
  const folder = folderWithKeys(t);
  writeFile(folder, 'keyring.gpg', all, 0o644);
  writeFile(folder, 'keys', `${john.line}\n`);
  const file = writeFile(folder, 'portknockd.toml', text);
  const book = new Logbook();
  let taken = 0;
  let read = 0;
  const kept = { config: readConfig(file), folder, book, taken: () => taken, read: () => read };
  const keeper = new KeyKeeper(
    book.log,
    keys => {
      taken++;
      kept.config = withKeys(kept.config, keys, book.log);
    },
    { settleMs: 20, pauseMs: 0, tickMs: 100 },
    (files, place) => {
      read++;
      return readKeyring(files, place);
    },
  );
  keeper.adopt(kept.config, Date.now() + 60_000);
  t.after(() => keeper.stop());
  return kept;
}

function namesOf({ clients }: Config, name: string): string[] {
  const client = clients.find(each => each.name === name);
  return client?.kind === 'signer' ? keysOf(client).map(key => key.name) : [];
}

test('a key that is added to a file counts, and one that is taken out does not', async t => {
  const kept = keeping(t);
  const file = join(kept.folder, 'keys');
  assert.deepEqual(namesOf(kept.config, 'john'), [johns]);
  writeFileSync(file, `${john.line}\n${jane.line}\n`);
  await until(() => namesOf(kept.config, 'john').length === 2);
  const allowed = stillAllowed(kept.config);
  writeFileSync(file, `# ${john.line}\n`);
  await until(() => namesOf(kept.config, 'john').length === 0);
  assert.ok(kept.book.lines.includes(`keys read again: john: ${johns}, ssh-ed25519 ${jane.fingerprint}`));
  assert.ok(kept.book.lines.includes('keys read again: john: none'));
  // What was open for him is closed now, and for nobody else.
  assert.ok(allowed('john', 'ssh'));
  assert.equal(stillAllowed(kept.config)('john', 'ssh'), false);
  assert.equal(new Permissions(kept.config).find('john', 'ssh'), 'revoked');
  assert.ok(stillAllowed(kept.config)('jane', 'ssh'));
});

test('a client that has one key left keeps what is open', async t => {
  const kept = keeping(t);
  writeFileSync(join(kept.folder, 'keys'), `${jane.line}\n`);
  await until(() => namesOf(kept.config, 'john')[0] === `ssh-ed25519 ${jane.fingerprint}`);
  assert.ok(stillAllowed(kept.config)('john', 'ssh'));
});

test('a key that is taken out of the keyring is out at once, and so is one that another now has the name of', async t => {
  const kept = keeping(t);
  const ring = join(kept.folder, 'keyring.gpg');
  writeFileSync(ring, exported([fingerprints.twin, fingerprints.otherTwin]));
  await until(() => namesOf(kept.config, 'jane').length === 0);
  assert.deepEqual(namesOf(kept.config, 'twin'), [openpgpOf('twin')]);
  assert.match(kept.book.lines.join('\n'), /client "jane": "Jane Roe" fits no key of the keyring/);
  writeFileSync(ring, all);
  await until(() => namesOf(kept.config, 'jane')[0] === openpgpOf('jane'));
});

test('a keyring that cannot be read leaves its keys, is told once, and does not keep back keys of SSH', async t => {
  const kept = keeping(t);
  writeFileSync(join(kept.folder, 'keyring.gpg'), 'nothing of use\n');
  const isTold = (line: string) =>
    line.startsWith('the keyring was not read again, its keys from before stay: ');
  await until(() => kept.book.lines.some(isTold));
  writeFileSync(join(kept.folder, 'keys'), '');
  await until(() => namesOf(kept.config, 'john').length === 0);
  rmSync(join(kept.folder, 'keys'));
  await until(() => kept.book.lines.includes(`client "john": ${kept.folder}/keys: no such file`));
  assert.deepEqual(namesOf(kept.config, 'jane'), [openpgpOf('jane')]);
  assert.deepEqual(namesOf(kept.config, 'twin'), [openpgpOf('twin')]);
  assert.equal(kept.book.lines.filter(isTold).length, 1);
  writeFileSync(join(kept.folder, 'keyring.gpg.new'), exported([fingerprints.john]));
  renameSync(join(kept.folder, 'keyring.gpg.new'), join(kept.folder, 'keyring.gpg'));
  await until(() => namesOf(kept.config, 'jane').length === 0);
});

test('the configuration itself is not read again', async t => {
  const kept = keeping(t);
  writeFileSync(join(kept.folder, 'portknockd.toml'), text.replaceAll('tcp/22', 'tcp/23'));
  writeFileSync(join(kept.folder, 'keys'), `${jane.line}\n`);
  await until(() => kept.taken() > 0);
  const [door] = kept.config.doors;
  assert.ok(door?.kind === 'services');
  assert.deepEqual(door.services, [{ protocol: 6, port: 22 }]);
});

test('nothing is read while nothing changes', async t => {
  const kept = keeping(t);
  await sleep(200);
  assert.deepEqual([kept.taken(), kept.book.lines], [0, []]);
});

test('a key that comes to a second client is told once', t => {
  const { config, book } = keeping(t);
  const [key] = config.clients.flatMap(client => (client.kind === 'signer' ? client.ssh : []));
  const keys = new Map([['twin', { openpgp: undefined, ssh: [key ?? assert.fail()] }]]);
  const next = withKeys(config, keys, book.log);
  withKeys(next, keys, book.log);
  const told = book.lines.filter(line => line.includes(`client "twin": its key ${johns}`));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /is that of client "john" too/);
});

test('whoever writes to his own keys has no keyring read again that is as it was', async t => {
  const kept = keeping(t);
  for (const line of ['', jane.line, john.line]) {
    const before = kept.taken();
    writeFileSync(join(kept.folder, 'keys'), line);
    await until(() => kept.taken() > before);
  }
  assert.equal(kept.read(), 1);
  writeFileSync(join(kept.folder, 'keyring.gpg'), 'nothing of use');
  await until(() => kept.book.lines.some(line => line.startsWith('the keyring was not read again')));
  const before = kept.taken();
  writeFileSync(join(kept.folder, 'keys'), '');
  await until(() => kept.taken() > before);
  assert.equal(kept.read(), 2);
});
