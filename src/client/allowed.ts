/** What a certificate allows to ask for, as far as its holder can tell: a door's services are known to its server alone. */
import * as asn1js from 'asn1js';
import {
  decodeAlternativeNames,
  decodeRights,
  formatRight,
  permits,
  type Right,
  rightsId,
} from '../methods/datagram/rights.js';
import { tcp, udp } from '../net/packet.js';

/** The services that may be asked for. */
export interface AllowedServices {
  /** Whether a service such as `tcp/22` may be one of them. */
  includes(service: string): boolean;
  /** All of them, such as `tcp/2000, door/ssh`; empty where there is none. */
  readonly text: string;
}

/** RFC 5280 section 4.2.1.6. */
const subjectAltName = '2.5.29.17';

/** @param certificate DER */
export function allowedBy(certificate: Uint8Array): AllowedServices {
  const extensions = extensionsOf(certificate);
  const names = extensions.get(subjectAltName);
  const own = extensions.get(rightsId);
  const rights: readonly Right[] = [
    ...(names === undefined ? [] : decodeAlternativeNames(names)),
    ...((own === undefined ? undefined : decodeRights(own)) ?? []),
  ];
  const hasDoors = rights.some(({ kind }) => kind === 'door');
  return {
    includes: service => hasDoors || permits(rights, parseService(service), undefined),
    text: rights.map(formatRight).join(', '),
  };
}

function parseService(service: string): { readonly protocol: number; readonly port: number } {
  const [protocol, port] = service.split('/');
  return { protocol: protocol === 'tcp' ? tcp : udp, port: Number(port) };
}

/** The values of its extensions, DER, by their OIDs. */
function extensionsOf(certificate: Uint8Array): Map<string, Uint8Array> {
  const [body] = partsOf(asn1js.fromBER(certificate).result);
  // RFC 5280 section 4.1: extensions [3].
  const tagged = partsOf(body).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 3);
  const [extensions] = partsOf(tagged);
  return new Map(
    partsOf(extensions).flatMap(extension => {
      const [id, ...rest] = partsOf(extension);
      const value = rest.at(-1);
      if (!(id instanceof asn1js.ObjectIdentifier) || !(value instanceof asn1js.OctetString)) return [];
      return [[id.getValue(), value.valueBlock.valueHexView] as const];
    }),
  );
}

function partsOf(value: asn1js.AsnType | undefined): readonly asn1js.AsnType[] {
  return value instanceof asn1js.Constructed ? value.valueBlock.value : [];
}
