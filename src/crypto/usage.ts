/** Whether a certificate may be a client's (RFC 5280 section 4.2.1): what its extensions say that it is for. */
import type { X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import type { Extension } from 'pkijs';
import { hasClientsPurpose } from './certificate.js';

const keyUsageId = '2.5.29.15';
const extendedKeyUsageId = '2.5.29.37';

/** Bits of a key usage, in its first byte (RFC 5280 section 4.2.1.3). */
export const digitalSignature = 0x80;
export const certificateSigning = 0x04;

/** Extensions that are looked at, here or on the way to the authority: alternative names, basic constraints, names, policies. */
const understood = new Set([
  keyUsageId,
  extendedKeyUsageId,
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.30',
  '2.5.29.32',
]);

/** What of an extension is looked at. */
export type ReadExtension = Pick<Extension, 'extnID' | 'critical' | 'extnValue'>;

/** Whether a client may sign with it. A usage that is not said is any; one that cannot be read is none. */
export function isForClients(x509: X509Certificate, extensions: readonly ReadExtension[]): boolean {
  if (x509.ca || extensions.some(({ critical, extnID }) => critical && !understood.has(extnID))) return false;
  if (!permitsUsage(extensions, digitalSignature)) return false;
  if (!extensions.some(({ extnID }) => extnID === extendedKeyUsageId)) return true;
  // Undefined where it cannot be read.
  return x509.keyUsage !== undefined && hasClientsPurpose(x509);
}

/** Whether a key usage, if there is one, has a bit. */
export function permitsUsage(extensions: readonly ReadExtension[], bit: number): boolean {
  const usage = extensions.find(({ extnID }) => extnID === keyUsageId);
  if (usage === undefined) return true;
  const { result } = asn1js.fromBER(usage.extnValue.valueBlock.valueHexView);
  return result instanceof asn1js.BitString && ((result.valueBlock.valueHexView[0] ?? 0) & bit) !== 0;
}
