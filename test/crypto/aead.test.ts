/** ChaCha20-Poly1305 as another library has it; damaged, cut and random messages open to nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openMessage, overheadLength, sealMessage } from '../../src/crypto/aead.js';

const key = Buffer.alloc(32, 0x42);
const nonce = Buffer.alloc(12, 7);

test('one message, as another library seals it', () => {
  // Made by the library cryptography 48.0.0 for Python.
  const plaintext = Buffer.from('portknock', 'latin1');
  assert.equal(
    Buffer.from(sealMessage(key, nonce, plaintext)).toString('hex'),
    '070707070707070707070707a00487d0ca5f21fb2f6d5ae03a3637c5777d7e16b65a6dc579',
  );
});

test('what was sealed opens, and with no bit of it wrong', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, fc.nat(), (plaintext, place) => {
      const message = Uint8Array.from(sealMessage(key, nonce, plaintext));
      assert.equal(message.length, plaintext.length + overheadLength);
      assert.deepEqual(Uint8Array.from(openMessage(key, message)!), plaintext);
      const bit = place % (message.length * 8);
      message[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(openMessage(key, message), undefined);
    }),
  );
});

test('what was cut, made longer or sealed with another key does not open', () => {
  const message = sealMessage(key, nonce, Buffer.from('portknock'));
  for (let length = 0; length < message.length; length++)
    assert.equal(openMessage(key, message.subarray(0, length)), undefined);
  assert.equal(openMessage(key, Buffer.concat([message, Buffer.alloc(1)])), undefined);
  assert.equal(openMessage(Buffer.alloc(32, 0x43), message), undefined);
});

test('random bytes do not open, and do not throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), bytes => openMessage(key, bytes) === undefined));
});
