/** The text of key files, and all that is not one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeKey, encodeKey } from '../../src/crypto/key.js';

const digits = '00112233445566778899aabbccddeeff0123456789abcdefABCDEF9876543210';

for (const [name, text] of [
  ['as written', `${digits}\n`],
  ['without a newline', digits],
  ['with the newline of Windows', `${digits}\r\n`],
  ['in capitals', `${digits.toUpperCase()}\n`],
] as const) {
  test(`taken: ${name}`, () => {
    assert.equal(Buffer.from(decodeKey(text)!).toString('hex'), digits.toLowerCase());
  });
}

for (const [name, text] of [
  ['nothing', ''],
  ['a newline', '\n'],
  ['a digit less', digits.slice(1)],
  ['a digit more', `${digits}0`],
  ['two keys', `${digits}\n${digits}\n`],
  ['an empty line after it', `${digits}\n\n`],
  ['an empty line before it', `\n${digits}\n`],
  ['space before', ` ${digits}\n`],
  ['space after', `${digits} \n`],
  ['a prefix', `0x${digits}\n`],
  ['a letter past f', `g${digits.slice(1)}\n`],
  ['a byte order mark', `\ufeff${digits}\n`],
  ['a digit of another script', `\u0660${digits.slice(1)}\n`],
  ['base64', `${Buffer.from(digits, 'hex').toString('base64')}\n`],
] as const) {
  test(`refused: ${name}`, () => assert.equal(decodeKey(text), undefined));
}

test('round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), key => {
      const text = encodeKey(key);
      assert.match(text, /^[0-9a-f]{64}\n$/);
      assert.deepEqual([...decodeKey(text)!], [...key]);
    }),
  );
});

test('a key of another length has no text', () => {
  for (const length of [0, 16, 31, 33, 64]) {
    assert.throws(() => encodeKey(new Uint8Array(length)), RangeError);
  }
});
