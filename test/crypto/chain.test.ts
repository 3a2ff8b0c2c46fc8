/** What is remembered of certificates, and bytes that are none: bounded, and without an exception. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { authorityName, isCertificateLayout, serialText } from '../../src/crypto/certificate.js';
import { Authorities } from '../../src/crypto/chain.js';
import {
  alternativeNames,
  basicConstraints,
  der,
  extension,
  keyUsage,
  makeAuthority,
  makeCertificate,
  old,
  own,
  p256,
  purposes,
  sequence,
  usual,
  utf8,
  type Wish,
} from './certificates.js';

const root = makeAuthority('root');
const issue = (wish: Wish = {}) => makeCertificate({ issuer: root, extensions: usual, ...wish }).certificate;

async function word(authorities: Authorities, certificate: Uint8Array): Promise<string> {
  const judged = await authorities.judge(certificate);
  return 'flaw' in judged ? judged.flaw : 'good';
}

test('as many certificates are remembered as it may, and those used last', async () => {
  const authorities = new Authorities([root.certificate], 3);
  const [a, b, c, d] = [issue(), issue(), issue(), issue()] as const;
  const first = await authorities.judge(a);
  await authorities.judge(b);
  await authorities.judge(c);
  assert.equal(await authorities.judge(a), first);
  await authorities.judge(d);
  assert.equal(authorities.known, 3);
  assert.equal(await authorities.judge(a), first);
  const again = await authorities.judge(b);
  assert.equal(authorities.known, 3);
  assert.ok('chains' in again);
});

test('what no authority has signed is not remembered; what one has, good or not, is', async () => {
  const authorities = new Authorities([root.certificate]);
  assert.equal(
    await word(authorities, makeCertificate({ extensions: usual }).certificate),
    'other-authority',
  );
  assert.equal(await word(authorities, randomBytes(300)), 'malformed');
  const namesake = makeCertificate({ issuer: makeAuthority('root'), extensions: usual });
  assert.equal(await word(authorities, namesake.certificate), 'other-authority');
  assert.equal(authorities.known, 0);
  assert.equal(await word(authorities, issue({ extensions: [keyUsage(0x08)] })), 'wrong-usage');
  assert.equal(authorities.known, 1);
});

test('who is no authority has signed nothing, whatever its key usage', async () => {
  const extensions = [basicConstraints(false), keyUsage(0x06)];
  const none = makeAuthority('none', { extensions });
  const authorities = new Authorities([none.certificate]);
  const { certificate } = makeCertificate({ issuer: none, extensions: usual });
  assert.equal(await word(authorities, certificate), 'other-authority');
  assert.equal(authorities.known, 0);
});

test('an authority has signed only what names it as its issuer', async () => {
  const authorities = new Authorities([root.certificate]);
  const issuer = { subject: 'another', key: root.key };
  const { certificate } = makeCertificate({ issuer, extensions: usual });
  assert.equal(await word(authorities, certificate), 'other-authority');
});

test('the certificate that was judged may be overwritten', async () => {
  const authorities = new Authorities([root.certificate]);
  const bytes = issue({ extensions: [...usual, old('1.2000')] });
  const copy = Buffer.from(bytes);
  const pending = authorities.judge(bytes);
  bytes.fill(0xff);
  const judged = await pending;
  assert.ok('chains' in judged);
  const names = Buffer.from(judged.certificate.extensions.get('2.5.29.17')!);
  assert.ok(copy.includes(names) && names.includes('1.2000'));
});

test('serial numbers: without leading zero bytes, two digits a byte', () => {
  for (const [bytes, text] of [
    [[3], '03'],
    [[0, 0x8f], '8f'],
    [[0, 0, 1, 0], '0100'],
    [[0x0a, 0xbc], '0abc'],
    [[0], '00'],
    [[], '00'],
  ] as const) {
    assert.equal(serialText(Uint8Array.from(bytes)), text);
  }
});

test('an authority is called after its key', () => {
  const keys = p256();
  const one = makeAuthority('one', { keys });
  const renewed = makeAuthority('one', { keys, serial: Uint8Array.of(9) });
  assert.equal(authorityName(one.certificate), authorityName(renewed.certificate));
  assert.notEqual(authorityName(one.certificate), authorityName(makeAuthority('one').certificate));
  assert.match(authorityName(one.certificate), /^[0-9a-f]{64}$/);
  assert.throws(() => authorityName(Buffer.from('none')));
});

const odd: readonly (readonly [string, string, readonly Uint8Array[]])[] = [
  ['an extension twice', 'malformed', [...usual, old('1.1'), old('1.2')]],
  ['one of our own twice', 'malformed', [...usual, own('tcp/1'), own('tcp/2')]],
  ['an unknown critical extension', 'wrong-usage', [...usual, extension('1.2.3.4', utf8('x'), true)]],
  ['an unknown extension', 'good', [...usual, extension('1.2.3.4', utf8('x'))]],
  ['a key usage that is none', 'malformed', [extension('2.5.29.15', utf8('x'), true)]],
  ['an empty key usage', 'malformed', [extension('2.5.29.15', der(0x03, Uint8Array.of(0)), true)]],
  ['an extended key usage that is none', 'malformed', [extension('2.5.29.37', utf8('x'))]],
  ['an empty extended key usage', 'wrong-usage', [purposes()]],
  ['alternative names that are none', 'malformed', [...usual, extension('2.5.29.17', utf8('x'))]],
  ['an empty sequence of alternative names', 'good', [...usual, alternativeNames()]],
  ['deep alternative names', 'malformed', [...usual, alternativeNames(deep(60))]],
];

function deep(levels: number): Buffer {
  let value = utf8('x');
  for (let level = 0; level < levels; level++) value = sequence(value);
  return der(0xa0, value);
}

for (const [what, expected, extensions] of odd) {
  test(`a certificate with ${what}: ${expected}`, async () =>
    assert.equal(await word(new Authorities([root.certificate]), issue({ extensions })), expected));
}

test('serial numbers have at most twenty bytes', async () => {
  const authorities = new Authorities([root.certificate]);
  const serial = (length: number) => Buffer.concat([Uint8Array.of(0), Buffer.alloc(length, 0xff)]);
  assert.equal(await word(authorities, issue({ serial: serial(20) })), 'good');
  assert.equal(await word(authorities, issue({ serial: serial(21) })), 'malformed');
});

test('a certificate is laid out in one way', () => {
  const good = issue();
  assert.ok(isCertificateLayout(good));
  for (let length = 0; length < good.length; length++)
    assert.ok(!isCertificateLayout(good.subarray(0, length)));
  const content = good.subarray(4);
  const parts: Buffer[] = [Buffer.concat([good, Uint8Array.of(0)])];
  // Less than there is.
  const short = Buffer.from(good);
  short.writeUInt16BE(content.length - 1, 2);
  parts.push(short);
  for (const head of [
    [0x30, 0x83, 0, content.length >> 8, content.length & 0xff],
    [0x30, 0x80],
    [0x31, 0x82, content.length >> 8, content.length & 0xff],
  ]) {
    parts.push(Buffer.concat([Uint8Array.from(head), content]));
  }
  // The signature's length, written in two bytes where one is enough.
  const at = good.lastIndexOf(Uint8Array.of(0x03, good.length - good.lastIndexOf(0x03, -60) - 2), -60);
  assert.ok(at > 0);
  const longer = Buffer.concat([good.subarray(4, at + 1), Uint8Array.of(0x81), good.subarray(at + 1)]);
  parts.push(sequence(longer));
  for (const part of parts) assert.ok(!isCertificateLayout(part));
});
