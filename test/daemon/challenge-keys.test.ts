/** Challenges in portknockd.toml: what the keys of [challenge] and of their clients take and refuse. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { keysOf } from '../../src/daemon/keynames.js';
import { folderWithKeys, writeFile } from './folder.js';
import { exported, exportedSecret, fingerprints } from './gnupg.js';
import { mistakesIn, read } from './reading.js';
import { sshKey } from './sshkeys.js';

const john = sshKey();
const rsa = sshKey('rsa', '-b', '2048');
const short = sshKey('rsa', '-b', '1024');
const upper = Object.fromEntries(
  Object.entries(fingerprints).map(([name, fingerprint]) => [name, fingerprint.toUpperCase()]),
) as typeof fingerprints;

const all = exported();
const armoured = exported([fingerprints.john], '--armor');
const secret = exportedSecret(fingerprints.john);

function folder(t: TestContext): string {
  const path = folderWithKeys(t);
  writeFile(path, 'keyring.gpg', all, 0o644);
  writeFile(path, 'secret.gpg', secret);
  writeFile(path, 'open.gpg', all, 0o644);
  writeFile(path, 'nothing', 'nothing of use\n');
  writeFile(path, 'john.pub', `${john.line}\n`, 0o644);
  mkdirSync(join(path, 'keys'), { mode: 0o755 });
  writeFile(join(path, 'keys'), 'john.asc', armoured, 0o644);
  writeFile(join(path, 'keys'), 'jane.gpg', exported([fingerprints.jane]), 0o644);
  writeFile(join(path, 'keys'), '.hidden', 'of an editor', 0o644);
  writeFile(join(path, 'keys'), 'john.asc~', 'of an editor', 0o644);
  return path;
}

const ssh = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\n';
const clientOf = (lines: string, name = 'john') =>
  `[[client]]\nname = "${name}"\n${lines}\ndoors = ["ssh"]\n`;
/** Four lines and those, the door in three more, then the clients, from line 9 where there is one line. */
const section = (lines: string, clients = clientOf('openpgp = "John Doe"'), door = ssh) =>
  `[challenge]\nport = 40000\nsite_key_file = "site.key"\nkeyring = "keyring.gpg"\n${lines}\n${door}${clients}`;
const small = section('');
const instead = (from: string, to: string) => small.replace(from, to);
const withClient = (lines: string) => section('', clientOf(lines));

const namesOf = (t: TestContext, text: string): string[][] =>
  read(t, text, folder(t)).clients.map(client =>
    client.kind === 'signer' ? keysOf(client).map(({ name }) => name) : [],
  );

test('the smallest section comes to what it says, and a door needs no command', t => {
  const path = folder(t);
  const { challenge, doors, clients, warnings } = read(t, small, path);
  const { siteKey, ...rest } = challenge!;
  assert.deepEqual(rest, {
    port: 40000,
    site: '',
    skewMs: 300_000,
    verifyWith: 'openpgpjs',
    keySources: {
      keyring: join(path, 'keyring.gpg'),
      clients: [{ client: 'john', revoked: false, openpgp: ['John Doe'], ssh: [] }],
    },
  });
  assert.deepEqual(Buffer.from(siteKey!), Buffer.alloc(32, 0x51));
  assert.equal(doors[0]?.command, undefined);
  const [client] = clients;
  assert.ok(client?.kind === 'signer');
  assert.deepEqual([client.name, client.doors, client.revoked, client.ssh], ['john', ['ssh'], false, []]);
  assert.deepEqual(
    client.openpgp.map(({ fingerprint }) => fingerprint),
    [fingerprints.john],
  );
  assert.deepEqual(warnings, []);
});

for (const [text, key, value] of [
  [section('skew = "1s"'), 'skewMs', 1000],
  [section('skew = "1h"'), 'skewMs', 3_600_000],
  [section('verify_with = "gpgv"'), 'verifyWith', 'gpgv'],
  [instead('40000', '1'), 'port', 1],
  [instead('40000', '65535'), 'port', 65535],
  [
    instead('site_key_file = "site.key"', 'stealth = false\nsite = "gate.example.org"'),
    'site',
    'gate.example.org',
  ],
  [instead('site_key_file = "site.key"', 'stealth = false\nsite = "x"'), 'siteKey', undefined],
] as const) {
  test(`taken: ${text.split('\n').slice(1, 6).join(' ')}`, t => {
    assert.equal(read(t, text, folder(t)).challenge![key], value);
  });
}

for (const [lines, ...names] of [
  ['openpgp = "John Doe <john@doe.com>"', `OpenPGP ${upper.john}`],
  ['openpgp = "john@doe.com"', `OpenPGP ${upper.john}`],
  ['openpgp = "JOHN@Doe.com"', `OpenPGP ${upper.john}`],
  ['openpgp = "Jane Roe"', `OpenPGP ${upper.jane}`],
  [`openpgp = "0x${upper.john}"`, `OpenPGP ${upper.john}`],
  [`openpgp = "${fingerprints.twin.replace(/(....)/g, '$1 ')}"`, `OpenPGP ${upper.twin}`],
  ['openpgp = ["John Doe", "jane@roe.com"]', `OpenPGP ${upper.john}`, `OpenPGP ${upper.jane}`],
  ['openpgp = ["John Doe", "john@doe.com"]', `OpenPGP ${upper.john}`],
  ['ssh_keys = "john.pub"', `ssh-ed25519 ${john.fingerprint}`],
  [`ssh_keys = "${rsa.line}"`, `ssh-rsa ${rsa.fingerprint}`],
  [`ssh_keys = 'from="192.0.2.0/24" ${rsa.line}'`, `ssh-rsa ${rsa.fingerprint}`],
  [
    `ssh_keys = ["john.pub", "${rsa.line}"]\nopenpgp = "Jane Roe"`,
    `OpenPGP ${upper.jane}`,
    `ssh-ed25519 ${john.fingerprint}`,
    `ssh-rsa ${rsa.fingerprint}`,
  ],
] as const) {
  test(`keys of: ${lines.slice(0, 60)}`, t => assert.deepEqual(namesOf(t, withClient(lines)), [names]));
}

test('a folder is a keyring', t => {
  const text = section('', clientOf('openpgp = ["John Doe", "Jane Roe"]')).replace('keyring.gpg', 'keys');
  assert.deepEqual(namesOf(t, text), [[`OpenPGP ${upper.john}`, `OpenPGP ${upper.jane}`]]);
});

test('a client that was taken out needs no keys, and another may have them', t => {
  const removed = `${clientOf('openpgp = "Nobody"\nssh_keys = "no.pub"\nrevoked = true', 'gone')}${clientOf('openpgp = "John Doe"\nrevoked = true', 'lost')}`;
  const { warnings, clients } = read(t, section('', removed + clientOf('openpgp = "John Doe"')), folder(t));
  assert.deepEqual(warnings, []);
  const bare = section('', clientOf('openpgp = "Nobody"\nrevoked = true')).replace(
    'keyring = "keyring.gpg"\n',
    '',
  );
  assert.deepEqual(mistakesIn(t, bare, folder(t)), []);
  assert.deepEqual(
    clients.map(client => client.kind === 'signer' && client.openpgp.length),
    [0, 0, 1],
  );
});

const chooseKey = '(make one: openssl rand -hex 32 > challenge.key; chmod 600 challenge.key)';
const ownClient = '(give each way to knock a client of its own)';
const toExport = '(write one: gpg --export > FILE)';
const otherPort = '(choose another, at which nothing listens)';
const aUserId = 'client[1].openpgp: expected a user id or a fingerprint, or a list of them, got';

const refused: readonly (readonly [text: string, ...mistakes: string[]])[] = [
  ['challenge = 3\n', '1: expected a table [challenge], got 3'],
  [instead('port = 40000\n', ''), '1: challenge: "port" is missing'],
  [instead('40000', '0'), '2: challenge.port: expected an integer from 1 to 65535, got 0'],
  [instead('40000', '65536'), '2: challenge.port: expected an integer from 1 to 65535, got 65536'],
  [instead('site_key_file = "site.key"\n', ''), `1: [challenge]: "site_key_file" is missing ${chooseKey}`],
  [instead('site.key', 'no.key'), `3: no.key: no such file ${chooseKey}`],
  [
    instead('site.key', 'nothing'),
    '3: nothing: expected one line of 64 hexadecimal digits (make a new one with: openssl rand -hex 32)',
  ],
  [
    section('site = "example.org"'),
    '5: challenge.site: it goes with stealth = false only (leave it out: with a site key, that key names this server in what is signed)',
  ],
  [
    section('stealth = false'),
    '3: challenge.site_key_file: it does not go with stealth = false (leave one of the two out)',
  ],
  [
    instead('site_key_file = "site.key"', 'stealth = false'),
    '1: [challenge]: "site" is missing (without a site key, clients name this server in what they sign: site = "example.org")',
  ],
  ...['', 'a b', 'a'.repeat(65), 'ä'].map((name): [string, string] => [
    section(`site = "${name}"`),
    `5: challenge.site: expected a name of at most 64 letters, digits, ".", "_" and "-", got ${name.length > 60 ? `"${'a'.repeat(56)}...` : JSON.stringify(name)}`,
  ]),
  [section('stealth = "no"'), '5: challenge.stealth: expected true or false, got "no"'],
  [section('skew = "2h"'), '5: challenge.skew: expected a duration from "1s" to "1h", got "2h"'],
  [section('verify_with = "gpg"'), '5: challenge.verify_with: expected "openpgpjs" or "gpgv", got "gpg"'],
  [section('keyrings = "x"'), '5: unknown key "keyrings" in challenge (did you mean "keyring"?)'],
  [
    `[capture]\nfrom = "stdin"\n${small}`,
    '3: [challenge]: challenges need [capture] from = "nflog", for their rule logs there',
  ],
  [
    section('', undefined, '[[door]]\nname = "ssh"\nservices = ["udp/40000"]\n'),
    `2: challenge.port: port 40000 is that of door "ssh" (its service udp/40000) ${otherPort}`,
  ],
  [
    section('', undefined, `${ssh}sequence = ["7000/tcp", "40000/udp", "6000/tcp"]\n`),
    `2: challenge.port: port 40000 is that of door "ssh" (a port of the sequence) ${otherPort}`,
  ],
  [
    instead('keyring = "keyring.gpg"\n', ''),
    '10: client "john": "openpgp" needs a "keyring" in [challenge] (write them into a file with gpg --export, and name it: keyring = "keyring.gpg")',
  ],
  [
    small.slice(small.indexOf('[[door]]')),
    '1: door "ssh": "command" is missing (number it for clients with "command", or give it a "sequence" or sequence_number = true)',
    '4: client "john": challenges need a section [challenge] (it says where they are answered, with "port" and "site_key_file")',
  ],
  [
    withClient('openpgp = "John Doe"\nid = 7\nkey_file = "laptop.key"'),
    `12: client "john": "id" does not go with "openpgp" ${ownClient}`,
    `13: client "john": "key_file" does not go with "openpgp" ${ownClient}`,
  ],
  [
    withClient('ssh_keys = "john.pub"\npsk_file = "laptop.key"\naddress = "optional"'),
    `12: client "john": "psk_file" does not go with "ssh_keys" ${ownClient}`,
    `13: client "john": "address" does not go with "ssh_keys" ${ownClient}`,
  ],
  [
    withClient('ssh_keys = "john.pub"\nclassic_passphrase_file = "old.pass"'),
    `12: client "john": "classic_passphrase_file" does not go with "ssh_keys" ${ownClient}`,
  ],
  [withClient('openpgp = 3'), `11: ${aUserId} 3`],
  [withClient('openpgp = []'), `11: ${aUserId} []`],
  [withClient('openpgp = [""]'), `11: ${aUserId} [""]`],
  [
    withClient('ssh_keys = "~/.ssh/authorized_keys"'),
    '11: client "john": "~" in "ssh_keys" is nobody\'s home here (write the whole path, such as "/home/john/.ssh/authorized_keys")',
  ],
  [
    withClient(`ssh_keys = "${john.line.replace('AAAAC3', 'AAAAC4')}"`),
    '11: client "john": the key in "ssh_keys" cannot be used: a damaged public key',
  ],
  [
    withClient(`ssh_keys = "${short.line}"`),
    '11: client "john": the key in "ssh_keys" cannot be used: an RSA key that is damaged or has less than 2048 bits',
  ],
  [
    withClient('openpgp = ["John Doe",\n"Weak"]'),
    `12: client "john": the key ${upper.weak} of "Weak" cannot be used: it is too weak (RSA needs 2048 bits), or no part of it may make signatures`,
  ],
  [
    withClient(`openpgp = "${fingerprints.john.slice(-16)}"`),
    `11: client "john": "${fingerprints.john.slice(-16)}" is the short id of a key, which anybody can imitate (give the whole fingerprint: gpg --fingerprint)`,
  ],
  [
    instead('keyring.gpg', 'no.gpg'),
    '4: no.gpg: no such file (write the keys of clients into it: gpg --export > no.gpg)',
  ],
  [instead('keyring.gpg', 'nothing'), `4: nothing: no keyring of OpenPGP, or a damaged one ${toExport}`],
  [
    instead('keyring.gpg', 'secret.gpg'),
    `4: secret.gpg: it holds secret keys, which have no place on a server ${toExport}`,
  ],
  [
    section('', clientOf(`ssh_keys = "${john.line}"`) + clientOf(`ssh_keys = "${john.line}"`, 'jane')),
    `15: client "jane": its key ssh-ed25519 ${john.fingerprint} is that of client "john" (one client can have several doors, and a key is one client's)`,
  ],
  [
    section('', clientOf('openpgp = "John Doe"') + clientOf('openpgp = "john@doe.com"', 'jane')),
    `15: client "jane": its key OpenPGP ${upper.john} is that of client "john" (one client can have several doors, and a key is one client's)`,
  ],
];

for (const [text, ...mistakes] of refused) {
  test(`refused: ${mistakes[0]!.slice(0, 110)}`, t => {
    assert.deepEqual(mistakesIn(t, text, folder(t)), mistakes);
  });
}

test('a user id of two keys is refused with both fingerprints, one of none with all that there are', t => {
  const [twins = ''] = mistakesIn(t, withClient('openpgp = "Twin"'), folder(t));
  assert.match(twins, /^11: client "john": "Twin" fits 2 keys: /);
  for (const fingerprint of [fingerprints.twin, fingerprints.otherTwin])
    assert.ok(twins.includes(fingerprint));
  assert.match(twins, /\(give the fingerprint of the one that is meant\)$/);
  const [nobody = ''] = mistakesIn(t, withClient('openpgp = "Nobody"'), folder(t));
  assert.match(nobody, /^11: client "john": "Nobody" fits no key of the keyring \(there are: /);
  for (const fingerprint of Object.values(fingerprints)) assert.ok(nobody.includes(fingerprint), nobody);
});

test('all mistakes are found at once, each with its line', t => {
  const text = section(
    'site = "x"\nskew = 5',
    clientOf('openpgp = "Nobody"\nid = 3') + clientOf('openpgp = "Weak"', 'jane'),
  );
  const lines = mistakesIn(t, text, folder(t)).map(mistake => Number(mistake.split(':')[0]));
  assert.deepEqual(lines, [6, 12, 13, 17]);
});
