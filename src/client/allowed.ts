/** What a certificate allows, as far as its holder can tell: a door's services are known to its server alone. */
import type { X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import { isForClients } from '../crypto/usage.js';
import { formatRight, permits, type Right, rightsOf } from '../methods/datagram/rights.js';
import { parseService } from './service.js';

/** What may be done with a certificate. */
export interface Allowance {
  /** Whether a client may sign with it. */
  readonly isForClients: boolean;
  /** Whether a service such as `tcp/22` may be asked for. */
  includes(service: string): boolean;
  /** All that may be asked for, such as `tcp/2000, door/ssh`; empty where there is nothing. */
  readonly text: string;
}

/** What a certificate allows. */
export function allowedBy(certificate: X509Certificate): Allowance {
  const extensions = extensionsOf(certificate.raw);
  const rights = rightsAmong(extensions);
  const hasDoors = rights.some(({ kind }) => kind === 'door');
  return {
    isForClients: isForClients(certificate, extensions),
    includes: service => hasDoors || permits(rights, parseService(service)!, undefined),
    text: rights.map(formatRight).join(', '),
  };
}

/** What a certificate permits to ask for, without a look at the rest of it. @param der as node:crypto gives it */
export function rightsIn(der: Uint8Array): readonly Right[] {
  return rightsAmong(extensionsOf(der));
}

function rightsAmong(extensions: readonly Extension[]): readonly Right[] {
  const values = extensions.map(
    ({ extnID, extnValue }) => [extnID, extnValue.valueBlock.valueHexView] as const,
  );
  return rightsOf({ extensions: new Map(values) });
}

interface Extension {
  readonly extnID: string;
  readonly critical: boolean;
  readonly extnValue: asn1js.OctetString;
}

/** RFC 5280 section 4.1: extensions [3] of the part that is signed. */
function extensionsOf(certificate: Uint8Array): Extension[] {
  const [signed] = partsOf(asn1js.fromBER(certificate).result);
  const tagged = partsOf(signed).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 3);
  return partsOf(partsOf(tagged)[0]).flatMap(extension => {
    const [id, ...rest] = partsOf(extension);
    const [flag, extnValue] = rest.length === 2 ? rest : [undefined, rest[0]];
    if (!(id instanceof asn1js.ObjectIdentifier) || !(extnValue instanceof asn1js.OctetString)) return [];
    const critical = flag instanceof asn1js.Boolean && flag.getValue();
    return [{ extnID: id.getValue(), critical, extnValue }];
  });
}

function partsOf(value: asn1js.AsnType | undefined): readonly asn1js.AsnType[] {
  return value instanceof asn1js.Constructed ? value.valueBlock.value : [];
}
