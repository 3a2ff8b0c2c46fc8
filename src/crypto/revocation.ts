/**
 * Lists of revoked certificates (RFC 5280 section 5): whose they are, whether that authority has signed them, and what they say.
 *
 * A list may name many thousands, so its entries are walked, and the library reads the rest. Whether a list is in date is for
 * whoever uses it to say: what it has revoked stays revoked.
 */
import {
  BasicConstraints,
  Certificate,
  CertificateRevocationList,
  type Extension,
  IssuingDistributionPoint,
} from 'pkijs';
import { authorityName, serialText } from './certificate.js';
import {
  booleanTag,
  type Element,
  elementAt,
  elementsOf,
  generalizedTimeTag,
  integerTag,
  sequenceTag,
  utcTimeTag,
  wrap,
} from './der.js';

/** What a list says, its signature checked. */
export interface IssuedList {
  /** Which authority, as `authorityName` says it. */
  readonly authority: string;
  /** Serial numbers, as `serialText` has them. */
  readonly serials: readonly string[];
  /** Milliseconds since 1970: when it was issued, and until when it is in date; undefined: it does not say. */
  readonly from: number;
  readonly until: number | undefined;
  /** Its number among its authority's lists, decimal; lists of the same second are told apart by it. */
  readonly number: string | undefined;
}

/** Why a list is not used. */
export type ListFlaw =
  | 'malformed'
  /** None of the authorities has issued it. */
  | 'other-authority'
  /** Its authority may not sign lists. */
  | 'wrong-usage'
  | 'bad-signature'
  /** It is about changes, about some certificates only, or about those of others, or says what is not known here. */
  | 'unsupported'
  /** It was issued in the future. */
  | 'future';

/** Who may have issued a list. */
export interface ListIssuer {
  readonly name: string;
  readonly certificate: Certificate;
}

const listNumberId = '2.5.29.20';
const distributionPointId = '2.5.29.28';
const deltaId = '2.5.29.27';
const keyUsageId = '2.5.29.15';
const basicConstraintsId = '2.5.29.19';
/** Number, key of the authority, other names of the authority, where changes are found. */
const understood = new Set([listNumberId, distributionPointId, '2.5.29.35', '2.5.29.18', '2.5.29.46']);
const listSign = 0x02;
const bitStringTag = 0x03;
const octetStringTag = 0x04;

/** Clocks of authorities and ours may differ by so much. */
const aheadMs = 300_000;
const mostEntries = 2_000_000;
/** Of an INTEGER's content; RFC 5280 section 4.1.2.2 allows 20. */
const longestSerial = 64;

/** The lists in a file: several in PEM, or one in DER. */
export function splitLists(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === sequenceTag) return [bytes];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const blocks = text.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g);
  return Array.from(blocks, ([, base64 = '']) => Buffer.from(base64, 'base64'));
}

/** @param der the certificate of an authority @throws Error where it is none */
export function listIssuer(der: Uint8Array): ListIssuer {
  return { name: authorityName(der), certificate: Certificate.fromBER(der) };
}

/** Reads one list, whatever the bytes are. @param now milliseconds since 1970 */
export async function readList(
  der: Uint8Array,
  issuers: readonly ListIssuer[],
  now: number,
): Promise<IssuedList | ListFlaw> {
  const parts = takeApart(der);
  if (typeof parts === 'string') return parts;
  const { list, serials } = parts;
  const namesakes = issuers.filter(({ certificate }) => certificate.subject.isEqual(list.issuer));
  if (namesakes.length === 0) return 'other-authority';
  const signers = namesakes.filter(({ certificate }) => maySignLists(certificate));
  if (signers.length === 0) return 'wrong-usage';
  const issuer = await signerOf(list, signers);
  if (issuer === undefined) return 'bad-signature';
  if (!isWhole(list.crlExtensions?.extensions ?? [])) return 'unsupported';
  const [from, until] = [list.thisUpdate.value.getTime(), list.nextUpdate?.value.getTime()];
  if (!isTime(from) || (until !== undefined && !isTime(until))) return 'malformed';
  if (from > now + aheadMs) return 'future';
  const number = numberOf(list);
  return { authority: issuer.name, serials, from, until, number };
}

function isTime(ms: number): boolean {
  return Number.isFinite(ms);
}

async function signerOf(
  list: CertificateRevocationList,
  signers: readonly ListIssuer[],
): Promise<ListIssuer | undefined> {
  for (const signer of signers) {
    try {
      // Its extensions are looked at afterwards: the library would call what it does not know a wrong signature.
      const { crlExtensions } = list;
      delete list.crlExtensions;
      const isSigned = await list.verify({ issuerCertificate: signer.certificate });
      if (crlExtensions !== undefined) list.crlExtensions = crlExtensions;
      if (isSigned) return signer;
    } catch {
      // A key or a signature of a kind that is not known.
    }
  }
  return undefined;
}

interface Parts {
  /** All but its entries; its signature is over the whole. */
  readonly list: CertificateRevocationList;
  readonly serials: string[];
}

function takeApart(der: Uint8Array): Parts | ListFlaw {
  const whole = elementAt(der, 0, der.length);
  const isOne = whole?.tag === sequenceTag && whole.end === der.length;
  const outer = isOne ? elementsOf(der, whole, 3) : undefined;
  if (outer === undefined || outer.length !== 3 || outer[0]!.tag !== sequenceTag) return 'malformed';
  const [signed, algorithm, signature] = outer as [Element, Element, Element];
  if (signature.tag !== bitStringTag || der[signature.start] !== 0) return 'malformed';
  const fields = elementsOf(der, signed, 7);
  if (fields === undefined) return 'malformed';
  // RFC 5280 section 5.1.1.2: what it is signed with stands inside of what is signed too.
  const inner = fields.find(({ tag }) => tag === sequenceTag);
  if (inner === undefined || !isSame(der, inner, algorithm)) return 'malformed';
  const entries = fields.find((field, index) => isEntries(fields, field, index));
  const serials = entries === undefined ? [] : readEntries(der, entries);
  if (typeof serials === 'string') return serials;
  const rest = fields.filter(field => field !== entries).map(({ begin, end }) => der.subarray(begin, end));
  const more = outer.slice(1).map(({ begin, end }) => der.subarray(begin, end));
  try {
    const list = CertificateRevocationList.fromBER(wrap(sequenceTag, wrap(sequenceTag, ...rest), ...more));
    const { begin, end } = signed;
    list.tbsView = new Uint8Array(der.subarray(begin, end));
    return { list, serials };
  } catch {
    return 'malformed';
  }
}

function isSame(bytes: Uint8Array, one: Element, other: Element): boolean {
  return Buffer.compare(bytes.subarray(one.begin, one.end), bytes.subarray(other.begin, other.end)) === 0;
}

/** They come after the times, of which the second may be missing. */
function isEntries(fields: readonly Element[], { tag }: Element, index: number): boolean {
  const before = fields[index - 1]?.tag;
  return tag === sequenceTag && (before === utcTimeTag || before === generalizedTimeTag);
}

function readEntries(der: Uint8Array, list: Element): string[] | ListFlaw {
  const serials: string[] = [];
  for (let at = list.start; at < list.end; ) {
    const entry = elementAt(der, at, list.end);
    const serial = entry && elementAt(der, entry.start, entry.end);
    const date = serial && elementAt(der, serial.end, entry.end);
    if (entry?.tag !== sequenceTag || serial?.tag !== integerTag || date === undefined) return 'malformed';
    const length = serial.end - serial.start;
    if (length < 1 || length > longestSerial || serials.length === mostEntries) return 'malformed';
    serials.push(serialText(der.subarray(serial.start, serial.end)));
    // The date is not looked at, but that there is one.
    if (date.tag !== utcTimeTag && date.tag !== generalizedTimeTag) return 'malformed';
    if (date.end < entry.end && hasCritical(der, date.end, entry.end)) return 'unsupported';
    at = entry.end;
  }
  return serials;
}

/** What an entry says that must be understood: that the certificate is another authority's, or something new. */
function hasCritical(der: Uint8Array, begin: number, end: number): boolean {
  const list = elementAt(der, begin, end);
  const extensions = list && elementsOf(der, list, 16);
  if (list?.tag !== sequenceTag || list.end !== end || extensions === undefined) return true;
  return extensions.some(extension => {
    const [, second, third] = elementsOf(der, extension, 3) ?? [];
    if (second?.tag === octetStringTag) return false;
    return second?.tag !== booleanTag || third === undefined || der[second.start] !== 0;
  });
}

/** Whether it names all revoked certificates of its authority, and nothing in it is unknown that must be understood. */
function isWhole(extensions: readonly Extension[]): boolean {
  return extensions.every(extension => {
    const { extnID, critical, parsedValue } = extension;
    if (extnID === deltaId) return false;
    if (extnID !== distributionPointId) return !critical || understood.has(extnID);
    if (!(parsedValue instanceof IssuingDistributionPoint) || 'parsingError' in parsedValue) return false;
    const { indirectCRL, onlyContainsUserCerts, onlyContainsCACerts, onlyContainsAttributeCerts } =
      parsedValue;
    const isPartial = onlyContainsUserCerts || onlyContainsCACerts || onlyContainsAttributeCerts;
    return !isPartial && !indirectCRL && parsedValue.onlySomeReasons === undefined;
  });
}

function maySignLists({ extensions = [] }: Certificate): boolean {
  const constraints = extensions.find(({ extnID }) => extnID === basicConstraintsId)?.parsedValue;
  if (!(constraints instanceof BasicConstraints) || !constraints.cA) return false;
  const usage = extensions.find(({ extnID }) => extnID === keyUsageId);
  if (usage === undefined) return true;
  // BIT STRING: its tag, its length, how many bits are unused, the bits.
  const value = usage.extnValue.valueBlock.valueHexView;
  return value[0] === bitStringTag && ((value[3] ?? 0) & listSign) !== 0;
}

function numberOf({ crlExtensions }: CertificateRevocationList): string | undefined {
  const found = crlExtensions?.extensions.find(({ extnID }) => extnID === listNumberId);
  const value = found?.extnValue.valueBlock.valueHexView;
  const element = value && elementAt(value, 0, value.length);
  if (value === undefined || element?.tag !== integerTag || element.end - element.start > longestSerial)
    return undefined;
  return BigInt(`0x${serialText(value.subarray(element.start, element.end))}`).toString();
}

/** Whether a list is older than another of the same authority. */
export function isOlder(list: IssuedList, than: IssuedList): boolean {
  if (list.from !== than.from) return list.from < than.from;
  return BigInt(list.number ?? 0) < BigInt(than.number ?? 0);
}
