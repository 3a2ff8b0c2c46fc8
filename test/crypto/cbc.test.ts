/** AES-128-CBC: the example of its specification, an independent AES, and every padding that is not right. */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import aesjs from 'aes-js';
import { decryptCbc, encryptCbc } from '../../src/crypto/cbc.js';

const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** NIST SP 800-38A section F.2.1. */
const key = bytes('2b7e1516 28aed2a6 abf71588 09cf4f3c');
const iv = bytes('00010203 04050607 08090a0b 0c0d0e0f');
const plaintext = bytes('6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51');
const ciphertext = bytes('7649abac 8119b246 cee98e9b 12e9197d 5086cb9b 507219ee 95db113a 917678b2');

test('the example of SP 800-38A, and a block of padding after it', () => {
  const made = encryptCbc(key, iv, plaintext);
  assert.equal(made.length, 48);
  assert.deepEqual(Buffer.from(made).subarray(0, 32), ciphertext);
  assert.deepEqual(decryptCbc(key, iv, made), plaintext);
});

test('every length up to 64, as aes-js says', () => {
  for (let length = 0; length <= 64; length++) {
    const message = Buffer.alloc(length, length);
    const padded = aesjs.padding.pkcs7.pad(message);
    const expected = Buffer.from(new aesjs.ModeOfOperation.cbc(key, iv).encrypt(padded));
    assert.deepEqual(Buffer.from(encryptCbc(key, iv, message)), expected);
    assert.deepEqual(Buffer.from(decryptCbc(key, iv, expected)!), message);
  }
});

function raw(padded: Uint8Array): Buffer {
  return createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false).update(padded);
}

test('a padding is right or the plaintext is none, for all last bytes', () => {
  for (let last = 0; last < 256; last++) {
    const padded = Buffer.alloc(32, last);
    const length = last >= 1 && last <= 16 ? 32 - last : undefined;
    assert.equal(decryptCbc(key, iv, raw(padded))?.length, length, `${last}`);
    for (let wrong = 1; last > 1 && wrong < Math.min(last, 16); wrong++) {
      const broken = Buffer.from(padded);
      broken[31 - wrong]! ^= 1;
      assert.equal(decryptCbc(key, iv, raw(broken)), undefined, `${last} ${wrong}`);
    }
  }
});
