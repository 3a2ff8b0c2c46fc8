/** Whole configurations: what is legal comes to what it says; a file that cannot be read. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/daemon/settings.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { folderWithKeys, keyText, temporaryFolder, writeFile } from './folder.js';
import { classicClient, read, smallText } from './reading.js';

/** Word for word as the issue that asked for portknockd has it, but for the folder of the state. */
const exampleText = `state_directory = "/var/lib/portknock"   # ledger, journal, control socket
user = "portknock"                       # the listener's user

[capture]
from = "nflog"                           # "nflog", "stdin", or the path of a FIFO or file of hit lines
group = 5

[port_sequence]
base_port = 40000
site_key_file = "site.key"
skew = "60s"

[guard]
always_allow = ["192.0.2.0/24"]

[[door]]
name = "ssh"
command = 1
services = ["tcp/22"]
open_for = "30s"
single_use = false

[[door]]
name = "backup"
command = 2
run = ["/usr/local/bin/backup", "{source}"]
close_run = ["/usr/local/bin/backup-done"]
open_for = "10m"

[[client]]
name = "laptop"
id = 7
key_file = "laptop.key"
doors = ["ssh", "backup"]
address = "required"                     # "optional" for clients behind NAT

[[client]]                               # as Kroon's portknock; warns that it can be replayed
name = "old-laptop"
classic_passphrase_file = "old.pass"
doors = ["ssh"]
`;

const forBoth = (argv: string[]) => ({ ipv4: { argv }, ipv6: { argv } });

test('the example of the issue comes to what it says', t => {
  const folder = folderWithKeys(t);
  const { warnings, ...config } = read(t, exampleText, folder);
  assert.deepEqual(config, {
    file: join(folder, 'portknockd.toml'),
    stateDirectory: '/var/lib/portknock',
    user: 'portknock',
    capture: { from: 'nflog', group: 5 },
    group: 5,
    portSequence: { spelling: 'ordered', basePort: 40000, skewMs: 60_000, siteKey: Buffer.alloc(32, 0x51) },
    sequenceNumber: undefined,
    datagram: undefined,
    challenge: undefined,
    firewall: { backend: 'nftables', rules: [] },
    alwaysAllow: [{ family: 4, text: '192.0.2.0/24' }],
    doors: [
      {
        kind: 'services',
        name: 'ssh',
        command: 1,
        openForMs: 30_000,
        sequence: undefined,
        services: [{ protocol: 6, port: 22 }],
        singleUse: false,
        sequenceNumber: false,
        datagram: false,
      },
      {
        kind: 'command',
        name: 'backup',
        command: 2,
        openForMs: 600_000,
        sequence: undefined,
        run: forBoth(['/usr/local/bin/backup', '{source}']),
        closeRun: forBoth(['/usr/local/bin/backup-done']),
        runAs: undefined,
        timeLimitMs: 60_000,
      },
    ],
    tellsStages: false,
    tellsPackets: false,
    clients: [
      {
        kind: 'sealed',
        name: 'laptop',
        doors: ['ssh', 'backup'],
        revoked: false,
        id: 7,
        key: Buffer.alloc(32, 0x1a),
        addressRequired: true,
      },
      { kind: 'classic', name: 'old-laptop', doors: ['ssh'], revoked: false, passphrase: 'open sesame' },
    ],
  });
  assert.deepEqual(
    warnings.map(warning => warning.replaceAll(`${folder}/`, '')),
    [
      'portknockd.toml:26: door "backup": /usr/local/bin/backup is not a program that can be run',
      'portknockd.toml:27: door "backup": /usr/local/bin/backup-done is not a program that can be run',
      'client "old-laptop" knocks with classic blocks: whoever records one knock can repeat it at any time',
    ],
  );
});

test('an empty file is a configuration', t => {
  const { file, ...config } = read(t, '');
  assert.ok(file.endsWith('/portknockd.toml'));
  assert.deepEqual(config, {
    stateDirectory: '/var/lib/portknock',
    user: 'portknock',
    capture: { from: 'nflog', group: 5 },
    group: 5,
    portSequence: undefined,
    sequenceNumber: undefined,
    datagram: undefined,
    challenge: undefined,
    firewall: { backend: 'nftables', rules: [] },
    alwaysAllow: [],
    doors: [],
    clients: [],
    tellsStages: false,
    tellsPackets: false,
    warnings: [],
  });
});

test('paths go from the folder of the file, wherever we are', t => {
  const folder = temporaryFolder(t);
  const text = smallText.replace('"site.key"', '"../site.key"').replace('"laptop.key"', '"keys/laptop.key"');
  for (const inner of ['conf', 'conf/keys']) mkdirSync(join(folder, inner));
  writeFile(folder, 'site.key', keyText(1));
  writeFile(folder, 'conf/keys/laptop.key', keyText(2));
  const config = read(t, `state_directory = "../state"\n${text}`, join(folder, 'conf'));
  assert.equal(config.stateDirectory, join(folder, 'state'));
  assert.deepEqual(config.portSequence?.siteKey, Buffer.alloc(32, 1));
});

test('without sealed clients there need be no site key', t => {
  const text = smallText.replace(/\[\[client\]\][\s\S]*/, classicClient).replace(/site_key_file.*\n/, '');
  assert.equal(read(t, text).portSequence?.siteKey, undefined);
});

test('a file that cannot be read is one mistake with a hint', t => {
  const folder = temporaryFolder(t);
  assert.throws(
    () => readConfig(join(folder, 'no.toml')),
    (error: unknown) =>
      error instanceof OperatorError &&
      error.code === 'no-config' &&
      error.message === `${folder}/no.toml: no such file` &&
      error.hint === 'make one with: portknockd init --door ssh=tcp/22',
  );
  assert.throws(
    () => readConfig(folder),
    (error: unknown) =>
      error instanceof OperatorError && error.message === `${folder}: cannot be read (EISDIR)`,
  );
});

test('mistakes come as one error that holds them all', t => {
  assert.throws(
    () => read(t, 'a = 1\nb = 2\n'),
    (error: unknown) =>
      error instanceof OperatorErrors &&
      error.errors.length === 2 &&
      error.errors.every(each => each.code === 'bad-config'),
  );
});
