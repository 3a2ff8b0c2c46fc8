/** The authority's certificates: made and signed. Keys and serial numbers are drawn here. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import { AttributeTypeAndValue, Certificate, PublicKeyInfo, RelativeDistinguishedNames, Time } from 'pkijs';
import { serialText } from '../../crypto/certificate.js';
import type { Right } from '../../methods/datagram/rights.js';
import { OperatorError } from '../../system/error.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  comment,
  copyOf,
  extendedKeyUsage,
  type Kind,
  keyIdentifier,
  keyIdentifierOf,
  keyUsage,
  purposeOf,
  rightsExtensions,
  subjectKeyIdentifier,
} from './extensions.js';

const dayMs = 86_400_000;
/** A server whose clock is behind this one's takes what is made now. */
export const clockToleranceMs = 300_000;

/**
 * sKnock's servers hear no frame of less than 800 bytes (KNOCKPACKET_MIN_LENGTH), and a datagram is that long only if its
 * certificate is: at least 591 bytes.
 */
const shortestForClients = 600;
/** How much the length of a signature differs from one to the next. */
const signatureSpread = 8;
/** What fits into one IPv6 packet of 1500 bytes, together with the rest of a datagram (PROTOCOL.md section 8). */
const longestForClients = 1278;

/** A certificate to be made. */
export interface Wish {
  readonly kind: Kind;
  readonly name: string;
  readonly days: number;
  readonly rights: readonly Right[];
}

/** Who signs. */
export interface Signer {
  readonly key: KeyObject;
  /** Its certificate, DER. */
  readonly certificate: Uint8Array;
}

/** A certificate and its key. */
export interface Issued {
  /** As `serialText` of crypto/certificate.ts has it. */
  readonly serial: string;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

/** A new key on the curve that datagrams need. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** SubjectPublicKeyInfo, DER, of a private or public key. */
export function publicPart(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** The key as pkijs signs with it. */
export function signingKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

/** The authority's own certificate. */
export async function makeAuthority(wish: Wish, key: KeyObject, now: number): Promise<Uint8Array> {
  const certificate = unsigned(
    wish,
    { subjectKey: publicPart(key), issuerKey: keyIdentifier(publicPart(key)) },
    now,
  );
  certificate.issuer = certificate.subject;
  return sign(certificate, key);
}

/** A certificate that the authority issues, with a new key. @throws OperatorError `too-many-rights` */
export async function issue(wish: Wish, by: Signer, now: number): Promise<Issued> {
  const key = newKey();
  const issuer = Certificate.fromBER(copyOf(by.certificate));
  const keys = { subjectKey: publicPart(key), issuerKey: keyIdentifierOf(issuer, publicPart(by.key)) };
  const certificate = unsigned(wish, keys, now);
  certificate.issuer = issuer.subject;
  let der = await sign(certificate, by.key);
  if (wish.kind === 'client') {
    const missing = shortestForClients + signatureSpread - der.length;
    if (missing > 0) certificate.extensions!.push(comment(padding(missing)));
    if (missing > 0) der = await sign(certificate, by.key);
    if (der.length > longestForClients) throw tooManyRights(der.length);
  }
  return { serial: serialText(certificate.serialNumber.valueBlock.valueHexView), certificate: der, key };
}

/** Until when a certificate that is made now is in date. */
export function endOf(days: number, now: number): number {
  return now + days * dayMs;
}

interface Keys {
  /** SubjectPublicKeyInfo, DER. */
  readonly subjectKey: Uint8Array;
  /** What its certificate calls it. */
  readonly issuerKey: asn1js.OctetString;
}

function unsigned(
  { kind, name, days, rights }: Wish,
  { subjectKey, issuerKey }: Keys,
  now: number,
): Certificate {
  const purpose = purposeOf(kind);
  return new Certificate({
    version: 2,
    serialNumber: new asn1js.Integer({ valueHex: copyOf(newSerial()) }),
    subject: commonName(name),
    notBefore: time(now - clockToleranceMs),
    notAfter: time(endOf(days, now)),
    subjectPublicKeyInfo: PublicKeyInfo.fromBER(copyOf(subjectKey)),
    extensions: [
      basicConstraints(kind),
      keyUsage(kind),
      ...(purpose === undefined ? [] : [extendedKeyUsage(purpose)]),
      subjectKeyIdentifier(subjectKey),
      authorityKeyIdentifier(issuerKey),
      ...rightsExtensions(rights),
    ],
  });
}

/** 16 bytes: nobody guesses them, and no two are the same (RFC 5280 section 4.1.2.2); positive, without leading zeros. */
function newSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function commonName(name: string): RelativeDistinguishedNames {
  const value = new asn1js.Utf8String({ value: name });
  return new RelativeDistinguishedNames({
    typesAndValues: [new AttributeTypeAndValue({ type: '2.5.4.3', value })],
  });
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049. */
export function time(at: number): Time {
  const value = new Date(Math.floor(at / 1000) * 1000);
  return new Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

async function sign(certificate: Certificate, key: KeyObject): Promise<Uint8Array> {
  await certificate.sign(await signingKey(key), 'SHA-256');
  return new Uint8Array(certificate.toSchema(true).toBER(false));
}

/** So much text that the extension around it is at least as long as is missing. */
function padding(missing: number): string {
  return 'A certificate for portknock'.padEnd(missing, ' ');
}

function tooManyRights(length: number): OperatorError {
  const message = `the rights make a certificate of ${length} bytes, and a datagram has room for ${longestForClients}`;
  return new OperatorError('too-many-rights', message, {
    hint: 'give ranges such as tcp/8000-8100, doors such as door/web, or two certificates',
  });
}
