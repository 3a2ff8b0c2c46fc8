/**
 * SYNs from spoofed sources, as fast as one processor sends them: bounded in number and in time. Only ever run within
 * the bench's own namespaces.
 */
import { PacketBatch } from './sockets.js';

export interface FloodRequest {
  readonly do: 'flood';
  /** Dotted IPv4. */
  readonly address: string;
  /** Each packet goes to one of these. */
  readonly ports: readonly number[];
  /** Packets, each from a source of its own. */
  readonly sources: number;
  readonly timeoutMs: number;
}

const batchCount = 512;
const packetLength = 40;
/** Odd, so multiplying by it modulo 2^32 repeats nothing. */
const stride = 0x9e3779b1;

/** @returns packets sent and how long it took */
export function flood(request: FloodRequest): { readonly sent: number; readonly ms: number } {
  const { address, ports, sources, timeoutMs } = request;
  const batch = new PacketBatch(batchCount, packetLength, address);
  const writer = new SynWriter(batch.packets, address, ports);
  const begun = performance.now();
  let sent = 0;
  try {
    while (sent < sources && performance.now() - begun < timeoutMs) {
      const count = Math.min(batchCount, sources - sent);
      for (let index = 0; index < count; index++) writer.next(index * packetLength);
      // Where the kernel takes only a part, the next batch makes up for it, from sources of its own.
      sent += batch.send(count);
    }
    return { sent, ms: performance.now() - begun };
  } finally {
    batch.close();
  }
}

/** Writes one SYN after the other, each from another source, to a port that looks chosen at random. */
class SynWriter {
  readonly #packets: Buffer;
  readonly #template: Buffer;
  readonly #ports: readonly number[];
  readonly #constantSum: number;
  #step = 0;

  constructor(packets: Buffer, destination: string, ports: readonly number[]) {
    this.#packets = packets;
    this.#ports = ports;
    this.#template = template(destination);
    // RFC 9293 section 3.1: the pseudo header counts too; 6 is TCP, 20 its length.
    this.#constantSum = 6 + 20 + sumOf(this.#template.subarray(16));
  }

  next(at: number): void {
    const packets = this.#packets;
    const source = this.#nextSource();
    const random = Math.imul(source, stride) >>> 0;
    const port = this.#ports[(random >>> 8) % this.#ports.length]!;
    const sourcePort = 1024 + (random & 0x7fff);
    packets.set(this.#template, at);
    packets.writeUInt32BE(source, at + 12);
    packets.writeUInt16BE(sourcePort, at + 20);
    packets.writeUInt16BE(port, at + 22);
    packets.writeUInt32BE(random, at + 24);
    const sum =
      this.#constantSum +
      (source >>> 16) +
      (source & 0xffff) +
      sourcePort +
      port +
      (random >>> 16) +
      (random & 0xffff);
    packets.writeUInt16BE(folded(sum), at + 36);
  }

  #nextSource(): number {
    for (;;) {
      const source = Math.imul(++this.#step, stride) >>> 0;
      if (isOrdinary(source >>> 24)) return source;
    }
  }
}

/** Not those that a kernel drops at once, nor those of the bench's own networks. */
function isOrdinary(first: number): boolean {
  return first > 10 && first < 224 && first !== 127;
}

/** An IPv4 packet with a TCP SYN whose source, ports, sequence number and checksum are still empty. */
function template(destination: string): Buffer {
  const packet = Buffer.alloc(packetLength);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packetLength, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(6, 9);
  packet.set(destination.split('.').map(Number), 16);
  packet.writeUInt8(5 << 4, 32);
  packet.writeUInt8(2, 33);
  packet.writeUInt16BE(64240, 34);
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
