/**
 * AES-128-CBC with padding (NIST SP 800-38A section 6.2, RFC 5652 section 6.3).
 *
 * It authenticates nothing. Whoever opens with it must never let a sender see whether the padding was right.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

const name = 'aes-128-cbc';
const blockLength = 16;

/** @param key 16 bytes @param iv 16 bytes */
export function encryptCbc(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(name, key, iv);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

/** The plaintext without its padding, or undefined where that is not right. @param ciphertext whole blocks, at least one */
export function decryptCbc(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  // The library's own check throws, which costs more than all else here.
  const padded = createDecipheriv(name, key, iv).setAutoPadding(false).update(ciphertext);
  const length = padded.at(-1)!;
  if (length === 0 || length > blockLength) return undefined;
  const end = padded.length - length;
  for (let at = end; at < padded.length; at++) if (padded[at] !== length) return undefined;
  return padded.subarray(0, end);
}
