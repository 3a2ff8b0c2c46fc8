/** Datagrams in portknockd.toml: what the keys of [datagram] take and refuse. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { der } from './certified.js';
import { authority, folder, instead, keys, section, small, ssh, sub } from './datagramconfig.js';
import { mistakesIn, read } from './reading.js';

const datagramOf = (t: TestContext, text: string) => read(t, text, folder(t)).datagram!;

test('the smallest section comes to what it says, and a door needs no command', t => {
  const path = folder(t);
  const { datagram, doors, clients, warnings } = read(t, small, path);
  const { authorities, serverCertificate, serverKey, revocation, ...rest } = datagram!;
  assert.deepEqual(rest, { skewMs: 30_000, openForMs: 15_000, policy: 'none', allowOtherAddress: false });
  assert.deepEqual(authorities, [der(authority.read('ca.pem'))]);
  assert.deepEqual(serverCertificate, der(authority.read('server.pem')));
  const key = createPrivateKey({ key: Buffer.from(serverKey), format: 'der', type: 'pkcs8' });
  assert.ok(new X509Certificate(serverCertificate).checkPrivateKey(key));
  assert.deepEqual(revocation, {
    file: { path: join(path, 'crl.pem'), bytes: authority.read('crl.pem') },
    url: undefined,
    refreshMs: 1_800_000,
    required: false,
  });
  assert.equal(doors[0]?.command, undefined);
  assert.ok(doors[0]?.kind === 'services' && doors[0].datagram);
  assert.deepEqual([clients, warnings], [[], []]);
});

for (const [text, key, value] of [
  [section('skew = "1s"'), 'skewMs', 1000],
  [section('skew = "1h"'), 'skewMs', 3_600_000],
  [section('open_for = "100ms"'), 'openForMs', 100],
  [section('open_for = "24h"'), 'openForMs', 86_400_000],
  [section('policy = "reject"'), 'policy', 'reject'],
  [section('policy = "drop"'), 'policy', 'drop'],
  [section('allow_other_address = true'), 'allowOtherAddress', true],
] as const) {
  test(`taken: ${text.split('\n')[4]}`, t => assert.equal(datagramOf(t, text)[key], value));
}

for (const [lines, key, value] of [
  ['crl_refresh = "10s"', 'refreshMs', 10_000],
  ['crl_refresh = "7d"', 'refreshMs', 7 * 86_400_000],
  ['crl_required = true', 'required', true],
  ['crl_url = "http://ca.example/crl"', 'url', 'http://ca.example/crl'],
  ['crl_url = "https://ca.example:8443/a/b.crl?x=1"', 'url', 'https://ca.example:8443/a/b.crl?x=1'],
] as const) {
  test(`taken of lists: ${lines}`, t => {
    assert.equal(datagramOf(t, section(`crl_file = "crl.pem"\n${lines}`)).revocation[key], value);
  });
}

test('files are PEM or DER', t => {
  const text = section('crl_file = "crl.der"')
    .replace('ca.pem', 'ca.der')
    .replace('server.pem', 'server.cer');
  const { revocation: _, ...wanted } = datagramOf(t, small);
  for (const key of ['server.key', 'server.key.der', 'sec1.key', 'sec1.key.der']) {
    const { revocation, ...found } = datagramOf(t, text.replace('server.key', key));
    assert.deepEqual(revocation.file!.bytes, der(authority.read('crl.pem')));
    assert.deepEqual(found, wanted, key);
  }
});

/** With a PKCS #12 file in the place of key and certificate. */
const pfx = (file: string, password?: string) => {
  const line = password === undefined ? '' : `server_pfx_password_file = "${password}"\n`;
  return small.replace(keys, `server_pfx_file = "${file}"\n${line}`);
};

test('key and certificate are in one file, under a password or the empty one', t => {
  const { revocation: _, ...wanted } = datagramOf(t, small);
  for (const text of [pfx('modern.pfx', 'old.pass'), pfx('old.pfx', 'old.pass'), pfx('empty.pfx')]) {
    const { revocation, ...found } = datagramOf(t, text);
    assert.deepEqual(found, wanted, text);
  }
});

test('several authorities in one file', t => {
  const found = datagramOf(t, instead('"ca.pem"', '"both.pem"')).authorities;
  assert.deepEqual(found, [der(sub.read('ca.pem')), der(authority.read('ca.pem'))]);
});

test('a URL of a file is that file', t => {
  const path = folder(t);
  const { revocation } = read(t, section(`crl_url = "file://${path}/crl.pem"`), path).datagram!;
  assert.deepEqual([revocation.file?.path, revocation.url], [join(path, 'crl.pem'), undefined]);
});

const aCertificate =
  'expected a certificate (certificates are in PEM (-----BEGIN CERTIFICATE-----) or in DER)';
const aKey = 'expected a private key without a password';
const bothMade = '(make both with: portknock ca server NAME; or name a "server_pfx_file")';
const aList =
  'expected a list of revoked certificates (lists are in PEM (-----BEGIN X509 CRL-----) or in DER; make one with: portknock ca crl)';
const aUrl = 'datagram.crl_url: expected a URL that begins with "http://", "https://" or "file:///"';
const issuers = '(add the certificates of its issuers, up to the one that is signed by itself)';

const refused: readonly (readonly [text: string, ...mistakes: string[]])[] = [
  [`[datagram]\n${keys}${ssh}`, '1: datagram: "ca_file" is missing'],
  ['datagram = 3\n', '1: expected a table [datagram], got 3'],
  [instead('ca.pem', 'no.pem'), '2: datagram.ca_file: no.pem: no such file'],
  [instead('ca.pem', 'nothing'), `2: datagram.ca_file: nothing: ${aCertificate}`],
  [
    instead('ca.pem', 'laptop.pem'),
    '2: datagram.ca_file: laptop.pem: CN=laptop is no certificate authority (only those who issue certificates belong here; its basic constraints would say CA:TRUE)',
  ],
  [
    instead('ca.pem', 'sub-ca.pem'),
    `2: datagram.ca_file: sub-ca.pem: CN=Sub CA is signed by none that is here ${issuers}`,
  ],
  [
    instead('server_key_file = "server.key"\n', ''),
    `1: [datagram]: "server_key_file" is missing ${bothMade}`,
  ],
  [
    instead('server_certificate_file = "server.pem"\n', ''),
    `1: [datagram]: "server_certificate_file" is missing ${bothMade}`,
  ],
  [instead('server.pem', 'nothing'), `4: datagram.server_certificate_file: nothing: ${aCertificate}`],
  [
    instead('server.pem', 'laptop.pem'),
    '4: datagram.server_certificate_file: CN=laptop is not the certificate of the private key',
  ],
  [
    instead('"server.key"', '"wide.key"').replace('server.pem', 'wide.pem'),
    '4: datagram.server_certificate_file: the key of CN=wide is not on the curve P-256, which datagrams need (openssl ecparam -genkey -name prime256v1 makes such a key)',
  ],
  [
    instead('"server.key"', '"nothing"'),
    `3: datagram.server_key_file: nothing: ${aKey} (keys are in PEM (-----BEGIN PRIVATE KEY-----) or in DER)`,
  ],
  [
    instead('"server.key"', '"encrypted.key"'),
    `3: datagram.server_key_file: encrypted.key: ${aKey} (take its password away: openssl pkey -in encrypted.key -out server.key; the file's mode guards it)`,
  ],
  [
    instead('"server.key"', '"open.key"'),
    '3: open.key: others than its owner may use this secret (mode 0644) (chmod 600 open.key)',
  ],
  [instead('"server.key"', '"no.key"'), '3: no.key: no such file'],
  [
    section('server_pfx_file = "server.pfx"'),
    '3: datagram.server_key_file: it does not go with "server_pfx_file"',
  ],
  [
    section('server_pfx_password_file = "old.pass"'),
    '5: datagram.server_pfx_password_file: it goes with "server_pfx_file" only',
  ],
  [
    pfx('modern.pfx', 'wrong.pass'),
    '3: datagram.server_pfx_file: modern.pfx: the password does not open it (give the one that it was exported with)',
  ],
  [
    pfx('modern.pfx'),
    '3: datagram.server_pfx_file: modern.pfx: the password does not open it (give the one that it was exported with)',
  ],
  [
    pfx('nothing', 'old.pass'),
    '3: datagram.server_pfx_file: nothing: no PKCS #12 file, or a damaged one (such files end in .pfx or .p12)',
  ],
  [pfx('modern.pfx', 'no.pass'), '4: no.pass: no such file'],
  [pfx('no.pfx', 'old.pass'), '3: no.pfx: no such file'],
  [section('crl_file = "nothing"'), `5: datagram.crl_file: nothing: ${aList}`],
  [section('crl_file = "no.crl"'), '5: datagram.crl_file: no.crl: no such file'],
  [section('crl_url = "file:///no/such.crl"'), '5: datagram.crl_url: /no/such.crl: no such file'],
  [section('crl_url = "ftp://ca.example/crl"'), `5: ${aUrl}, got "ftp://ca.example/crl"`],
  [section('crl_url = "ca.example"'), `5: ${aUrl}, got "ca.example"`],
  [section('crl_url = "http://me:secret@ca.example/"'), `5: ${aUrl}, got "http://me:secret@ca.example/"`],
  [section('crl_url = "file://ca.example/crl"'), `5: ${aUrl}, got "file://ca.example/crl"`],
  [
    section('crl_url = "file:///no/such.crl"\ncrl_file = "crl.pem"'),
    '5: datagram.crl_url: expected either a file here or "crl_file", got both',
  ],
  [section('crl_required = true'), '5: datagram.crl_required: it goes with "crl_file" or "crl_url" only'],
  [
    section('crl_refresh = "9s"'),
    '5: datagram.crl_refresh: expected a duration from "10s" to "7d", got "9s"',
  ],
  [section('skew = "0s"'), '5: datagram.skew: expected a duration from "1s" to "1h", got "0s"'],
  [section('open_for = 15'), '5: datagram.open_for: expected a duration from "100ms" to "24h", got 15'],
  [section('policy = "deny"'), '5: datagram.policy: expected "none", "reject" or "drop", got "deny"'],
  [
    section('allow_other_address = "yes"'),
    '5: datagram.allow_other_address: expected true or false, got "yes"',
  ],
  [
    section('crl = "crl.pem"'),
    '5: unknown key "crl" in datagram (known here: ca_file, server_key_file, server_certificate_file, server_pfx_file, server_pfx_password_file, crl_file, crl_url, crl_refresh, crl_required, skew, open_for, policy, allow_other_address)',
  ],
  [
    `[capture]\nfrom = "stdin"\n${small}`,
    '3: [datagram]: datagrams need [capture] from = "nflog", for their rule logs there',
  ],
  [
    `${ssh}command = 1\ndatagram = true\n`,
    '5: door "ssh": datagrams need a section [datagram] (it says who may send them, with "ca_file" and the keys of this server)',
  ],
  [
    '[[door]]\nname = "run"\ncommand = 1\nrun = ["/bin/true"]\ndatagram = false\n',
    '5: door "run": "datagram" goes with "services" only',
  ],
  [
    section('crl_file = "crl.pem"', `${ssh}datagram = false\n`),
    '6: door "ssh": "command" is missing (number it for clients with "command", or give it a "sequence" or sequence_number = true)',
  ],
  [
    section('crl_file = "crl.pem"', '[[door]]\nname = "run"\nrun = ["/bin/true"]\n'),
    '6: door "run": "command" is missing (number it for clients with "command", or give it a "sequence" or sequence_number = true)',
  ],
  [
    `${small}[[client]]\nname = "laptop"\nid = 7\nkey_file = "laptop.key"\ndoors = ["ssh"]\n`,
    '9: clients need a section [port_sequence] with "base_port" and "site_key_file"',
    '13: client "laptop": door "ssh" has no "command" to ask for',
  ],
];

for (const [text, ...mistakes] of refused) {
  test(`refused: ${mistakes[0]!.slice(0, 110)}`, t => {
    assert.deepEqual(mistakesIn(t, text, folder(t)), mistakes);
  });
}
