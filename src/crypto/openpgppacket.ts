/** The outer form of OpenPGP's packets (RFC 9580 section 4.2), without anything of what is in them. */

const signatureTag = 2;

/** Whether all of it is one packet with a signature in it (RFC 9580 section 4.2). */
export function isOneSignaturePacket(bytes: Uint8Array): boolean {
  const [head = 0, first = 0] = bytes;
  const isNew = (head & 0xc0) === 0xc0;
  const tag = isNew ? head & 0x3f : (head & 0x3c) >> 2;
  if ((head & 0x80) === 0 || tag !== signatureTag) return false;
  if (!isNew) {
    const size = [1, 2, 4][head & 3];
    return size !== undefined && 1 + size + numberAt(bytes, 1, size) === bytes.length;
  }
  if (first < 192) return 2 + first === bytes.length;
  if (first < 224) return 3 + ((first - 192) << 8) + (bytes[2] ?? 0) + 192 === bytes.length;
  return first === 255 && 6 + numberAt(bytes, 2, 4) === bytes.length;
}

function numberAt(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let next = at; next < at + size; next++) value = value * 256 + (bytes[next] ?? 0);
  return value;
}
