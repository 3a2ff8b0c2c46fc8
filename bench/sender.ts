/**
 * Knocks by way of raw packets, so that they can leave from any address, twice, or in another order than they were
 * composed in. Each packet has a source port, and each SYN a sequence number, that look as a kernel's.
 */
import { randomInt } from 'node:crypto';
import type { KnockPacket } from './contender.js';
import { datagramHeaderLength, ipv4Number, SynWriter, synLength, writeDatagram } from './packet.js';
import { PacketBatch } from './sockets.js';

/** Room for the longest: a datagram with a certificate. */
const roomLength = 2048;
/** net.ipv4.ip_local_port_range. */
const firstPort = 32768;
const ports = 28232;

/** Room for some packets to one destination. */
export class KnockSender {
  readonly #batch: PacketBatch;
  readonly #syns: SynWriter;
  readonly #destination: number;

  /** @throws SystemError, EPERM without CAP_NET_RAW */
  constructor(count: number, destination: string) {
    this.#batch = new PacketBatch(count, roomLength, destination);
    this.#syns = new SynWriter(destination);
    this.#destination = ipv4Number(destination);
  }

  /** Writes a packet at a place. */
  put(index: number, source: number, { port, payload }: KnockPacket): void {
    const at = index * roomLength;
    const { packets } = this.#batch;
    const sourcePort = firstPort + randomInt(ports);
    if (payload === undefined) {
      this.#syns.write(packets, at, source, sourcePort, port, randomInt(2 ** 32));
      this.#batch.setLength(index, synLength);
      return;
    }
    const bytes = Buffer.from(payload, 'latin1');
    if (bytes.length > roomLength - datagramHeaderLength) throw new RangeError('the payload is too long');
    const datagram = { source, destination: this.#destination, sourcePort, port, payload: bytes };
    this.#batch.setLength(index, writeDatagram(packets, at, datagram));
  }

  /** Makes one place hold what another does: a copy of a packet is the same in every bit. */
  copy(from: number, to: number, { payload }: KnockPacket): void {
    const length = payload === undefined ? synLength : datagramHeaderLength + payload.length;
    this.#batch.packets.copy(
      this.#batch.packets,
      to * roomLength,
      from * roomLength,
      from * roomLength + length,
    );
    this.#batch.setLength(to, length);
  }

  /** Sends so many packets, from the one at `first`. @throws where the kernel does not take them all; SystemError */
  send(count: number, first = 0): void {
    if (count === 0) return;
    const sent = this.#batch.send(count, first);
    if (sent !== count) throw new Error(`the kernel took ${sent} of ${count} packets`);
  }

  close(): void {
    this.#batch.close();
  }
}
