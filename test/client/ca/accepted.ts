/** How the daemon's own code judges a client's certificate. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Authorities } from '../../../src/crypto/chain.js';
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
