/** How the daemon's own code judges a client's certificate, and revocation lists. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Authorities } from '../../../src/crypto/chain.js';
import { listIssuer, readList, splitLists } from '../../../src/crypto/revocation.js';
import { formatRight, rightsOf } from '../../../src/methods/datagram/rights.js';

/** What is known of a certificate that is accepted. */
export interface Accepted {
  readonly name: string;
  readonly serial: string;
  readonly rights: readonly string[];
}

/** @param authorities PEM, one each; fails where the certificate leads to none of them */
export async function readChain(
  certificate: Buffer | string,
  authorities: readonly string[],
): Promise<Accepted> {
  const judge = new Authorities(authorities.map(pem => new X509Certificate(pem).raw));
  const judged = await judge.judge(new X509Certificate(certificate).raw);
  if ('flaw' in judged) assert.fail(judged.flaw);
  const { commonName, serial } = judged.certificate;
  return { name: commonName, serial, rights: rightsOf(judged.certificate).map(formatRight) };
}

/**
 * The serial numbers in lists, which must all be taken and in date.
 * @param authorities PEM, one each
 */
export async function readRevokedIn(lists: string, authorities: readonly string[]): Promise<string[]> {
  const issuers = authorities.map(pem => listIssuer(new X509Certificate(pem).raw));
  const all = splitLists(Buffer.from(lists));
  assert.ok(all.length > 0);
  const serials: string[] = [];
  for (const der of all) {
    const read = await readList(der, issuers, Date.now());
    if (typeof read === 'string') assert.fail(read);
    assert.ok(read.number !== undefined && read.until !== undefined && read.until > Date.now());
    serials.push(...read.serials);
  }
  return serials;
}
