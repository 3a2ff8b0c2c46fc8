/**
 * UDP sockets that only send, from one port and from whichever of this machine's addresses a datagram came to. Linux only.
 *
 * Each is bound and connected to itself on the loopback interface. So nothing that comes from elsewhere is for it, and the
 * kernel answers there as at a port without a socket; what came is read by other means. To open and to bind them may take
 * privileges; to send from them takes none.
 */
import { constants, endianness } from 'node:os';
import { isIPv4Mapped } from './address.js';
import { closeOnExec, doNotWait, int32, libc, SystemError } from './libc.js';

const datagram = 2;
const [inet, inet6] = [2, 10];
const ipv6Level = 41;
const ipv6Only = 26;
const socketLevel = 1;
const receiveBuffer = 8;

/** Descriptors; undefined where there is no such socket to be had. */
export interface ReplySockets {
  readonly ipv4: number | undefined;
  readonly ipv6: number | undefined;
}

/** Where a datagram came from and to: an answer goes the other way. */
export interface Route {
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
}

/** Both, not bound yet. One is missing where the kernel has no such protocol, or a sandbox forbids it. */
export function openReplySockets(): ReplySockets {
  return { ipv4: open(inet), ipv6: open(inet6) };
}

function open(family: number): number | undefined {
  const c = libc();
  try {
    const fd = c.socket(family, datagram | closeOnExec, 0);
    if (family === inet6) c.setsockopt(fd, ipv6Level, ipv6Only, int32(1), 4);
    // Only this machine's own programs can send to it, and nobody reads it.
    c.setsockopt(fd, socketLevel, receiveBuffer, int32(0), 4);
    return fd;
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/**
 * Takes the port for one of them, once and for all.
 * @throws SystemError, EADDRINUSE where another program has it; EADDRNOTAVAIL where this machine has no such addresses;
 * EAFNOSUPPORT where there is no such socket
 */
export function takePort(sockets: ReplySockets, family: keyof ReplySockets, port: number): void {
  const fd = sockets[family];
  if (fd === undefined) throw new SystemError('socket', constants.errno.EAFNOSUPPORT);
  const address = socketAddress(family === 'ipv4' ? loopback4 : loopback6, port);
  libc().bind(fd, address, address.length);
  libc().connect(fd, address, address.length);
}

/**
 * Answers a datagram, from the address that it came to.
 * @param device index of the interface that it came in by; for link-local addresses, which mean nothing without
 * @throws SystemError
 */
export function reply(fd: number, route: Route, device: number, payload: Uint8Array): void {
  const { source, destination, sourcePort } = route;
  const zone = isLinkLocal(source) || isLinkLocal(destination) ? device : 0;
  const address = socketAddress(source, sourcePort, zone);
  libc().sendmsg(fd, address, payload, packetInfo(destination, zone), doNotWait);
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
function isLinkLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

const loopback4 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1);
const loopback6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** struct sockaddr_in, or sockaddr_in6. */
function socketAddress(address: Uint8Array, port: number, zone = 0): Buffer {
  const isIPv4 = isIPv4Mapped(address);
  const bytes = Buffer.alloc(isIPv4 ? 16 : 28);
  writeWord(bytes, isIPv4 ? inet : inet6, 0, 2);
  bytes.writeUInt16BE(port, 2);
  if (isIPv4) bytes.set(address.subarray(12), 4);
  else {
    bytes.set(address, 8);
    writeWord(bytes, zone, 24, 4);
  }
  return bytes;
}

const wordLength = process.arch === 'arm' || process.arch === 'ia32' ? 4 : 8;
const headerLength = wordLength + 8;
/** IP_PKTINFO and IPV6_PKTINFO, with the protocols as their levels. */
const [packetInfo4, packetInfo6] = [8, 50];

/** A control message that says which address to send from (ip(7), ipv6(7)). */
function packetInfo(from: Uint8Array, zone: number): Buffer {
  const isIPv4 = isIPv4Mapped(from);
  const length = headerLength + (isIPv4 ? 12 : 20);
  const bytes = Buffer.alloc(Math.ceil(length / wordLength) * wordLength);
  writeWord(bytes, length, 0, wordLength);
  writeWord(bytes, isIPv4 ? 0 : ipv6Level, wordLength, 4);
  writeWord(bytes, isIPv4 ? packetInfo4 : packetInfo6, wordLength + 4, 4);
  // Interface, address to send from, and one that is for receiving alone; or address and interface.
  if (isIPv4) bytes.set(from.subarray(12), headerLength + 4);
  else {
    bytes.set(from, headerLength);
    writeWord(bytes, zone, headerLength + 16, 4);
  }
  return bytes;
}

/** As this machine keeps them. */
function writeWord(bytes: Buffer, value: number, at: number, length: number): void {
  if (endianness() === 'LE') bytes.writeUIntLE(value, at, Math.min(length, 4));
  else bytes.writeUIntBE(value, at + length - Math.min(length, 4), Math.min(length, 4));
}
