/**
 * ChaCha20-Poly1305 (RFC 8439 section 2.8) without associated data: a message that is hidden, and that nobody without the
 * key can have made. Nonce, ciphertext and tag stand in this order.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

const name = 'chacha20-poly1305';
export const nonceLength = 12;
const tagLength = 16;

/** How much longer a message is than what it hides. */
export const overheadLength: number = nonceLength + tagLength;

/** @param key 32 bytes @param nonce 12 bytes, never twice under a key */
export function sealMessage(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(name, key, nonce, { authTagLength: tagLength });
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** What a message hides, in bytes of its own; undefined where it was not made with this key. @param key 32 bytes */
export function openMessage(key: Uint8Array, message: Uint8Array): Uint8Array | undefined {
  const tagAt = message.length - tagLength;
  if (tagAt < nonceLength) return undefined;
  const nonce = message.subarray(0, nonceLength);
  const cipher = createDecipheriv(name, key, nonce, { authTagLength: tagLength });
  cipher.setAuthTag(message.subarray(tagAt));
  const plaintext = cipher.update(message.subarray(nonceLength, tagAt));
  try {
    cipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}
