/**
 * KMAC128, a message authentication code made of Keccak (NIST SP 800-185 section 4); Node has none. Its cSHAKE128 is a
 * library's; the few bytes around key and message, which make it KMAC, are put together here so that what keys and messages
 * have in common is computed once.
 */
import { cshake128 } from '@noble/hashes/sha3-addons.js';

type Sponge = ReturnType<typeof cshake128.create>;

/** Bytes of Keccak's state that a block of cSHAKE128 fills. */
const rate = 168;
/** SP 800-185 section 2.3.1: a number takes one byte for its length and as many as it needs. */
const shortest = 2;

/** KMAC128 with a customization string and a length that stay the same. */
export class Kmac128 {
  readonly #customized: Sponge;
  readonly #end: Uint8Array;

  /**
   * @param customization ASCII, different for every use of a key
   * @param length of a code in bytes, 1 to 8191; it is part of what is computed, so a shorter code is no piece of a longer one
   */
  constructor(customization: string, length: number) {
    const personalization = Buffer.from(customization, 'latin1');
    this.#customized = cshake128.create({ NISTfn: 'KMAC', personalization, dkLen: length });
    this.#end = rightEncode(length * 8);
  }

  /** @param key of any length; what is secret about the codes is its entropy */
  withKey(key: Uint8Array): KeyedKmac128 {
    const length = leftEncode(key.length * 8);
    const block = Buffer.alloc(Math.ceil((shortest + length.length + key.length) / rate) * rate);
    // bytepad(encode_string(key), rate)
    block.set(leftEncode(rate), 0);
    block.set(length, shortest);
    block.set(key, shortest + length.length);
    return new KeyedKmac128(this.#customized.clone().update(block), this.#end);
  }
}

/** KMAC128 with a key too. */
export class KeyedKmac128 {
  readonly #keyed: Sponge;
  readonly #end: Uint8Array;

  constructor(keyed: Sponge, end: Uint8Array) {
    this.#keyed = keyed;
    this.#end = end;
  }

  /** The code of a message. */
  mac(message: Uint8Array): Uint8Array {
    return this.#keyed.clone().update(message).update(this.#end).digest();
  }
}

/** SP 800-185 section 2.3.1: the bytes of a number, after how many they are. */
function leftEncode(value: number): Uint8Array {
  const bytes = bytesOf(value);
  return Uint8Array.of(bytes.length, ...bytes);
}

function rightEncode(value: number): Uint8Array {
  const bytes = bytesOf(value);
  return Uint8Array.of(...bytes, bytes.length);
}

/** Big-endian, at least one. */
function bytesOf(value: number): number[] {
  const bytes = [value & 0xff];
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256))
    bytes.unshift(rest & 0xff);
  return bytes;
}
