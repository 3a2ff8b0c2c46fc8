/** Datagrams that have the form of a knock signed by a certificate (PROTOCOL.md section 8), and nothing behind it. */
import { createECDH, randomBytes } from 'node:crypto';
import type { DatagramShape } from './contender.js';
import { datagramHeaderLength, ipv4Number, readdressDatagram, writeDatagram } from './packet.js';
import { PacketBatch } from './sockets.js';

const header = Buffer.from('61010000', 'hex');
const pointLength = 65;
/** As many as are sent in several seconds of the worst flood: one that comes again is soon known. */
const pointCount = 200_000;
const batchCount = 128;

/** Every datagram to a port, from a source port by chance, with a key of its own. */
export class Shaped {
  readonly #batch: PacketBatch;
  readonly #length: number;
  readonly #nextSource: () => number;
  readonly #points: readonly Buffer[];
  #next = 0;

  constructor(
    address: string,
    ports: readonly number[],
    { bodyLength, points }: DatagramShape,
    nextSource: () => number,
  ) {
    this.#nextSource = nextSource;
    this.#length = datagramHeaderLength + header.length + bodyLength + pointLength;
    this.#points = points === 'valid' ? makePoints(pointCount) : makeRandom(pointCount);
    this.#batch = new PacketBatch(batchCount, this.#length, address);
    for (let index = 0; index < batchCount; index++) {
      const payload = Buffer.concat([header, randomBytes(bodyLength), this.#points[index]!]);
      const port = ports[index % ports.length]!;
      const datagram = { source: 0, destination: ipv4Number(address), sourcePort: 0, port, payload };
      writeDatagram(this.#batch.packets, index * this.#length, datagram);
    }
  }

  send(count: number): number {
    const { packets } = this.#batch;
    for (let index = 0; index < count; index++) {
      const at = index * this.#length;
      const sourcePort = 1024 + (this.#next & 0x7fff);
      readdressDatagram(packets, at, this.#nextSource(), sourcePort);
      packets.set(this.#points[this.#next++ % this.#points.length]!, at + this.#length - pointLength);
    }
    return this.#batch.send(count);
  }

  close(): void {
    this.#batch.close();
  }
}

/** Points of the curve, each of a key by chance. */
export function makePoints(count: number): Buffer[] {
  const maker = createECDH('prime256v1');
  return Array.from({ length: count }, () => maker.generateKeys());
}

/** Uncompressed, as its first byte says; on the curve, one in 2^256. */
export function makeRandom(count: number): Buffer[] {
  return Array.from({ length: count }, () => Buffer.concat([Buffer.of(4), randomBytes(pointLength - 1)]));
}
