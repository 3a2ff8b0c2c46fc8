/** Lines of authorized_keys: what sshd takes of them, and what that means here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { concatenate, encodeString } from '../../../src/crypto/sshwire.js';
import { readAuthorizedKey, readAuthorizedKeys } from '../../../src/methods/challenge/authorized.js';
import { matchesOrigin } from '../../../src/methods/challenge/origin.js';
import type { SshKey } from '../../../src/methods/challenge/site.js';
import { parseAddress } from '../../../src/net/address.js';
import { Authenticator } from '../../crypto/sshmade.js';

const blob = concatenate(encodeString('ssh-ed25519'), encodeString(new Uint8Array(32).fill(9)));
const base64 = Buffer.from(blob).toString('base64');
const key = `ssh-ed25519 ${base64}`;
const plain: SshKey = {
  ...{ blob, from: undefined, expiresAt: undefined },
  ...{ touchRequired: true, verifyRequired: false },
};
const hardware = new Authenticator('ecdsa');

const taken: readonly [line: string, differs: Partial<SshKey>][] = [
  [key, {}],
  [`${key} john@example.org`, {}],
  [`  \t${key}  a comment, "with" quotes`, {}],
  [`${key}\r`, {}],
  [`ssh-ed25519\t${base64}`, {}],
  [hardware.line, { blob: hardware.publicKey }],
  [`no-pty ${key}`, {}],
  [`restrict,command="/bin/sh -c \\"echo hi, there\\"" ${key}`, {}],
  [`command="a b",no-X11-forwarding,Agent-Forwarding ${key}`, {}],
  [`environment="A=b",environment="C=d",permitopen="h:1",permitlisten="2",tunnel="0" ${key}`, {}],
  [`from="192.0.2.0/24,!192.0.2.7" ${key}`, { from: '192.0.2.0/24,!192.0.2.7' }],
  [`FROM="10.*"\t${key}`, { from: '10.*' }],
  [`from="" ${key}`, { from: '' }],
  [`from="a\\"" ${key}`, { from: 'a"' }],
  [`no-touch-required ${key}`, { touchRequired: false }],
  [`no-touch-required,touch-required ${key}`, { touchRequired: true }],
  [`verify-required,no-touch-required ${key}`, { verifyRequired: true, touchRequired: false }],
  [`expiry-time="20300102Z" ${key}`, { expiresAt: Date.UTC(2030, 0, 2) }],
  [`expiry-time="203001021530Z" ${key}`, { expiresAt: Date.UTC(2030, 0, 2, 15, 30) }],
  [`expiry-time="20300102153059Z" ${key}`, { expiresAt: Date.UTC(2030, 0, 2, 15, 30, 59) }],
  [`expiry-time="20300102" ${key}`, { expiresAt: new Date(2030, 0, 2).getTime() }],
  [`expiry-time="20310102Z",expiry-time="20300102Z" ${key}`, { expiresAt: Date.UTC(2030, 0, 2) }],
];

const leftOut: readonly [line: string, why: RegExp][] = [
  [`cert-authority ${key}`, /cert-authority/],
  [`cert-authority,principals="john" ${key}`, /cert-authority/],
  [`unknown-option ${key}`, /sshd does not take: unknown-option/],
  [`from=192.0.2.1 ${key}`, /does not take: from/],
  [`from="a"x ${key}`, /does not take/],
  [`from="a"b" ${key}`, /quote/],
  [`from="a",from="b" ${key}`, /more than one from=/],
  [`command="a",Command="b" ${key}`, /more than one command=/],
  [`principals="john" ${key}`, /does not take: principals/],
  [`permitopen="x" ${key}`, /does not take/],
  [`permitlisten="x:y:z" ${key}`, /does not take/],
  [`tunnel="x" ${key}`, /does not take/],
  [`from="a ${key}`, /quote/],
  [`from="a\\" ${key}`, /quote/],
  [`no-pty,,restrict ${key}`, /empty/],
  [`no-pty, ${key}`, /empty/],
  [`expiry-time="2030" ${key}`, /no time/],
  [`expiry-time="20300230Z" ${key}`, /no time/],
  [`expiry-time="20300101250000Z" ${key}`, /no time/],
  [`ssh-dss ${base64}`, /not supported/],
  [`ssh-ed25519-cert-v01@openssh.com ${base64}`, /not supported/],
  [`ssh-rsa ${base64}`, /damaged/],
  [`ssh-ed25519 ${base64.slice(0, -8)}`, /damaged/],
  [`ssh-ed25519 ${base64}!!`, /damaged/],
  ['ssh-ed25519', /damaged/],
  ['no-pty', /no public key/],
  ['hello world', /does not take/],
  [`${key} ${'x'.repeat(8192)}`, /longer/],
];

test('lines that are taken', () => {
  for (const [line, differs] of taken)
    assert.deepEqual(readAuthorizedKey(line), { ...plain, ...differs }, line);
});

test('lines that are left out, and why', () => {
  for (const [line, why] of leftOut) assert.match(String(readAuthorizedKey(line)), why, line);
});

test('a whole file', () => {
  const text = `# comment\n\n${key}\n   \ncert-authority ${key}\n${hardware.line}`;
  const { keys, odd } = readAuthorizedKeys(text);
  assert.deepEqual(keys, [plain, { ...plain, blob: hardware.publicKey }]);
  assert.deepEqual(odd, [{ line: 5, why: 'certificates are not supported (cert-authority)' }]);
});

test('nothing that is written fails, or takes long', () => {
  const parts = fc.constantFrom(
    'from="',
    '"',
    '\\"',
    ',',
    ' ',
    '\\',
    'no-pty',
    'expiry-time="',
    '2030',
    key,
    '=',
  );
  fc.assert(fc.property(fc.array(parts, { maxLength: 30 }), all => readAuthorizedKey(all.join('')) !== null));
  for (const part of ['\\"', '"\\"', 'from="a",', '"",', 'a="']) readAuthorizedKey(part.repeat(4000));
});

const origins: readonly [patterns: string, source: string, expected: boolean][] = [
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['192.0.2.0/24', '192.0.2.200', true],
  ['192.0.2.0/24', '192.0.3.1', false],
  ['0.0.0.0/0', '192.0.2.1', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['::/0', '192.0.2.1', false],
  ['192.0.2.1/24', '192.0.2.1', false],
  ['192.0.2.0/33', '192.0.2.0', false],
  ['192.0.2.1/24,*', '192.0.2.1', false],
  ['192.0.2.*', '192.0.2.77', true],
  ['192.0.2.?', '192.0.2.7', true],
  ['192.0.2.?', '192.0.2.77', false],
  ['*', '2001:db8::1', true],
  ['10.0.0.0/8,192.0.2.1', '192.0.2.1', true],
  ['*,!192.0.2.1', '192.0.2.1', false],
  ['!192.0.2.1,*', '192.0.2.1', false],
  ['*,!192.0.2.1', '192.0.2.2', true],
  ['!192.0.2.1', '192.0.2.2', false],
  ['2001:db8::/32', '2001:db8:1::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['2001:DB8::1', '2001:db8:0:0::1', true],
  ['2001:db8:*', '2001:db8::1', true],
  ['host.example.org', '192.0.2.1', false],
  ['!host.example.org,192.0.2.1', '192.0.2.1', true],
  ['', '192.0.2.1', false],
  ['192.0.2.1,', '192.0.2.1', false],
  ['!', '192.0.2.1', false],
  ['192.0.2.1/', '192.0.2.1', false],
  ['::ffff:192.0.2.1', '192.0.2.1', false],
  [`${'*'.repeat(200)}x`, '192.0.2.1', false],
  ['*1*2*', '192.0.2.1', true],
];

test('where a key may be used from', () => {
  for (const [patterns, text, expected] of origins) {
    const source = parseAddress(text) ?? assert.fail(text);
    assert.equal(matchesOrigin(patterns, source), expected, `${patterns} ${text}`);
  }
});

test('a file of a user who means ill is read in the time that any other is', () => {
  const longest = 1 << 20;
  const files = [
    `${'\r'.repeat(longest)}x`,
    `${' '.repeat(longest)}x`,
    `ssh-ed25519 ${'='.repeat(8000)}x\n`.repeat(longest >> 13),
    `${hardware.line}\n`.repeat(longest >> 8),
  ];
  // Thousands of times what they need.
  const patience = { timeout: 30_000 };
  for (const text of files) runInNewContext('read()', { read: () => readAuthorizedKeys(text) }, patience);
});

test('of a file with very many keys the first thousand are taken, and that is said', () => {
  const { keys, odd } = readAuthorizedKeys(`# all of us\n${`${key}\n`.repeat(1001)}${key}`);
  assert.equal(keys.length, 1000);
  const why = 'more than 1000 keys: this line and those below are left out';
  assert.deepEqual(odd, [{ line: 1002, why }]);
});
