/**
 * What the listener can say to the monitor: frames of 136 bytes, and nothing else (DESIGN.md section 4).
 *
 * The monitor reads nothing of a stranger's but these: every field has one place, one length and one set of values.
 */
import { addressLength } from '../net/address.js';
import { tcp, udp } from '../net/packet.js';
import type { Service } from './config.js';
import { namePattern } from './schema.js';

export const frameLength = 136;

/** The kinds of frames; a frame holds the place of its kind in this list. */
const kinds = [
  'ready',
  'alive',
  'open',
  'refused',
  'stage',
  'summary',
  'gather',
  'counter',
  'counted',
  'ended',
  'prepare',
  'admitted',
  'datagram',
  'datagram-refused',
  'challenge-refused',
  'trouble',
] as const;
export type FrameKind = (typeof kinds)[number];

/** What the listener may have to report of itself; the place in the list is the code in a frame. */
export const troubles = [
  'verifier-hung',
  'verifier-died',
  'bad-lists',
  'damaged-datagrams',
  'signatory-hung',
  'signatory-died',
  'unsent-challenge',
] as const;
export type Trouble = (typeof troubles)[number];

export interface Frame {
  readonly kind: FrameKind;
  /** 0 to 255: which reason, which counter, which stage. */
  readonly code: number;
  /** 48 bits with sign: how far a clock is behind, in milliseconds; the stage that was reached; a service. */
  readonly detail: number;
  /** Milliseconds since 1970, or a count. */
  readonly value: number;
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** Names, or empty. */
  readonly door: string;
  readonly client: string;
  /** A certificate's serial number, or 20 bytes of a key's fingerprint, in hexadecimal; or empty. */
  readonly serial: string;
}

const nameLength = 32;
const sourceAt = 16;
const doorAt = 32;
const clientAt = 64;
const serialAt = 96;
/** RFC 5280 section 4.1.2.2: at most 20 bytes. */
const serialLength = 40;
const serialPattern = /^(?:[0-9a-f]{2}){0,20}$/;
const farthest = 2 ** 47 - 1;
const nobody = new Uint8Array(addressLength);

/** @param frame where to put it, 136 bytes; a new one each time unless given */
export function encodeFrame(
  kind: FrameKind,
  fields: Partial<Omit<Frame, 'kind'>> = {},
  frame: Buffer = Buffer.allocUnsafe(frameLength),
): Buffer {
  const { code = 0, detail = 0, value = 0, source = nobody, door = '', client = '', serial = '' } = fields;
  frame.fill(0);
  frame.writeUInt8(kinds.indexOf(kind), 0);
  frame.writeUInt8(code, 1);
  frame.writeIntBE(Math.trunc(Math.max(-farthest, Math.min(farthest, detail))), 2, 6);
  frame.writeUInt32BE(Math.floor(value / 2 ** 32), 8);
  frame.writeUInt32BE((value % 2 ** 32) >>> 0, 12);
  frame.set(source, sourceAt);
  frame.write(door, doorAt, nameLength, 'latin1');
  frame.write(client, clientAt, nameLength, 'latin1');
  frame.write(serial, serialAt, serialLength, 'latin1');
  return frame;
}

/** The frame in 136 bytes, or undefined where a field holds what the listener never puts there. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length !== frameLength) return undefined;
  const kind = kinds[bytes.readUInt8(0)];
  const value = bytes.readUInt32BE(8) * 2 ** 32 + bytes.readUInt32BE(12);
  const door = readName(bytes, doorAt);
  const client = readName(bytes, clientAt);
  const serial = readText(bytes, serialAt, serialLength, serialPattern);
  if (kind === undefined || value > Number.MAX_SAFE_INTEGER) return undefined;
  if (door === undefined || client === undefined || serial === undefined) return undefined;
  const source = Uint8Array.from(bytes.subarray(sourceAt, sourceAt + addressLength));
  return {
    kind,
    code: bytes.readUInt8(1),
    detail: bytes.readIntBE(2, 6),
    value,
    source,
    door,
    client,
    serial,
  };
}

function readName(bytes: Buffer, at: number): string | undefined {
  return readText(bytes, at, nameLength, namePattern);
}

/** Undefined where the padding is not zero, or what stands there is neither empty nor of this form. */
function readText(bytes: Buffer, at: number, length: number, pattern: RegExp): string | undefined {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  for (let padding = end; padding < at + length; padding++) if (bytes[padding] !== 0) return undefined;
  const text = bytes.toString('latin1', at, end);
  return text === '' || pattern.test(text) ? text : undefined;
}

/** A service as the detail of a frame. */
export function packService({ protocol, port }: Service): number {
  return protocol * 65536 + port;
}

/** The service in a detail, or undefined where none stands there. */
export function unpackService(detail: number): Service | undefined {
  const [protocol, port] = [Math.floor(detail / 65536), detail % 65536];
  return (protocol === tcp || protocol === udp) && port > 0 ? { protocol, port } : undefined;
}

const none = Buffer.alloc(0);

/** Cuts a stream into frames. */
export class FrameReader {
  #rest = none;

  /** Calls `frame` for each whole one, with undefined for one that is not sound. */
  push(chunk: Buffer, frame: (frame: Frame | undefined) => void): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (; bytes.length >= frameLength; bytes = bytes.subarray(frameLength)) {
      frame(decodeFrame(bytes.subarray(0, frameLength)));
    }
    this.#rest = bytes.length === 0 ? none : Buffer.from(bytes);
  }
}
