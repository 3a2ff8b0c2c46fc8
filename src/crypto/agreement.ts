/**
 * Key agreement on the curve P-256 (NIST SP 800-56A section 5.7.1.2; the curve: SEC 2 section 2.4.2).
 */
import { createECDH, type ECDH, type KeyObject } from 'node:crypto';

/** A point, uncompressed (SEC 1 section 2.3.3): 0x04, X, Y. */
export const pointLength = 65;

const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * Whether 65 bytes are a point of P-256. It takes a hundredth of what a multiplication does, so that points drawn by chance,
 * of which one in 2^256 is on the curve, cost nothing.
 */
export function isPoint(point: Uint8Array): boolean {
  if (point.length !== pointLength || point[0] !== 0x04) return false;
  const text = Buffer.from(point.buffer, point.byteOffset, pointLength).toString('hex');
  const x = BigInt(`0x${text.slice(2, 66)}`);
  const y = BigInt(`0x${text.slice(66)}`);
  return x < p && y < p && (y * y - x * (x * x - 3n) - b) % p === 0n;
}

/** A private key and what it shares with the holders of others. */
export class Agreement {
  readonly #key: ECDH;

  /** @param scalar the private key, 32 bytes, 1 to the order of the curve less one @throws where it is another number */
  constructor(scalar: Uint8Array) {
    this.#key = createECDH('prime256v1');
    this.#key.setPrivateKey(scalar);
  }

  /** The point that belongs to the key. */
  get point(): Uint8Array {
    return this.#key.getPublicKey();
  }

  /** The X coordinate of the shared point, 32 bytes. @param point one that `isPoint` is true of */
  secretWith(point: Uint8Array): Uint8Array {
    return this.#key.computeSecret(point);
  }
}

/** The number that is a private key of P-256, 32 bytes. */
export function scalarOf(key: KeyObject): Uint8Array {
  return Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
}

/** The point of a public key of P-256, or of the one that belongs to a private key; 65 bytes. */
export function pointOf(key: KeyObject): Uint8Array {
  const { x, y } = key.export({ format: 'jwk' });
  return Buffer.concat([Uint8Array.of(0x04), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
}

/** Whether a key is of P-256. */
export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}
