/** KMAC128, a message authentication code made of Keccak (NIST SP 800-185 section 4); Node has none. */
import { kmac128 } from '@noble/hashes/sha3-addons.js';

/** KMAC128 with a key, a customization string and a length that stay the same: what they cost is paid once. */
export class Kmac128 {
  readonly #keyed: ReturnType<typeof kmac128.create>;

  /**
   * @param key of any length; what is secret about the codes is its entropy
   * @param customization ASCII, different for every use of the key
   * @param length of a code, in bytes; it is part of what is computed, so a shorter code is no piece of a longer one
   */
  constructor(key: Uint8Array, customization: string, length: number) {
    const personalization = Buffer.from(customization, 'latin1');
    this.#keyed = kmac128.create(key, { personalization, dkLen: length });
  }

  /** The code of a message. */
  mac(message: Uint8Array): Uint8Array {
    return this.#keyed.clone().update(message).digest();
  }
}
