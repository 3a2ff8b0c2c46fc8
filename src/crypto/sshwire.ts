/**
 * The data types that SSH writes keys and signatures in (RFC 4251 section 5): read strictly, written as they are.
 */

/** Reads one value after the other; undefined where there is none, and from then on. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether all was there, and nothing is left. */
  get isDone(): boolean {
    return !this.#isBroken && this.#at === this.#bytes.length;
  }

  /** So many bytes as they are. */
  take(length: number): Uint8Array | undefined {
    if (this.#isBroken || length > this.#bytes.length - this.#at) {
      this.#isBroken = true;
      return undefined;
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number | undefined {
    return this.take(1)?.[0];
  }

  uint32(): number | undefined {
    const bytes = this.take(4);
    if (bytes === undefined) return undefined;
    return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  }

  /** A `string`, which is any bytes. */
  string(): Uint8Array | undefined {
    const length = this.uint32();
    return length === undefined ? undefined : this.take(length);
  }

  /** A `string` that is a name. */
  name(): string | undefined {
    const bytes = this.string();
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  }

  /** An `mpint` that is not negative, without its leading zeros. */
  mpint(): Uint8Array | undefined {
    const bytes = this.string();
    if (bytes === undefined) return undefined;
    if (bytes.length > 0 && bytes[0]! >= 0x80) {
      this.#isBroken = true;
      return undefined;
    }
    let at = 0;
    while (at < bytes.length && bytes[at] === 0) at++;
    return bytes.subarray(at);
  }
}

/** A `uint32`. */
export function encodeUint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A `string`; text is its Latin-1. */
export function encodeString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  return concatenate(encodeUint32(bytes.length), bytes);
}

/** One behind the other, in bytes of their own. */
export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
