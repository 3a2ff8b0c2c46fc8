/**
 * Keys from secrets: HKDF-SHA256 (RFC 5869) for random keys, MD5 for the classic block's passphrase.
 */
import { createHash, hkdfSync } from 'node:crypto';

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
