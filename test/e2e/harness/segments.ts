/**
 * TCP segments with the flags, addresses and numbers that a test asks for, as whole IPv4 packets through a raw socket;
 * run by itself in a client's namespace: `node segments.js JSON`.
 */
import { libc } from '../../../src/net/libc.js';

/** What is not given is the same for every segment but its source port. */
export interface Segment {
  /** Names as knockd's: `syn,ack`. */
  readonly flags: string;
  readonly port: number;
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly sequence?: number;
}

export interface AddressedSegment extends Segment {
  readonly source: string;
  readonly destination: string;
}

const inet = 2;
const raw = 3;
const rawProtocol = 255;
const tcpProtocol = 6;
const headerLength = 20;
const segmentLength = 20;
const flagNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'];

function send(segments: readonly AddressedSegment[]): void {
  const fd = libc().socket(inet, raw, rawProtocol);
  segments.forEach((segment, index) => {
    const packet = packetOf({ sourcePort: 40_000 + index, ...segment });
    const address = Buffer.alloc(16);
    address.writeUInt16LE(inet);
    packet.copy(address, 4, 16, 20);
    libc().sendto(fd, packet, packet.length, 0, address, address.length);
  });
  libc().close(fd);
}

/** RFC 791 section 3.1 and RFC 9293 section 3.1; the kernel fills in the header's checksum (raw(7)). */
function packetOf({
  flags,
  port,
  source,
  destination,
  sourcePort = 0,
  sequence = 1,
}: AddressedSegment): Buffer {
  const packet = Buffer.alloc(headerLength + segmentLength);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(tcpProtocol, 9);
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  packet.writeUInt16BE(sourcePort, 20);
  packet.writeUInt16BE(port, 22);
  packet.writeUInt32BE(sequence, 24);
  packet.writeUInt8((segmentLength / 4) << 4, 32);
  packet.writeUInt8(bitsOf(flags), 33);
  packet.writeUInt16BE(64_240, 34);
  packet.writeUInt16BE(checksumOf(packet), 36);
  return packet;
}

function bitsOf(flags: string): number {
  return flags.split(',').reduce((bits, flag) => bits | (1 << flagNames.indexOf(flag)), 0);
}

/** RFC 1071, over the pseudo header and the segment. */
function checksumOf(packet: Buffer): number {
  let sum = tcpProtocol + segmentLength;
  for (let at = 12; at < packet.length; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const [, script = '', request] = process.argv;
if (script.endsWith('segments.js') && request !== undefined) send(JSON.parse(request));
