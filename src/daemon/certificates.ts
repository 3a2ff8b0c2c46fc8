/**
 * Files with certificates and private keys, PEM or DER → what Node's crypto makes of them; and how a certificate is told to
 * a person.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

const pemCertificate = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END/g;

/** All certificates of a file; undefined where there is none, or one of them is none. */
export function parseCertificates(bytes: Buffer): X509Certificate[] | undefined {
  const texts = bytes.toString('latin1').match(pemCertificate);
  try {
    return texts === null
      ? [new X509Certificate(bytes)]
      : texts.map(text => new X509Certificate(`${text.replace(/(TRUSTED |X509 )/, '')} CERTIFICATE-----\n`));
  } catch {
    return undefined;
  }
}

/** A private key that no password protects: PEM, or PKCS #8 or SEC 1 in DER. Undefined where it is none. */
export function parsePrivateKey(bytes: Buffer): KeyObject | undefined {
  const isPem = bytes.includes('-----BEGIN ');
  const attempts = isPem
    ? [() => createPrivateKey(bytes)]
    : (['pkcs8', 'sec1'] as const).map(type => () => createPrivateKey({ key: bytes, format: 'der', type }));
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch {
      // The next form; what is wrong with it is said by the one who asked.
    }
  }
  return undefined;
}

/** Whether a text in PEM holds a private key that needs a password. */
export function isEncrypted(bytes: Buffer): boolean {
  return /ENCRYPTED/.test(bytes.toString('latin1'));
}

/** Whether `issuer` has signed a certificate; its own dates and purposes aside. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // A key of a kind that is not known here.
    return false;
  }
}

/** Milliseconds since 1970. */
export function datesOf({ validFrom, validTo }: X509Certificate): {
  readonly from: number;
  readonly to: number;
} {
  return { from: Date.parse(validFrom), to: Date.parse(validTo) };
}

/** `CN=Example CA, O=Example`, in printable ASCII and not longer than a line. */
export function subjectOf({ subject }: X509Certificate): string {
  // A certificate may come without a name.
  const names = (subject ?? 'no name').split('\n').reverse().join(', ');
  const printable = names.replace(/[^ -~]/g, '?');
  return printable.length > 80 ? `${printable.slice(0, 77)}...` : printable;
}

/** `2026-11-21`. */
export function dayOf(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : 'an unknown day';
}

/** For people: who it is, and until when. @param der one that has been parsed before */
export function describeCertificate(der: Uint8Array): string {
  const certificate = new X509Certificate(der);
  return `${subjectOf(certificate)}, until ${dayOf(datesOf(certificate).to)}`;
}
