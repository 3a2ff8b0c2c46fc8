/** Derived keys: RFC 5869's case that has neither salt nor info, and HKDF written out a second time. */
import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { deriveClassicKey, deriveKey, expand, extract } from '../../src/crypto/derive.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('RFC 5869 appendix A.3: the first 32 of its 42 bytes', () => {
  assert.equal(
    hex(deriveKey(new Uint8Array(22).fill(0x0b), '')),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
  );
});

/** RFC 5869 section 2: an empty salt is 32 zero bytes; 32 bytes of output are one round. */
function slowDeriveKey(secret: Uint8Array, label: string): string {
  const pseudorandom = createHmac('sha256', Buffer.alloc(32)).update(secret).digest();
  return createHmac('sha256', pseudorandom).update(label, 'ascii').update(Uint8Array.of(1)).digest('hex');
}

test('agrees with HKDF made of HMAC', () => {
  const label = fc.string({ unit: 'binary-ascii', maxLength: 60 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), label, (secret, text) => {
      assert.equal(hex(deriveKey(secret, text)), slowDeriveKey(secret, text));
    }),
  );
});

test('every label has a key of its own', () => {
  const secret = new Uint8Array(32).fill(7);
  const labels = [
    '',
    'a',
    'b',
    'portknock/sealed/1 block',
    'portknock/sealed/1 tag',
    'portknock/sealed/1 tag ',
  ];
  assert.equal(new Set(labels.map(label => hex(deriveKey(secret, label)))).size, labels.length);
});

/** RFC 1321 appendix A.5; the last is made by md5sum, for its UTF-8. */
const md5 = [
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['a', '0cc175b9c0f1b6a831c399e269772661'],
  ['abc', '900150983cd24fb0d6963f7d28e17f72'],
  ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  ['abcdefghijklmnopqrstuvwxyz', 'c3fcd3d76192e4007dfb496cca67e13b'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    '57edf4a22be3c955ac49da2e2107b67a',
  ],
  ['öffne dich', '5f4c7cb2fc03190cd08d449e37115912'],
] as const;

for (const [passphrase, key] of md5) {
  test(`MD5 of "${passphrase.slice(0, 20)}"`, () => assert.equal(hex(deriveClassicKey(passphrase)), key));
}

/** RFC 5869 appendix A.1. */
test('the two steps of HKDF give the example of its RFC, and what Node makes of both', () => {
  const secret = Buffer.alloc(22, 0x0b);
  const salt = Buffer.from('000102030405060708090a0b0c', 'hex');
  const info = Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex').toString('latin1');
  const key = Buffer.from(extract(salt, secret));
  assert.equal(key.toString('hex'), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  const made = Buffer.from(expand(key, info, 32));
  assert.equal(made.toString('hex'), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf');
  for (const length of [1, 16, 32]) {
    const whole = Buffer.from(hkdfSync('sha256', secret, salt, 'knock', length));
    assert.deepEqual(Buffer.from(expand(key, 'knock', length)), whole);
  }
  const long = createHmac('sha512', key).update(Buffer.from('knock\x01', 'latin1')).digest();
  assert.deepEqual(Buffer.from(expand(key, 'knock', 16, 'sha512')), long.subarray(0, 16));
});
