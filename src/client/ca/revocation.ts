/** Revocation lists (RFC 5280 section 5) as the authority writes them, and what the one before said. */
import type { KeyObject } from 'node:crypto';
import * as asn1js from 'asn1js';
import { Certificate, CertificateRevocationList, Extensions, RevokedCertificate } from 'pkijs';
import { clockToleranceMs, endOf, publicPart, type Signer, signingKey, time } from './certificate.js';
import { authorityKeyIdentifier, copyOf, keyIdentifierOf, listNumber } from './extensions.js';
import { decodePem, encodePem } from './pem.js';

const numberId = '2.5.29.20';

/** A list, as far as the next one depends on it. */
export interface ListBefore {
  readonly number: number;
  readonly from: number;
}

/** A certificate that is revoked. */
export interface Revoked {
  readonly serial: string;
  readonly at: number;
}

/** What is said about a list that was made. */
export interface NewList {
  readonly pem: string;
  readonly until: number;
  /** Whether the list before is from a later time: servers that have it will not take this one. */
  readonly isOlder: boolean;
}

/** What a list says of itself; undefined where it cannot be read. */
export function readList(pem: string): ListBefore | undefined {
  try {
    const list = CertificateRevocationList.fromBER(copyOf(decodePem(pem, 'X509 CRL')));
    const number = list.crlExtensions?.extensions.find(({ extnID }) => extnID === numberId);
    const value = number && asn1js.fromBER(number.extnValue.valueBlock.valueHexView).result;
    if (!(value instanceof asn1js.Integer)) return undefined;
    const digits = Buffer.from(value.valueBlock.valueHexView).toString('hex');
    return { number: Number(BigInt(`0x${digits}`)), from: list.thisUpdate.value.getTime() };
  } catch {
    return undefined;
  }
}

/**
 * A list with a number that is higher than every one before: also where the list before was lost, as it is at least the
 * time in milliseconds, and lists take longer to make.
 */
export async function makeList(
  revoked: readonly Revoked[],
  {
    before,
    days,
    now,
  }: { readonly before: ListBefore | undefined; readonly days: number; readonly now: number },
  by: Signer,
): Promise<NewList> {
  const from = now - clockToleranceMs;
  const until = endOf(days, now);
  const number = Math.max((before?.number ?? 0) + 1, now);
  const issuer = Certificate.fromBER(copyOf(by.certificate));
  const list = new CertificateRevocationList({
    version: 1,
    issuer: issuer.subject,
    thisUpdate: time(from),
    nextUpdate: time(until),
    crlExtensions: new Extensions({
      extensions: [authorityKeyIdentifier(keyIdentifierOf(issuer, publicPart(by.key))), listNumber(number)],
    }),
  });
  // RFC 5280 section 5.1.2.6: absent where there is none.
  if (revoked.length > 0) list.revokedCertificates = revoked.map(each => entry(each, from));
  const pem = encodePem(await sign(list, by.key), 'X509 CRL');
  return { pem, until, isOlder: before !== undefined && from < before.from };
}

function entry({ serial, at }: Revoked, from: number): RevokedCertificate {
  // A leading zero, where it would be negative without it.
  const hex = /^[89a-f]/.test(serial) ? `00${serial}` : serial;
  return new RevokedCertificate({
    userCertificate: new asn1js.Integer({ valueHex: copyOf(Buffer.from(hex, 'hex')) }),
    revocationDate: time(Math.min(at, from)),
  });
}

async function sign(list: CertificateRevocationList, key: KeyObject): Promise<Uint8Array> {
  await list.sign(await signingKey(key), 'SHA-256');
  return new Uint8Array(list.toSchema(true).toBER(false));
}
