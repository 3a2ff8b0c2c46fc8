/** The outer form of DER (X.690 section 10.1), walked without making anything of it: for what is too long to be taken apart. */

export const integerTag = 0x02;
export const booleanTag = 0x01;
export const bitStringTag = 0x03;
export const sequenceTag = 0x30;
export const utcTimeTag = 0x17;
export const generalizedTimeTag = 0x18;

/** One element: where its content begins and ends, and itself. */
export interface Element {
  readonly tag: number;
  readonly begin: number;
  readonly start: number;
  readonly end: number;
}

/** Bytes of a length that are read at most: 2^32 is longer than anything that is read. */
const mostLengthBytes = 4;

/** The element that begins at a place and ends before `limit`; undefined where there is none. */
export function elementAt(bytes: Uint8Array, begin: number, limit: number): Element | undefined {
  const [tag, first] = [bytes[begin], bytes[begin + 1]];
  if (tag === undefined || first === undefined || begin + 2 > limit) return undefined;
  const count = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || count > mostLengthBytes) return undefined;
  let length = count === 0 ? first : 0;
  for (let at = begin + 2; at < begin + 2 + count; at++) length = length * 256 + (bytes[at] ?? 0);
  const start = begin + 2 + count;
  return start + length <= limit ? { tag, begin, start, end: start + length } : undefined;
}

/** Whether its length is written with as few octets as it takes. */
export function isShortest({ begin, start, end }: Element): boolean {
  return start - begin === headOf(0, end - start).length;
}

/** The elements that a content is made of; undefined where it is not made of whole ones. */
export function elementsOf(bytes: Uint8Array, { start, end }: Element, most: number): Element[] | undefined {
  const found: Element[] = [];
  for (let at = start; at < end; ) {
    const element = elementAt(bytes, at, end);
    if (element === undefined || found.length === most) return undefined;
    found.push(element);
    at = element.end;
  }
  return found;
}

/** An element with this content. */
export function wrap(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(headOf(tag, content.length)), content]);
}

/** Tag and length, as short as they can be. */
function headOf(tag: number, contentLength: number): number[] {
  if (contentLength < 0x80) return [tag, contentLength];
  const length = [];
  for (let rest = contentLength; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  return [tag, 0x80 + length.length, ...length];
}
