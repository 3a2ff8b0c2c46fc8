/** Datagrams in portknockd.toml: what is warned of, and what `check` and the log say. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { check } from '../../src/daemon/check.js';
import { summary } from '../../src/daemon/wording.js';
import {
  basicConstraints,
  clientAuthentication,
  day,
  extension,
  keyUsage,
  makeAuthority,
  noon,
  purposes,
  serverAuthentication,
  utf8,
  type Wish,
} from '../crypto/certificates.js';
import { folder, instead, section, small, soon, sub } from './datagramconfig.js';
import { writeFile } from './folder.js';
import { read } from './reading.js';

const warned: readonly (readonly [text: string, ...warnings: string[]])[] = [
  [
    section(''),
    '1: [datagram]: there is no "crl_file" and no "crl_url": a certificate is good until it expires',
  ],
  [
    `${small}`.replace('crl_file', 'allow_other_address = true\ncrl_file'),
    '5: datagram.allow_other_address: whoever sees a datagram before it arrives may use it from his own address',
  ],
  [
    instead('"ca.pem"', '"old-ca.pem"'),
    '2: datagram.ca_file: CN=Old CA has expired on 2021-01-01: certificates that it has issued open nothing',
  ],
  [instead('"ca.pem"', '"young-ca.pem"'), '2: datagram.ca_file: CN=Young CA is not good before 2099-12-31'],
  [
    instead('"ca.pem"', '"ending-ca.pem"'),
    `2: datagram.ca_file: CN=Ending CA expires on ${soon.slice(0, 10)}`,
  ],
  [
    instead('"server.key"', '"old-server.key"').replace('server.pem', 'old-server.pem'),
    '4: datagram.server_certificate_file: CN=server has expired on 2021-01-01',
  ],
  [
    section('crl_file = "crl.pem"', ''),
    '1: [datagram]: nothing can be opened: no door takes datagrams, and policy = "none" guards no other port',
  ],
  [section('crl_file = "crl.pem"\npolicy = "drop"', '')],
  [
    `[port_sequence]\nbase_port = 40000\n${section('crl_file = "crl.pem"\npolicy = "reject"')}`,
    '8: datagram.policy: ports are refused now, and those of [port_sequence] stay silent, which shows where they are',
  ],
  [`[port_sequence]\nbase_port = 40000\n${section('crl_file = "crl.pem"\npolicy = "drop"')}`],
  [
    `${small}open_for = "5m"\n`,
    '9: door "ssh": "open_for" means nothing here: what a datagram opens is open for that of [datagram]',
  ],
  [`${small}open_for = "5m"\ncommand = 3\n`],
];

for (const [text, ...warnings] of warned) {
  test(`warned of: ${warnings[0]?.slice(0, 110) ?? 'nothing'}`, t => {
    const path = folder(t);
    const found = read(t, text, path).warnings.map(line => line.replace(`${path}/portknockd.toml:`, ''));
    assert.deepEqual(found, warnings);
  });
}

test('warned of: authorities whose certificates open nothing', t => {
  const path = folder(t);
  const dates = { from: noon - day, until: noon + 3650 * day };
  const top = makeAuthority('Top', { ...dates, digest: 'sha1' });
  const under = (name: string, wish: Wish, ...more: Buffer[]) => {
    const extensions = [basicConstraints(true), keyUsage(0x06), ...more];
    return makeAuthority(name, { ...dates, issuer: top, extensions, ...wish });
  };
  const made = [
    top,
    under('Strange', {}, extension('2.25.99999999999999999999.3', utf8('x'), true)),
    under('Servers', {}, purposes(serverAuthentication)),
    under('Weak', { digest: 'sha1' }),
    under('Good', {}, extension('1.2.3', utf8('x')), purposes(clientAuthentication)),
  ];
  const text = made.map(
    ({ certificate }) =>
      `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
  writeFile(path, 'ca.pem', text.join(''));
  const warnings = read(t, small, path).warnings.map(line => line.replace(/^.*ca_file: /, ''));
  const effect = 'certificates that it has issued open nothing';
  assert.deepEqual(warnings, [
    `CN=Strange has the critical extension 2.25.99999999999999999999.3, which is not known here: ${effect}`,
    `CN=Servers is not for clients: its extended key usage says otherwise: ${effect}`,
    `CN=Weak is signed with MD5 or SHA-1, which others can forge: ${effect}`,
  ]);
});

test('check tells what it comes to', t => {
  const path = folder(t);
  const text = `${section(
    'crl_file = "crl.pem"\ncrl_url = "http://ca.example/crl"\ncrl_required = true\nopen_for = "20s"\npolicy = "drop"\nallow_other_address = true',
    '',
  ).replace('ca.pem', 'both.pem')}[[door]]\nname = "web"\nservices = ["tcp/80", "tcp/443"]\nsingle_use = true
[[door]]\nname = "vpn"\ncommand = 3\nservices = ["udp/51820"]\n`;
  const checked = check(read(t, text, path));
  for (const line of [
    'guarded         tcp/443, tcp/80, udp/51820, TCP and UDP to all other ports but tcp/22, which no door has (policy = "drop")',
    'datagrams       open any port for 20s, clocks within 30s, wherever it comes from',
    'server          CN=server, until 2036-11-17',
    `authority       CN=Sub CA, until ${new X509Certificate(sub.read('ca.pem')).validTo.slice(-8, -4)}`,
    'authority       CN=Example CA, until 2036-11-18',
    `revoked         ${path}/crl.pem and http://ca.example/crl, read every 30m; without one in date nobody gets in`,
    'door            web (datagram) opens one of tcp/80, tcp/443 for 20s, for one connection',
    'door            vpn (command 3) opens udp/51820 for 30s; a datagram opens it for 20s',
  ]) {
    assert.ok(
      checked.text.includes(`${line}${line.includes('Sub CA') ? '' : '\n'}`),
      `${line}\n${checked.text}`,
    );
  }
});

test('check tells a smaller one, and that whoever has a certificate can knock', t => {
  const { text, warnings } = check(read(t, section(''), folder(t)));
  assert.match(text, /^guarded {9}tcp\/22\n/m);
  assert.match(text, /^datagrams {7}open a service of a door for 15s, clocks within 30s\n/m);
  assert.match(text, /^revoked {9}nobody: there is no list\n/m);
  assert.match(text, /^door {12}ssh \(datagram\) opens tcp\/22 for 15s\n/m);
  assert.ok(!warnings.some(warning => warning.includes('nobody can knock')));
});

test('the log says in a line that datagrams are heard', t => {
  const text = summary(read(t, small, folder(t)));
  assert.equal(text, '1 door, 0 clients, knocks from NFLOG group 5, datagrams with clocks within 30s');
});
