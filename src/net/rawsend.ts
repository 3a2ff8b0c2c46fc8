/**
 * SYNs through a raw socket, each with a source port and a sequence number of its own. Needs CAP_NET_RAW; Linux only.
 * Datagrams between them go their ordinary way, which leaves nothing to be gained.
 *
 * The kernel answers what comes back: it knows of no such connection, and resets it.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { isIPv4Mapped, parseAddress } from './address.js';
import { closeOnExec, int32, libc } from './libc.js';
import { eachHit, type Hit, openDatagrams, type SendOptions, sendDatagram } from './send.js';

const inet = 2;
const inet6 = 10;
const raw = 3;
const tcpProtocol = 6;
const rawProtocol = 255;
const ipv6Level = 41;
const ipv6Checksum = 7;

const segmentLength = 20;
const checksumAt = 16;
const headerLength = 20;
const timeToLive = 64;
const dontFragment = 0x4000;
const synFlag = 0x02;
const windowSize = 64240;

/**
 * Sends one packet for each, in this order.
 * @param source the local address that the kernel uses towards `destination`, without a zone
 * @param destination an address, with its zone where it has one
 * @throws SystemError, EPERM without CAP_NET_RAW; the signal's reason
 */
export async function sendRawHits(
  source: string,
  destination: string,
  hits: readonly Hit[],
  options: SendOptions,
): Promise<void> {
  const [address = '', zone] = destination.split('%');
  const to = bytesOf(address);
  const datagrams = await openDatagrams(destination, hits);
  const fd = isIPv4Mapped(to) ? openIPv4() : openIPv6();
  const sendSyn = synSender(fd, bytesOf(source), to, zone);
  try {
    await eachHit(hits, options, ({ port, payload = new Uint8Array() }, index) => {
      const datagram = datagrams[index];
      return datagram === undefined ? sendSyn(port) : sendDatagram(datagram, payload);
    });
  } finally {
    libc().close(fd);
    for (const socket of datagrams) socket?.close();
  }
}

/** Whether this process may do so. @throws SystemError, EPERM without CAP_NET_RAW */
export function requireRaw(): void {
  libc().close(openIPv4());
}

function synSender(fd: number, from: Uint8Array, to: Uint8Array, zone: string | undefined) {
  const socketAddress = isIPv4Mapped(to) ? socketAddress4(to) : socketAddress6(to, zone);
  return (port: number): void => {
    const segment = synSegment(port);
    const packet = isIPv4Mapped(to) ? packet4(from, to, segment) : segment;
    libc().sendto(fd, packet, packet.length, 0, socketAddress, socketAddress.length);
  };
}

function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new TypeError(`"address" expected an address, got ${address}`);
  return bytes;
}

function openIPv4(): number {
  // Protocol 255 hands over whole packets, headers and all (raw(7)).
  return libc().socket(inet, raw | closeOnExec, rawProtocol);
}

function openIPv6(): number {
  const fd = libc().socket(inet6, raw | closeOnExec, tcpProtocol);
  const offset = int32(checksumAt);
  // RFC 3542 section 3.1: the kernel puts header and checksum.
  libc().setsockopt(fd, ipv6Level, ipv6Checksum, offset, offset.length);
  return fd;
}

/** A SYN (RFC 9293 section 3.1) without options, its checksum left empty. */
function synSegment(port: number): Buffer {
  const segment = Buffer.alloc(segmentLength);
  segment.writeUInt16BE(randomInt(32768, 61000), 0);
  segment.writeUInt16BE(port, 2);
  segment.set(randomBytes(4), 4);
  segment.writeUInt8((segmentLength / 4) << 4, 12);
  segment.writeUInt8(synFlag, 13);
  segment.writeUInt16BE(windowSize, 14);
  return segment;
}

/** An IPv4 packet (RFC 791 section 3.1); the kernel puts its identification and header checksum. */
function packet4(source: Uint8Array, destination: Uint8Array, segment: Buffer): Uint8Array {
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(headerLength + segmentLength, 2);
  header.writeUInt16BE(dontFragment, 6);
  header.writeUInt8(timeToLive, 8);
  header.writeUInt8(tcpProtocol, 9);
  header.set(source.subarray(12), 12);
  header.set(destination.subarray(12), 16);
  const pseudo = Buffer.from([0, tcpProtocol, 0, segmentLength]);
  segment.writeUInt16BE(checksum(Buffer.concat([header.subarray(12), pseudo, segment])), checksumAt);
  return Buffer.concat([header, segment]);
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function socketAddress4(address: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.set(new Uint8Array(Uint16Array.of(inet).buffer));
  bytes.set(address.subarray(12), 4);
  return bytes;
}

function socketAddress6(address: Uint8Array, zone: string | undefined): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.set(new Uint8Array(Uint16Array.of(inet6).buffer));
  bytes.set(address, 8);
  if (zone !== undefined) bytes.set(new Uint8Array(Uint32Array.of(scopeOf(zone)).buffer), 24);
  return bytes;
}

/** The index of an interface: the scope of the link-local address that it has. */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  return networkInterfaces()[zone]?.find(({ scopeid }) => (scopeid ?? 0) > 0)?.scopeid ?? 0;
}
