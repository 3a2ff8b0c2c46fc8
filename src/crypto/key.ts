/** The text of key files: 32 random bytes as one line of 64 hexadecimal digits (PROTOCOL.md section 1.4). */

export const keyLength = 32;

/** The 32 bytes that a key file's text stands for, or undefined where it is not exactly one such line. */
export function decodeKey(text: string): Uint8Array | undefined {
  const match = /^([0-9a-fA-F]{64})\r?\n?$/.exec(text);
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], 'hex');
}

/** The text of a key file for 32 bytes. */
export function encodeKey(key: Uint8Array): string {
  if (key.length !== keyLength) throw new RangeError(`"key" expected ${keyLength} bytes, got ${key.length}`);
  return `${Buffer.from(key).toString('hex')}\n`;
}
