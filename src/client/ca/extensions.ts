/** Extensions of certificates and lists as the authority writes them (RFC 5280 section 4.2; sKnock's otherName; our own). */
import { createHash } from 'node:crypto';
import * as asn1js from 'asn1js';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  type Certificate,
  Extension,
  ExtKeyUsage,
  PublicKeyInfo,
} from 'pkijs';
import {
  encodeRights,
  formatOtherName,
  otherNameId,
  type Right,
  rightsId,
} from '../../methods/datagram/rights.js';

/** Bits of a key usage, the first of which is the highest. */
const usages = {
  /** digitalSignature, keyAgreement: as sKnock's certificates for clients. */
  client: { bits: 0x88, unusedBits: 3 },
  /** keyAgreement. */
  server: { bits: 0x08, unusedBits: 3 },
  /** keyCertSign, cRLSign. */
  authority: { bits: 0x06, unusedBits: 1 },
} as const;

const purposes = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const;

/** What a certificate is for. */
export type Kind = keyof typeof usages;

/** The extended key usage of a kind, if it has one. */
export function purposeOf(kind: Kind): string | undefined {
  return kind === 'authority' ? undefined : purposes[kind];
}

export function basicConstraints(kind: Kind): Extension {
  return extension('2.5.29.19', new BasicConstraints({ cA: kind === 'authority' }).toSchema(), true);
}

export function keyUsage(kind: Kind): Extension {
  const { bits, unusedBits } = usages[kind];
  const valueHex = Uint8Array.of(bits).buffer;
  return extension('2.5.29.15', new asn1js.BitString({ valueHex, unusedBits }), true);
}

export function extendedKeyUsage(purpose: string): Extension {
  return extension('2.5.29.37', new ExtKeyUsage({ keyPurposes: [purpose] }).toSchema());
}

/** @param spki SubjectPublicKeyInfo, DER */
export function subjectKeyIdentifier(spki: Uint8Array): Extension {
  return extension('2.5.29.14', keyIdentifier(spki));
}

/** @param identifier of the authority's key */
export function authorityKeyIdentifier(identifier: asn1js.OctetString): Extension {
  const value = new AuthorityKeyIdentifier({ keyIdentifier: identifier });
  return extension('2.5.29.35', value.toSchema());
}

/**
 * What an authority's certificate calls its key: other programs have other ways to make this name, and RFC 5280 section
 * 4.2.1.1 has the two agree. @param spki for one that does not say
 */
export function keyIdentifierOf(certificate: Certificate, spki: Uint8Array): asn1js.OctetString {
  const own = certificate.extensions?.find(({ extnID }) => extnID === '2.5.29.14');
  const value = own && asn1js.fromBER(own.extnValue.valueBlock.valueHexView).result;
  if (!(value instanceof asn1js.OctetString)) return keyIdentifier(spki);
  return new asn1js.OctetString({ valueHex: copyOf(value.valueBlock.valueHexView) });
}

/** RFC 5280 section 4.2.1.2, method 1. */
export function keyIdentifier(spki: Uint8Array): asn1js.OctetString {
  const { subjectPublicKey } = PublicKeyInfo.fromBER(copyOf(spki));
  const digest = createHash('sha1').update(subjectPublicKey.valueBlock.valueHexView).digest();
  return new asn1js.OctetString({ valueHex: copyOf(digest) });
}

/** Single ports as sKnock's servers read them; the rest in our own extension, which they pass over. */
export function rightsExtensions(rights: readonly Right[]): Extension[] {
  const text = formatOtherName(rights);
  const others = rights.filter(right => right.kind === 'door' || right.first !== right.last);
  return [
    ...(text === undefined ? [] : [extension('2.5.29.17', otherName(text))]),
    ...(others.length === 0 ? [] : [rawExtension(rightsId, encodeRights(others))]),
  ];
}

/** GeneralNames of one otherName [0] { type-id, [0] EXPLICIT UTF8String }. */
function otherName(text: string): asn1js.Sequence {
  const tagged = (value: asn1js.AsnType[]) =>
    new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value });
  const id = new asn1js.ObjectIdentifier({ value: otherNameId });
  return new asn1js.Sequence({ value: [tagged([id, tagged([new asn1js.Utf8String({ value: text })])])] });
}

/** A comment of Netscape's, which programs show and nothing else comes of. */
export function comment(text: string): Extension {
  return extension('2.16.840.1.113730.1.13', new asn1js.IA5String({ value: text }));
}

export function listNumber(number: number): Extension {
  return extension('2.5.29.20', new asn1js.Integer({ value: number }));
}

function extension(extnID: string, value: asn1js.BaseBlock, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: value.toBER(false) });
}

function rawExtension(extnID: string, value: Uint8Array): Extension {
  return new Extension({ extnID, critical: false, extnValue: copyOf(value) });
}

/** Bytes as a buffer of their own, which the libraries want. */
export function copyOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
