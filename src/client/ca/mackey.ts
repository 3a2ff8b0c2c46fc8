/** The key of a PKCS #12 file's MAC, by the derivation that such files have of their own (RFC 7292 appendix B.2). */
import { createHash } from 'node:crypto';

/** The block and the digest of SHA-256. */
const blockLength = 64;
const digestLength = 32;
/** RFC 7292 appendix B.3: the key is for a MAC. */
const purpose = 3;

/** @returns 32 bytes; as many as one round of the derivation yields, so that none of its further ones is needed */
export function macKey(password: string, salt: Uint8Array, rounds: number): Uint8Array {
  let key: Uint8Array = Buffer.concat([
    Buffer.alloc(blockLength, purpose),
    filled(salt),
    filled(encodePassword(password)),
  ]);
  for (let round = 0; round < rounds; round++) key = createHash('sha256').update(key).digest();
  return key.subarray(0, digestLength);
}

/** Repeated until whole blocks are full. */
function filled(bytes: Uint8Array): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / blockLength) * blockLength, bytes);
}

/** RFC 7292 appendix B.1: UTF-16, the high byte first, and two bytes of end. */
function encodePassword(password: string): Buffer {
  return Buffer.from(`${password}\0`, 'utf16le').swap16();
}
