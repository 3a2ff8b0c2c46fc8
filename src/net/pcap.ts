/**
 * The classic capture file of libpcap: bytes → frames (draft-ietf-opsawg-pcap). Not its successor: net/pcapng.ts.
 */
import { u32 } from './integer.js';
import type { Damage, Frame } from './link.js';

const fileHeaderLength = 24;
const recordHeaderLength = 16;

const microseconds = 0xa1b2c3d4;
const nanoseconds = 0xa1b23c4d;

interface Variant {
  readonly littleEndian: boolean;
  /** How many units of a time's second half make a millisecond. */
  readonly unitsPerMs: number;
}

/** Whether a file begins as one of these. */
export function isPcap(file: Buffer): boolean {
  return variantOf(file) !== undefined;
}

function variantOf(file: Buffer): Variant | undefined {
  if (file.length < 4) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = u32(file, 0, littleEndian);
    if (magic === microseconds) return { littleEndian, unitsPerMs: 1000 };
    if (magic === nanoseconds) return { littleEndian, unitsPerMs: 1_000_000 };
  }
  return undefined;
}

/** Calls `each` for every frame. @returns what ended it early, or undefined at the end of the file. Never throws */
export function readPcap(file: Buffer, each: (frame: Frame) => void): Damage | undefined {
  const variant = variantOf(file);
  if (variant === undefined) return { offset: 0, reason: 'not a pcap file' };
  if (file.length < fileHeaderLength) return { offset: 0, reason: 'file header cut short' };
  const { littleEndian, unitsPerMs } = variant;
  // The upper half may tell of frame check sequences.
  const linkType = u32(file, 20, littleEndian) & 0xffff;
  for (let at = fileHeaderLength; at < file.length; ) {
    if (at + recordHeaderLength > file.length) return { offset: at, reason: 'record header cut short' };
    const start = at + recordHeaderLength;
    const length = u32(file, at + 8, littleEndian);
    if (start + length > file.length) return { offset: at, reason: `record of ${length} bytes cut short` };
    const atMs =
      u32(file, at, littleEndian) * 1000 + Math.floor(u32(file, at + 4, littleEndian) / unitsPerMs);
    each({ bytes: file.subarray(start, start + length), linkType, atMs, littleEndian });
    at = start + length;
  }
  return undefined;
}
