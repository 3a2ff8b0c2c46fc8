/**
 * Whole IPv4 packets, written into a buffer that is sent again and again: SYNs, and datagrams with a payload. The kernel
 * adds the header's own checksum and identification (raw(7)). It sends nothing.
 */

/** Bytes of a SYN without options. */
export const synLength = 40;
/** Bytes of a datagram before its payload. */
export const datagramHeaderLength = 28;

const headerLength = 20;
const timeToLive = 64;
const tcpProtocol = 6;
const udpProtocol = 17;
const synFlag = 2;
const windowSize = 64240;

/** `10.77.0.1` as a number. @param address dotted IPv4 */
export function ipv4Number(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readUInt32BE();
}

/** Writes SYNs to one destination. */
export class SynWriter {
  readonly length = synLength;
  readonly #template = header(synLength, tcpProtocol);
  readonly #constantSum: number;

  /** @param destination dotted IPv4 */
  constructor(destination: string) {
    this.#template.writeUInt32BE(ipv4Number(destination), 16);
    this.#template.writeUInt8(5 << 4, 32);
    this.#template.writeUInt8(synFlag, 33);
    this.#template.writeUInt16BE(windowSize, 34);
    // RFC 9293 section 3.1: the pseudo header counts too.
    this.#constantSum = tcpProtocol + (synLength - headerLength) + sumOf(this.#template.subarray(16));
  }

  /** @param source an IPv4 address as a number */
  write(
    packets: Buffer,
    at: number,
    source: number,
    sourcePort: number,
    port: number,
    sequence: number,
  ): void {
    packets.set(this.#template, at);
    packets.writeUInt32BE(source, at + 12);
    packets.writeUInt16BE(sourcePort, at + 20);
    packets.writeUInt16BE(port, at + 22);
    packets.writeUInt32BE(sequence, at + 24);
    const sum =
      this.#constantSum +
      (source >>> 16) +
      (source & 0xffff) +
      sourcePort +
      port +
      (sequence >>> 16) +
      (sequence & 0xffff);
    packets.writeUInt16BE(folded(sum), at + 36);
  }
}

/** Writes a datagram, without the checksum that IPv4 leaves optional (RFC 768). @returns its length */
export function writeDatagram(
  packets: Buffer,
  at: number,
  { source, destination, sourcePort, port, payload }: Datagram,
): number {
  const length = datagramHeaderLength + payload.length;
  packets.set(header(length, udpProtocol), at);
  packets.writeUInt32BE(source, at + 12);
  packets.writeUInt32BE(destination, at + 16);
  packets.writeUInt16BE(sourcePort, at + 20);
  packets.writeUInt16BE(port, at + 22);
  packets.writeUInt16BE(length - headerLength, at + 24);
  packets.writeUInt16BE(0, at + 26);
  packets.set(payload, at + datagramHeaderLength);
  return length;
}

export interface Datagram {
  /** IPv4 addresses as numbers. */
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** Gives a datagram that was written before another source. */
export function readdressDatagram(packets: Buffer, at: number, source: number, sourcePort: number): void {
  packets.writeUInt32BE(source, at + 12);
  packets.writeUInt16BE(sourcePort, at + 20);
}

/** Room for a packet of this length, with as much of the IPv4 header as is always the same (RFC 791). */
function header(length: number, protocol: number): Buffer {
  const packet = Buffer.alloc(protocol === tcpProtocol ? length : headerLength);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(length, 2);
  packet.writeUInt8(timeToLive, 8);
  packet.writeUInt8(protocol, 9);
  return packet;
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return sum;
}

/** The Internet checksum (RFC 1071) of a sum of 16-bit words. */
function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + (rest >>> 16);
  return ~rest & 0xffff;
}
