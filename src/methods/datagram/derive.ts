/**
 * The key and the first block of a datagram's cipher, from the secret that client and server share (PROTOCOL.md section 8.1).
 */
import { expand, extract } from '../../crypto/derive.js';
import type { Version } from './format.js';

/** sKnock's, and part of its format: not these words, but the hexadecimal digits of their bytes, as text. */
const words =
  "They livin' it up at the Hotel California\nWhat a nice surprise (what a nice surprise)\nBring your alibis";
export const salt: Uint8Array = Buffer.from(Buffer.from(words, 'latin1').toString('hex'), 'latin1');

/** What a datagram is encrypted with, 16 bytes each. */
export interface CipherKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

const length = 16;
const zeros = new Uint8Array(length);

/** @param secret 32 bytes, of the key agreement */
export function deriveCipherKey(version: Version, secret: Uint8Array): CipherKey {
  const extracted = extract(salt, secret);
  // 0.0.1 took the first step with SHA-256, as it said, and the second with what its library took by itself.
  if (version === '0.0.1') return { key: expand(extracted, 'knock', length, 'sha512'), iv: zeros };
  return { key: expand(extracted, 'knock', length), iv: expand(extracted, 'iv0AES128CBC', length) };
}
