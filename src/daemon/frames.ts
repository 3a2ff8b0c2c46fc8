/**
 * What the listener can say to the monitor: frames of 96 bytes, and nothing else (DESIGN.md section 4).
 *
 * The monitor reads nothing of a stranger's but these: every field has one place, one length and one set of values.
 */
import { addressLength } from '../net/address.js';
import { namePattern } from './schema.js';

export const frameLength = 96;

/** The kinds of frames; a frame holds the place of its kind in this list. */
const kinds = ['ready', 'alive', 'open', 'refused', 'noise', 'busy', 'counter', 'counted', 'ended'] as const;
export type FrameKind = (typeof kinds)[number];

export interface Frame {
  readonly kind: FrameKind;
  /** 0 to 255: which reason, which counter, busy or not. */
  readonly code: number;
  /** 48 bits with sign: how far a clock is behind, in milliseconds. */
  readonly detail: number;
  /** Milliseconds since 1970, or a count. */
  readonly value: number;
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** Names, or empty. */
  readonly door: string;
  readonly client: string;
}

const nameLength = 32;
const sourceAt = 16;
const doorAt = 32;
const clientAt = 64;
const farthest = 2 ** 47 - 1;
const nobody = new Uint8Array(addressLength);

export function encodeFrame(kind: FrameKind, fields: Partial<Omit<Frame, 'kind'>> = {}): Buffer {
  const { code = 0, detail = 0, value = 0, source = nobody, door = '', client = '' } = fields;
  const frame = Buffer.alloc(frameLength);
  frame.writeUInt8(kinds.indexOf(kind), 0);
  frame.writeUInt8(code, 1);
  frame.writeIntBE(Math.trunc(Math.max(-farthest, Math.min(farthest, detail))), 2, 6);
  frame.writeBigUInt64BE(BigInt(Math.trunc(value)), 8);
  frame.set(source, sourceAt);
  frame.write(door, doorAt, nameLength, 'latin1');
  frame.write(client, clientAt, nameLength, 'latin1');
  return frame;
}

/** The frame in 96 bytes, or undefined where a field holds what the listener never puts there. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length !== frameLength) return undefined;
  const kind = kinds[bytes.readUInt8(0)];
  const value = bytes.readBigUInt64BE(8);
  const door = readName(bytes, doorAt);
  const client = readName(bytes, clientAt);
  if (kind === undefined || value > Number.MAX_SAFE_INTEGER || door === undefined || client === undefined) {
    return undefined;
  }
  const source = Uint8Array.from(bytes.subarray(sourceAt, sourceAt + addressLength));
  return {
    kind,
    code: bytes.readUInt8(1),
    detail: bytes.readIntBE(2, 6),
    value: Number(value),
    source,
    door,
    client,
  };
}

function readName(bytes: Buffer, at: number): string | undefined {
  const name = bytes.toString('latin1', at, at + nameLength).replace(/\0+$/, '');
  return name === '' || namePattern.test(name) ? name : undefined;
}

/** Cuts a stream into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Calls `frame` for each whole one, with undefined for one that is not sound. */
  push(chunk: Buffer, frame: (frame: Frame | undefined) => void): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (; bytes.length >= frameLength; bytes = bytes.subarray(frameLength)) {
      frame(decodeFrame(bytes.subarray(0, frameLength)));
    }
    this.#rest = Buffer.from(bytes);
  }
}
