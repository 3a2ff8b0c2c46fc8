/**
 * Keys from secrets: HKDF (RFC 5869), MD5 for the classic block's passphrase.
 */
import { createHash, createHmac, hkdfSync } from 'node:crypto';

const firstBlock = Uint8Array.of(1);

/**
 * 32 bytes of HKDF-SHA256 with an empty salt (RFC 5869 section 2.2 allows none: the secret is uniformly random).
 * @param secret 32 random bytes
 * @param label ASCII, different for every use of the secret
 */
export function deriveKey(secret: Uint8Array, label: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), label, 32));
}

/**
 * The classic block's key, 16 bytes: MD5 of the passphrase in UTF-8, as Kroon's page fixes it.
 * Neither slow nor salted: whoever records one knock can try passphrases at full speed.
 */
export function deriveClassicKey(passphrase: string): Uint8Array {
  return createHash('md5').update(passphrase, 'utf8').digest();
}

/** The first step of HKDF (RFC 5869 section 2.2) with SHA-256: a key of 32 bytes. */
export function extract(salt: Uint8Array, secret: Uint8Array): Uint8Array {
  return createHmac('sha256', salt).update(secret).digest();
}

/**
 * The second step (RFC 5869 section 2.3), for as much as one block of the hash gives.
 * @param length 1 to 32 bytes @param hash which one HMAC is made of
 */
export function expand(
  key: Uint8Array,
  label: string,
  length: number,
  hash: 'sha256' | 'sha512' = 'sha256',
): Uint8Array {
  return createHmac(hash, key).update(label, 'latin1').update(firstBlock).digest().subarray(0, length);
}
