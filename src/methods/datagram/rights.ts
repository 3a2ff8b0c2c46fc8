/**
 * What a certificate permits to ask for (PROTOCOL.md section 8.5): sKnock's otherName, and an extension of our own.
 *
 * The first knows single ports alone. The second knows ranges and doors too; servers that do not know it pass over it.
 */
import * as asn1js from 'asn1js';
import type { Certificate } from '../../crypto/certificate.js';
import { tcp, udp } from '../../net/packet.js';
import type { AskedService, DatagramDoor } from './site.js';

/** The otherName of subjectAltName that sKnock reads: a UTF8String such as `1.2000,0.8000`. */
export const otherNameId = '1.3.6.1.4.1.19518';

/**
 * The extension of our own, a SEQUENCE OF UTF8String such as `tcp/8000-8100` or `door/ssh`; not critical. The arc is a random
 * UUID, a3391f91-062b-4a14-a371-e98fcf18b929: anybody may take such a one without asking (ITU-T X.667 clause 6).
 */
export const rightsId = '2.25.216960764478568293933262447144336931113';

const alternativeNameId = '2.5.29.17';
/** As the library writes it when it reads one; arcs of this length it leaves in hexadecimal. */
const rightsIdRead = asn1js
  .fromBER(new asn1js.ObjectIdentifier({ value: rightsId }).toBER())
  .result.valueBlock.toString();

/** Every port of a range, or every service of the door of a name. */
export type Right =
  | { readonly kind: 'ports'; readonly protocol: number; readonly first: number; readonly last: number }
  | { readonly kind: 'door'; readonly door: string };

/** As names of doors are in a configuration. */
const doorPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/** All that a certificate permits, in either form. */
export function rightsOf({ extensions }: Pick<Certificate, 'extensions'>): readonly Right[] {
  const names = extensions.get(alternativeNameId);
  const own = extensions.get(rightsIdRead);
  return [...((names && decodeAlternativeNames(names)) ?? []), ...((own && decodeRights(own)) ?? [])];
}

/** A right in text, as in our own extension: `tcp/2000`, `udp/8000-8100`, `door/ssh`; undefined where it is none. */
export function parseRight(text: string): Right | undefined {
  const [kind, value = '', ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  if (kind === 'door') return doorPattern.test(value) ? { kind, door: value } : undefined;
  if (kind !== 'tcp' && kind !== 'udp') return undefined;
  const ports = value.split('-').map(parsePort);
  const [first, last] = [ports[0], ports.at(-1)];
  if (first === undefined || last === undefined || ports.length > 2 || first > last) return undefined;
  return { kind: 'ports', protocol: kind === 'tcp' ? tcp : udp, first, last };
}

/** The text of a right; what `parseRight` reads. */
export function formatRight(right: Right): string {
  if (right.kind === 'door') return `door/${right.door}`;
  const { protocol, first, last } = right;
  return `${protocol === tcp ? 'tcp' : 'udp'}/${first === last ? first : `${first}-${last}`}`;
}

/** Decimal without leading zeros: a port has one spelling. */
function parsePort(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** The rights in sKnock's text, `1.2000,0.8000`; undefined where one entry is not right: then none of them counts. */
export function parseOtherName(text: string): readonly Right[] | undefined {
  return every(text.split(','), entry => {
    const [, protocol, digits = ''] = /^([01])\.(\d+)$/.exec(entry) ?? [];
    const port = parsePort(digits);
    if (protocol === undefined || port === undefined) return undefined;
    return { kind: 'ports', protocol: protocol === '1' ? tcp : udp, first: port, last: port };
  });
}

/** sKnock's text for those rights that it has a word for, single ports; undefined where there is none of them. */
export function formatOtherName(rights: readonly Right[]): string | undefined {
  const entries = rights.flatMap(right =>
    right.kind === 'ports' && right.first === right.last
      ? [`${right.protocol === tcp ? 1 : 0}.${right.first}`]
      : [],
  );
  return entries.length === 0 ? undefined : entries.join(',');
}

/** The value of our own extension, DER. */
export function encodeRights(rights: readonly Right[]): Uint8Array {
  const value = rights.map(right => new asn1js.Utf8String({ value: formatRight(right) }));
  return new Uint8Array(new asn1js.Sequence({ value }).toBER());
}

/** The rights of the value of our own extension; undefined where one entry is not right: then none of them counts. */
export function decodeRights(der: Uint8Array): readonly Right[] | undefined {
  const { result, offset } = asn1js.fromBER(der);
  if (offset !== der.length || !(result instanceof asn1js.Sequence)) return undefined;
  return every(result.valueBlock.value, entry =>
    entry instanceof asn1js.Utf8String ? parseRight(entry.getValue()) : undefined,
  );
}

/** One DER value of subjectAltName; the rights of every otherName of sKnock's whose value is right. */
export function decodeAlternativeNames(der: Uint8Array): readonly Right[] {
  const { result, offset } = asn1js.fromBER(der);
  if (offset !== der.length || !(result instanceof asn1js.Sequence)) return [];
  return result.valueBlock.value.flatMap(name => otherNameRights(name) ?? []);
}

/** RFC 5280 section 4.2.1.6: otherName [0] { type-id, [0] EXPLICIT value }. */
function otherNameRights(name: asn1js.AsnType): readonly Right[] | undefined {
  if (!isTagged(name, 0) || name.valueBlock.value.length !== 2) return undefined;
  const [id, value] = name.valueBlock.value;
  if (!(id instanceof asn1js.ObjectIdentifier) || id.getValue() !== otherNameId) return undefined;
  if (value === undefined || !isTagged(value, 0) || value.valueBlock.value.length !== 1) return undefined;
  const [text] = value.valueBlock.value;
  return text instanceof asn1js.Utf8String ? parseOtherName(text.getValue()) : undefined;
}

function isTagged(value: asn1js.AsnType, tag: number): value is asn1js.Constructed {
  const { tagClass, tagNumber } = value.idBlock;
  return value instanceof asn1js.Constructed && tagClass === 3 && tagNumber === tag;
}

/** Whether rights permit to ask for a service. @param door the one that it belongs to, if any */
export function permits(
  rights: readonly Right[],
  { protocol, port }: AskedService,
  door: DatagramDoor | undefined,
): boolean {
  return rights.some(right =>
    right.kind === 'door'
      ? right.door === door?.name
      : right.protocol === protocol && right.first <= port && port <= right.last,
  );
}

function every<In, Out>(values: readonly In[], read: (value: In) => Out | undefined): Out[] | undefined {
  const all: Out[] = [];
  for (const value of values) {
    const one = read(value);
    if (one === undefined) return undefined;
    all.push(one);
  }
  return all;
}
