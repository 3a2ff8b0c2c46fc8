/**
 * One block of AES, without a mode (FIPS 197; PROTOCOL.md section 1.3 and 1.4).
 *
 * It hides a single block and authenticates nothing: whoever uses it must put a check inside the block.
 * Never encrypt two related blocks with it.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';

export const blockLength = 16;

/** AES on single blocks of 16 bytes; the key is 16 bytes (AES-128) or 32 bytes (AES-256). */
export class BlockCipher {
  readonly #encipher: Cipher;
  readonly #decipher: Decipher;

  constructor(key: Uint8Array) {
    if (key.length !== 16 && key.length !== 32) {
      throw new RangeError(`"key" expected 16 or 32 bytes, got ${key.length}`);
    }
    const name = key.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb';
    // Kept for the life of the object: making a cipher costs five times as much as using it.
    this.#encipher = createCipheriv(name, key, null).setAutoPadding(false);
    this.#decipher = createDecipheriv(name, key, null).setAutoPadding(false);
  }

  encrypt(block: Uint8Array): Uint8Array {
    return this.#encipher.update(requireBlock(block));
  }

  decrypt(block: Uint8Array): Uint8Array {
    return this.#decipher.update(requireBlock(block));
  }
}

function requireBlock(block: Uint8Array): Uint8Array {
  // A shorter one would stay inside the cipher and shift every block after it.
  if (block.length !== blockLength) throw new RangeError(`"block" expected 16 bytes, got ${block.length}`);
  return block;
}
