/**
 * Certificates of X.509 (RFC 5280): what is known of one, and the names by which keys and serial numbers are compared.
 *
 * Reading a client's is chain.ts' business: it is costly, and only for what an authority has signed.
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';

/** What is known of a certificate that an authority has signed. */
export interface Certificate {
  /** As `serialText` has it. */
  readonly serial: string;
  /** Of its subject, whatever characters it has; empty where there is none. */
  readonly commonName: string;
  /** Milliseconds since 1970, both included. */
  readonly from: number;
  readonly until: number;
  readonly key: KeyObject;
  /** Values of its extensions, DER, by the OID in dotted decimal. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/**
 * What an authority is called among authorities: the SHA-256 of its key (SubjectPublicKeyInfo), in hexadecimal. A certificate
 * that was renewed with the same key is the same authority.
 * @param der its certificate @throws Error where it is none
 */
export function authorityName(der: Uint8Array): string {
  return keyName(new X509Certificate(der).publicKey);
}

/** The name of whoever holds a key. */
export function keyName(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * A serial number in hexadecimal: lower case, two digits a byte, without leading zero bytes, so that certificates and
 * revocation lists always agree.
 * @param value the content of its INTEGER
 */
export function serialText(value: Uint8Array): string {
  const first = value.findIndex(byte => byte !== 0);
  return first < 0 ? '00' : Buffer.from(value.subarray(first)).toString('hex');
}
