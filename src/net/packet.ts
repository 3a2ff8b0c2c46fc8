/**
 * Bytes → Packet: IPv4 and IPv6 with TCP or UDP, as the kernel hands them over (PROTOCOL.md section 2).
 *
 * Decoding never throws and never reads past the end; what it cannot make out is not a packet. One `Packet` is filled
 * again and again: whoever wants to keep a field copies it.
 */
import { addressLength, isIPv4Mapped } from './address.js';

export const tcp = 6;
export const udp = 17;

/** A packet as the methods see it. The fields are overwritten by the next one. */
export interface Packet {
  /** Milliseconds since 1970. */
  at: number;
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** IP protocol number: `tcp` or `udp`. */
  protocol: number;
  /** −1 where the capture does not show it. */
  sourcePort: number;
  /** Destination port. */
  port: number;
  /** TCP flags, the low eight bits. */
  flags: number;
  /** TCP sequence number; 0 where the capture does not show it. */
  sequence: number;
  /** What follows the TCP or UDP header, as far as it was captured. */
  payload: Uint8Array;
}

const syn = 0x02;
const finSynRstAck = 0x17;
const nothing = new Uint8Array(0);

/** Whether the flags are those of a connection's first packet. */
export function synOnly(flags: number): boolean {
  return (flags & finSynRstAck) === syn;
}

/** An empty packet, to be filled. */
export function newPacket(): Packet {
  return {
    at: 0,
    source: new Uint8Array(addressLength),
    destination: new Uint8Array(addressLength),
    protocol: 0,
    sourcePort: -1,
    port: 0,
    flags: 0,
    sequence: 0,
    payload: nothing,
  };
}

/** Makes of `packet` the SYN that a hit line tells of: source and port, and nothing more. */
export function fillFromHit(packet: Packet, source: Uint8Array, port: number, at: number): void {
  packet.source.set(source);
  packet.destination.fill(0);
  packet.at = at;
  packet.protocol = tcp;
  packet.sourcePort = -1;
  packet.port = port;
  packet.flags = syn;
  packet.sequence = 0;
  packet.payload = nothing;
}

/**
 * Fills `packet` from the bytes of an IP packet, `at` left alone; false where it is not TCP or UDP, or cut short.
 * @param start where it begins in `bytes`, and `end` where it ends: no piece is cut out, which would cost more than all else
 */
export function decodePacket(
  bytes: Uint8Array,
  packet: Packet,
  start = 0,
  end: number = bytes.length,
): boolean {
  if (start >= end) return false;
  const version = bytes[start]! >> 4;
  if (version === 4) return decodeIPv4(bytes, start, end, packet);
  return version === 6 && decodeIPv6(bytes, start, end, packet);
}

function decodeIPv4(bytes: Uint8Array, start: number, end: number, packet: Packet): boolean {
  if (end - start < 20) return false;
  const headerLength = (bytes[start]! & 0x0f) * 4;
  const totalLength = u16(bytes, start + 2);
  const fragmentOffset = u16(bytes, start + 6) & 0x1fff;
  if (headerLength < 20 || totalLength < headerLength || fragmentOffset !== 0) return false;
  mapIPv4(packet.source, bytes, start + 12);
  mapIPv4(packet.destination, bytes, start + 16);
  const packetEnd = Math.min(start + totalLength, end);
  return decodeTransport(bytes, start + headerLength, bytes[start + 9]!, packetEnd, packet);
}

function mapIPv4(address: Uint8Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 10; i++) address[i] = 0;
  address[10] = 0xff;
  address[11] = 0xff;
  for (let i = 0; i < 4; i++) address[12 + i] = bytes[at + i]!;
}

const hopByHop = 0;
const routing = 43;
const fragment = 44;
const authentication = 51;
const destinationOptions = 60;
const mobility = 135;
/** No sender has use for more; a chain of them costs a step each. */
const mostExtensions = 8;

function decodeIPv6(bytes: Uint8Array, start: number, end: number, packet: Packet): boolean {
  if (end - start < 40) return false;
  let next = bytes[start + 6]!;
  let at = start + 40;
  for (let extensions = 0; isExtension(next); extensions++) {
    if (extensions === mostExtensions || at + 8 > end) return false;
    // RFC 8200 section 4.5: only a first fragment (offset 0) has the ports.
    if (next === fragment && (u16(bytes, at + 2) & 0xfff8) !== 0) return false;
    const length = extensionLength(next, bytes[at + 1]!);
    next = bytes[at]!;
    at += length;
  }
  for (let i = 0; i < addressLength; i++) {
    packet.source[i] = bytes[start + 8 + i]!;
    packet.destination[i] = bytes[start + 24 + i]!;
  }
  // As we write IPv4's own: on the wire only who would pass for one sends it (RFC 4291 section 2.5.5.2).
  if (isIPv4Mapped(packet.source) || isIPv4Mapped(packet.destination)) return false;
  const packetEnd = Math.min(start + 40 + u16(bytes, start + 4), end);
  return decodeTransport(bytes, at, next, packetEnd, packet);
}

function isExtension(header: number): boolean {
  return (
    header === hopByHop ||
    header === routing ||
    header === fragment ||
    header === authentication ||
    header === destinationOptions ||
    header === mobility
  );
}

/** RFC 8200 section 4.2 counts units of 8 bytes after the first; RFC 4302 section 2.2 units of 4, less 2. */
function extensionLength(header: number, length: number): number {
  if (header === fragment) return 8;
  return header === authentication ? (length + 2) * 4 : (length + 1) * 8;
}

function decodeTransport(
  bytes: Uint8Array,
  at: number,
  protocol: number,
  end: number,
  packet: Packet,
): boolean {
  const headerLength = protocol === tcp ? 20 : 8;
  if ((protocol !== tcp && protocol !== udp) || at + headerLength > end) return false;
  packet.protocol = protocol;
  packet.sourcePort = u16(bytes, at);
  packet.port = u16(bytes, at + 2);
  packet.sequence = 0;
  packet.flags = 0;
  let payloadAt = at + 8;
  if (protocol === tcp) {
    packet.sequence = ((u16(bytes, at + 4) << 16) | u16(bytes, at + 6)) >>> 0;
    packet.flags = bytes[at + 13]!;
    payloadAt = at + (bytes[at + 12]! >> 4) * 4;
    if (payloadAt < at + 20) return false;
  }
  packet.payload = payloadAt < end ? bytes.subarray(payloadAt, end) : nothing;
  return true;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
