/** AES on single blocks: FIPS 197's examples, and aes-js as a second opinion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import aesjs from 'aes-js';
import fc from 'fast-check';
import { BlockCipher } from '../../src/crypto/cipher.js';

const hex = (text: string) => Buffer.from(text, 'hex');
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const examples = [
  {
    name: 'FIPS 197 C.1',
    key: '000102030405060708090a0b0c0d0e0f',
    plain: '00112233445566778899aabbccddeeff',
    block: '69c4e0d86a7b0430d8cdb78070b4c55a',
  },
  {
    name: 'FIPS 197 C.3',
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    plain: '00112233445566778899aabbccddeeff',
    block: '8ea2b7ca516745bfeafc49904b496089',
  },
  {
    name: 'SP 800-38A F.1.1',
    key: '2b7e151628aed2a6abf7158809cf4f3c',
    plain: '6bc1bee22e409f96e93d7e117393172a',
    block: '3ad77bb40d7a3660a89ecaf32466ef97',
  },
  {
    name: 'SP 800-38A F.1.5',
    key: '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    plain: '6bc1bee22e409f96e93d7e117393172a',
    block: 'f3eed1bdb5d2a03c064b5a7e3db181f8',
  },
];

for (const { name, key, plain, block } of examples) {
  test(name, () => {
    const keyBytes = hex(key);
    const cipher = new BlockCipher(keyBytes);
    keyBytes.fill(0xff);
    const input = hex(plain);
    const encrypted = cipher.encrypt(input);
    input.fill(0);
    const decrypted = cipher.decrypt(hex(block));
    cipher.encrypt(hex(block));
    cipher.decrypt(hex(plain));
    assert.equal(Buffer.from(encrypted).toString('hex'), block);
    assert.equal(Buffer.from(decrypted).toString('hex'), plain);
  });
}

for (const keyLength of [16, 32]) {
  test(`agrees with aes-js, keys of ${keyLength} bytes`, () => {
    fc.assert(
      fc.property(bytes(keyLength), fc.array(bytes(16), { minLength: 1, maxLength: 5 }), (key, blocks) => {
        const ours = new BlockCipher(key);
        const theirs = new aesjs.AES(key);
        for (const block of blocks) {
          assert.deepEqual([...ours.encrypt(block)], [...theirs.encrypt(block)]);
          assert.deepEqual([...ours.decrypt(block)], [...theirs.decrypt(block)]);
          assert.deepEqual([...ours.decrypt(ours.encrypt(block))], [...block]);
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('a key of any other length is refused', () => {
  for (const length of [0, 1, 8, 15, 17, 24, 31, 33, 64]) {
    const message = `"key" expected 16 or 32 bytes, got ${length}`;
    assert.throws(() => new BlockCipher(new Uint8Array(length)), { name: 'RangeError', message });
  }
});

test('a block of any other length is refused, and leaves the next one alone', () => {
  const { key, plain, block } = examples[0]!;
  const cipher = new BlockCipher(hex(key));
  for (const length of [0, 1, 15, 17, 31, 32, 48]) {
    assert.throws(() => cipher.encrypt(new Uint8Array(length)), RangeError, `${length}`);
    assert.throws(() => cipher.decrypt(new Uint8Array(length)), RangeError, `${length}`);
    assert.equal(Buffer.from(cipher.encrypt(hex(plain))).toString('hex'), block);
    assert.equal(Buffer.from(cipher.decrypt(hex(block))).toString('hex'), plain);
  }
});
