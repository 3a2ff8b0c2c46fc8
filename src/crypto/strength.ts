/**
 * What of a certificate Node does not tell, read from its DER: extensions that have to be understood, and how it is signed.
 *
 * For certificates that have been parsed before, so of bytes that are laid out as one.
 */
import { booleanTag, type Element, elementAt, elementsOf, sequenceTag } from './der.js';

const extensionsTag = 0xa3;
const mostExtensions = 64;

/**
 * What is looked at in an authority's certificate: key usage, alternative names, basic constraints, name constraints, policies
 * and how they map and are constrained, extended key usage; 2.5.29 and this.
 */
const understood = new Set(['0f', '11', '13', '1e', '20', '21', '24', '25'].map(arc => `551d${arc}`));

/**
 * The first extension of an authority's certificate that is critical and not understood, dotted; who has one is not to be
 * used (RFC 5280 section 4.2). Undefined where there is none.
 */
export function strangeExtension(der: Uint8Array): string | undefined {
  const [signed] = partsOf(der, elementAt(der, 0, der.length), 3);
  const outer = partsOf(der, signed, 10).find(({ tag }) => tag === extensionsTag);
  const [list] = partsOf(der, outer, 1);
  for (const extension of partsOf(der, list, mostExtensions)) {
    const [id, critical] = partsOf(der, extension, 3);
    if (id === undefined || critical?.tag !== booleanTag || der[critical.start] === 0) continue;
    if (!understood.has(hexOf(der, id))) return dotted(der.subarray(id.start, id.end));
  }
  return undefined;
}

/** With MD5 or SHA-1: by RSA, by ECDSA, by DSA, by RSA once more. */
const weak = new Set([
  '2a864886f70d010104',
  '2a864886f70d010105',
  '2a8648ce3d0401',
  '2a8648ce380403',
  '2b0e03021d',
]);
/** RSASSA-PSS, with SHA-1 unless it says otherwise (RFC 4055 section 3.1); and the names of SHA-256, SHA-384 and SHA-512. */
const pss = '2a864886f70d01010a';
const strongDigest = /6086480165030402(?:01|02|03)/;

/** Whether somebody who has one certificate of an authority could have made another with the same signature. */
export function isWeaklySigned(der: Uint8Array): boolean {
  const [, algorithm] = partsOf(der, elementAt(der, 0, der.length), 3);
  const [id] = partsOf(der, algorithm, 2);
  if (algorithm === undefined || id === undefined) return true;
  const name = hexOf(der, id);
  return weak.has(name) || (name === pss && !strongDigest.test(hexOf(der, algorithm)));
}

/** The elements inside of one, none where it is not made of so many at most. */
function partsOf(der: Uint8Array, element: Element | undefined, most: number): Element[] {
  const isMade = element?.tag === sequenceTag || element?.tag === extensionsTag;
  return (isMade && elementsOf(der, element, most)) || [];
}

function hexOf(der: Uint8Array, { start, end }: Element): string {
  return Buffer.from(der.subarray(start, end)).toString('hex');
}

/** X.690 section 8.19: seven bits a byte, the highest bit in all but the last; the first number is of two arcs. */
function dotted(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [both = 0n, ...rest] = arcs;
  const first = both < 80n ? both / 40n : 2n;
  return [first, both - first * 40n, ...rest].join('.');
}
