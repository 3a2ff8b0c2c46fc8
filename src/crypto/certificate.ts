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

const sequence = 0x30;
const bitString = 0x03;

/**
 * Whether bytes are laid out as one certificate is and nothing more, each of its parts with the length written in the shortest
 * way (RFC 5280 section 4.1). Libraries take more, so that one certificate could be given in many disguises.
 */
export function isCertificateLayout(der: Uint8Array): boolean {
  const whole = partAt(der, 0, sequence);
  if (whole === undefined || whole.end !== der.length) return false;
  const signed = partAt(der, whole.start, sequence);
  const algorithm = signed && partAt(der, signed.end, sequence);
  const signature = algorithm && partAt(der, algorithm.end, bitString);
  return signature?.end === der.length;
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** X.690 section 10.1: the definite form of length, with as few octets as it takes. */
function partAt(der: Uint8Array, at: number, tag: number): Part | undefined {
  if (der[at] !== tag) return undefined;
  const first = der[at + 1] ?? 0x80;
  const count = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || count > 2) return undefined;
  let length = first;
  if (count > 0) length = count === 1 ? der[at + 2]! : (der[at + 2]! << 8) | der[at + 3]!;
  if (count > 0 && length < (count === 1 ? 0x80 : 0x100)) return undefined;
  const start = at + 2 + count;
  return start + length <= der.length ? { start, end: start + length } : undefined;
}
