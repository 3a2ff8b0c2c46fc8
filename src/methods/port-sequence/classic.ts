/**
 * The classic block (PROTOCOL.md section 1.3), in the manner of Kroon's portknock.
 *
 * Whoever records one can send it again: there is no time and no sender in it. Off unless configured.
 */
import { BlockCipher, blockLength } from '../../crypto/cipher.js';
import { deriveClassicKey } from '../../crypto/derive.js';
import { requireInteger } from './sealed.js';

const parityAt = 15;

/** The cipher for a passphrase. */
export function classicCipher(passphrase: string): BlockCipher {
  return new BlockCipher(deriveClassicKey(passphrase));
}

/** The 16 bytes of a classic block for a command id, 0 to 2^32 − 1. */
export function encodeClassic(cipher: BlockCipher, commandId: number): Uint8Array {
  requireInteger('commandId', commandId, 0, 0xffffffff);
  const plaintext = Buffer.alloc(blockLength);
  plaintext.writeUInt32BE(commandId, 0);
  plaintext[parityAt] = parity(plaintext);
  return cipher.encrypt(plaintext);
}

/** The command id of a classic block, or undefined where zero bytes or parity are not in order. */
export function decodeClassic(cipher: BlockCipher, block: Uint8Array): number | undefined {
  const plaintext = cipher.decrypt(block);
  for (let at = 4; at < parityAt; at++) if (plaintext[at] !== 0) return undefined;
  if (parity(plaintext) !== 0) return undefined;
  return new DataView(plaintext.buffer, plaintext.byteOffset, blockLength).getUint32(0);
}

function parity(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0);
}
