/**
 * Certificates of X.509 (RFC 5280): what is known of one, and the names by which keys and serial numbers are compared.
 *
 * Reading a client's is chain.ts' business: it is costly, and only for what an authority has signed.
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { bitStringTag, type Element, elementAt, isShortest, sequenceTag } from './der.js';

/** What is known of a certificate that an authority has signed. */
export interface Certificate {
  /** As `serialText` has it. */
  readonly serial: string;
  /** Of its subject, whatever characters it has; empty where there is none. */
  readonly commonName: string;
  readonly key: KeyObject;
  /** Values of its extensions, DER, by the OID in dotted decimal; a UUID's as asn1js writes it. */
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

const clientAuthentication = '1.3.6.1.5.5.7.3.2';
const anyUsage = '2.5.29.37.0';

/** Whether the extended key usage of a certificate, where it has one that can be read, has clients in it. */
export function hasClientsPurpose({ keyUsage: purposes }: X509Certificate): boolean {
  // Node calls the extended key usage so.
  return purposes === undefined || purposes.includes(clientAuthentication) || purposes.includes(anyUsage);
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

/**
 * Whether bytes are laid out as one certificate is and nothing more, each of its parts with the length written in the shortest
 * way (RFC 5280 section 4.1). Libraries take more, so that one certificate could be given in many disguises.
 */
export function isCertificateLayout(der: Uint8Array): boolean {
  const whole = partAt(der, 0, sequenceTag);
  if (whole === undefined || whole.end !== der.length) return false;
  const signed = partAt(der, whole.start, sequenceTag);
  const algorithm = signed && partAt(der, signed.end, sequenceTag);
  const signature = algorithm && partAt(der, algorithm.end, bitStringTag);
  return signature?.end === der.length;
}

/** X.690 section 10.1: the length in as few octets as it takes. */
function partAt(der: Uint8Array, at: number, tag: number): Element | undefined {
  const element = elementAt(der, at, der.length);
  return element?.tag === tag && isShortest(element) ? element : undefined;
}
