/** Capture files made byte by byte, for tests: the parts of pcap and pcapng in either byte order, and their reading. */
import { type CaptureSummary, readCaptureFile } from '../../src/net/capturefile.js';

export type Order = 'little' | 'big';

function u16(order: Order, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  if (order === 'little') bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
}

function u32(order: Order, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (order === 'little') bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
}

/** A pcap file of records. */
export function pcap(
  order: Order,
  linkType: number,
  records: readonly Buffer[],
  unit: 'microseconds' | 'nanoseconds' = 'microseconds',
): Buffer {
  const magic = unit === 'microseconds' ? 0xa1b2c3d4 : 0xa1b23c4d;
  return Buffer.concat([
    u32(order, magic),
    u16(order, 2),
    u16(order, 4),
    ...[0, 0, 262_144, linkType].map(value => u32(order, value)),
    ...records,
  ]);
}

/** A record of a pcap file; the fraction is in the file's unit. */
export function record(order: Order, seconds: number, fraction: number, frame: Buffer): Buffer {
  const header = [seconds, fraction, frame.length, frame.length + 5].map(value => u32(order, value));
  return Buffer.concat([...header, frame]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function block(order: Order, type: number, ...body: readonly Buffer[]): Buffer {
  const bytes = padded(Buffer.concat(body));
  const length = u32(order, bytes.length + 12);
  return Buffer.concat([u32(order, type), length, bytes, length]);
}

/** A section header of version 1.0 and unknown length. */
export function section(order: Order): Buffer {
  const version = [u32(order, 0x1a2b3c4d), u16(order, 1), u16(order, 0)];
  return block(order, 0x0a0d0d0a, ...version, Buffer.alloc(8, 0xff));
}

/** An interface without a limit to its packets' lengths. */
export function interfaceBlock(order: Order, linkType: number, ...options: readonly Buffer[]): Buffer {
  return block(order, 1, u16(order, linkType), u16(order, 0), u32(order, 0), ...options);
}

/** An option of a block. */
export function option(order: Order, code: number, value: readonly number[]): Buffer {
  return padded(Buffer.concat([u16(order, code), u16(order, value.length), Buffer.from(value)]));
}

function packetBody(order: Order, ticks: bigint, frame: Buffer, original: number): Buffer {
  const halves = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)];
  const header = [...halves, frame.length, original].map(value => u32(order, value));
  return Buffer.concat([...header, padded(frame)]);
}

/** An enhanced packet block, with a comment behind it. */
export function enhanced(
  order: Order,
  index: number,
  ticks: bigint,
  frame: Buffer,
  original = frame.length,
): Buffer {
  const comment = option(order, 1, [...Buffer.from('knock')]);
  return block(order, 6, u32(order, index), packetBody(order, ticks, frame, original), comment);
}

/** The packet block that enhanced ones replaced, with a count of drops. */
export function obsolete(order: Order, index: number, ticks: bigint, frame: Buffer): Buffer {
  return block(order, 2, u16(order, index), u16(order, 77), packetBody(order, ticks, frame, frame.length));
}

/** A simple packet block. */
export function simple(order: Order, frame: Buffer): Buffer {
  return block(order, 3, u32(order, frame.length), frame);
}

/** A block of any type with a body of zeros. */
export function unknownBlock(order: Order, type: number, length: number): Buffer {
  return block(order, type, Buffer.alloc(length));
}

function etherType(ip: Buffer): string {
  return ip[0]! >> 4 === 4 ? '0800' : '86dd';
}

/** An Ethernet frame; each tag is four bytes in hex. */
export function ethernet(ip: Buffer, ...tags: readonly string[]): Buffer {
  return Buffer.concat([Buffer.alloc(12, 0x22), Buffer.from(`${tags.join('')}${etherType(ip)}`, 'hex'), ip]);
}

/** A frame of Linux' cooked capture. */
export function cooked(ip: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(14, 0x33), Buffer.from(etherType(ip), 'hex'), ip]);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What is read from the middle of a larger buffer, which is overwritten afterwards: each packet's time and bytes in hex. */
export function read(file: Uint8Array): CaptureSummary & { readonly heard: readonly [number, string][] } {
  const larger = Buffer.alloc(file.length + 60, 0xd4);
  larger.set(file, 31);
  const heard: [number, string][] = [];
  const view = larger.subarray(31, 31 + file.length);
  const summary = readCaptureFile(view, (ip, atMs) => heard.push([atMs, hex(ip)]));
  larger.fill(0);
  return { heard, ...summary };
}
