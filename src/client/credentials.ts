/**
 * The certificates and the key that a datagram is made with: read, and looked at before anything is sent. A server never
 * answers, so what it would surely refuse is said here.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { isP256, pointOf } from '../crypto/agreement.js';
import {
  headerLength,
  longestDatagram,
  pointLength,
  requestLength,
  signatureBlockLength,
} from '../methods/datagram/format.js';
import type { Allowance } from './allowed.js';
import { KnockError } from './failure.js';

/** As a request has them. */
export interface CredentialSources {
  readonly certificate: string | Uint8Array;
  readonly key: string | Uint8Array;
  readonly serverCertificate: string | Uint8Array;
}

/** Of a client, and of the server that it knocks at. */
export interface Credentials {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly server: X509Certificate;
  /** The point of the server's certificate, 65 bytes. */
  readonly serverKey: Uint8Array;
}

/** Something that is wrong with credentials. */
export interface Flaw {
  readonly message: string;
  readonly hint: string;
  /** Whether every server refuses the knock. */
  readonly isFatal: boolean;
}

/** What a datagram has room for, at least one byte of padding beside it (PROTOCOL.md section 8.1). */
const longestCertificate =
  ((longestDatagram - headerLength - pointLength) & ~15) - 1 - requestLength - signatureBlockLength;

/** @throws TypeError for what is of no such type, KnockError `certificate` for what cannot be used */
export function readCredentials(sources: CredentialSources): Credentials {
  const certificate = readCertificate('certificate', sources.certificate, 'the client’s certificate');
  const server = readCertificate('serverCertificate', sources.serverCertificate, 'the server’s certificate');
  const key = readKey(sources.key);
  if (!isP256(key)) throw refusal(`the client’s key is ${kindOf(key)}, and a datagram needs one of P-256`);
  if (!certificate.checkPrivateKey(key)) throw refusal('the client’s key is not that of its certificate');
  if (!isP256(server.publicKey)) {
    throw refusal(
      `the server’s certificate has a key of ${kindOf(server.publicKey)}, and a datagram needs one of P-256`,
    );
  }
  if (server.publicKey.equals(certificate.publicKey)) {
    throw refusal('the server’s certificate is the client’s own', 'give the one that the server has');
  }
  return { certificate, key, server, serverKey: pointOf(server.publicKey) };
}

/** A certificate in PEM or DER. @throws TypeError, KnockError `certificate` */
export function readCertificate(name: string, source: unknown, role: string): X509Certificate {
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) {
    throw new TypeError(`"${name}" expected a certificate: text in PEM, or bytes`);
  }
  try {
    const certificate = new X509Certificate(source);
    // Read only when it is asked for: it may be none, in a certificate that is one.
    void certificate.publicKey;
    return certificate;
  } catch {
    throw refusal(`${role} is none`, 'it is one in PEM or DER');
  }
}

function readKey(source: unknown): KeyObject {
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) {
    throw new TypeError('"key" expected a private key: text in PEM, or bytes of PKCS #8');
  }
  try {
    if (typeof source === 'string') return createPrivateKey(source);
    return createPrivateKey({ key: Buffer.from(source), format: 'der', type: 'pkcs8' });
  } catch {
    throw refusal('the client’s key is none', 'it is one in PEM, or in DER of PKCS #8, without a password');
  }
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  return (asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType ?? 'unknown').toUpperCase();
}

function refusal(message: string, hint?: string): KnockError {
  return new KnockError('certificate', message, { hint });
}

/** All that is wrong with credentials at a time, in milliseconds since 1970. @param services such as `tcp/22` */
export function flawsOf(
  { certificate, server }: Credentials,
  services: readonly string[],
  time: number,
): Flaw[] {
  const name = `the certificate of ${nameOf(certificate)}`;
  const allowed = allowanceOf(certificate);
  const ask = 'ask whoever issued it for another';
  const fatal = (message: string, hint = ask): Flaw => ({ message, hint, isFatal: true });
  const span = outside(certificate, time);
  return [
    ...(span === undefined ? [] : [fatal(`${name} ${span}`, `${ask}, or see that the clock is right`)]),
    ...(allowed.isForClients ? [] : [fatal(`${name} is not one for clients`)]),
    ...(certificate.raw.length <= longestCertificate
      ? []
      : [
          fatal(
            `${name} has ${certificate.raw.length} bytes, and a datagram has room for ${longestCertificate}`,
          ),
        ]),
    ...rightsFlaws(name, allowed, services).map(message => fatal(...message)),
    ...serverFlaws(server, time),
  ];
}

/** None is fatal: what a server's certificate says beside its key means nothing to the server. */
function serverFlaws(server: X509Certificate, time: number): Flaw[] {
  const span = outside(server, time);
  const hint = 'see that it is the present one';
  const dated = { message: `the server’s certificate ${span}`, hint, isFatal: false };
  const message = 'the server’s certificate is that of an authority, whose key no server should have';
  const ofAuthority = { message, hint: 'give the one of the server itself', isFatal: false };
  return [...(span === undefined ? [] : [dated]), ...(server.ca ? [ofAuthority] : [])];
}

function allowanceOf(certificate: X509Certificate): Allowance {
  // What scripts/bundle.mjs makes of allowed.ts: its library is loaded for datagrams alone.
  const { allowedBy } = createRequire(import.meta.url)('./allowed.cjs') as typeof import('./allowed.js');
  return allowedBy(certificate);
}

function rightsFlaws(
  name: string,
  allowed: Allowance,
  services: readonly string[],
): [message: string, hint: string][] {
  const refused = services.filter(service => !allowed.includes(service));
  if (refused.length === 0) return [];
  const hint = allowed.text === '' ? 'it allows nothing' : `it allows ${allowed.text}`;
  return [[`${name} does not allow ${refused.join(', ')}`, `${hint}; ask whoever issued it for another`]];
}

/** How a time is not within the dates of a certificate; undefined where it is. */
function outside({ validFrom, validTo }: X509Certificate, time: number): string | undefined {
  const [from, until] = [Date.parse(validFrom), Date.parse(validTo)];
  if (time < from) return `is not valid before ${timeText(from)}`;
  // Its last second is within.
  return time >= until + 1000 ? `has expired, at ${timeText(until)}` : undefined;
}

function timeText(time: number): string {
  return new Date(time).toISOString().replace('.000', '');
}

/** The common name of a certificate's subject, as far as it can be printed. */
export function nameOf({ subject }: X509Certificate): string {
  const name = /^CN=(.*)$/m.exec(subject ?? '')?.[1]?.replace(/[^\x20-\x7e]/g, '?') ?? '';
  return name === '' ? 'the client' : `"${name}"`;
}
