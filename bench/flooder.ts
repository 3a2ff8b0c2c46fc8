/**
 * Garbage from spoofed sources, or from a few: bounded in number and in time, as fast as one processor sends it or evenly
 * at a rate. Only ever run within the bench's own namespaces.
 */
import { randomBytes } from 'node:crypto';
import type { Garbage } from './contender.js';
import {
  datagramHeaderLength,
  ipv4Number,
  readdressDatagram,
  SynWriter,
  synLength,
  writeDatagram,
} from './packet.js';
import { Shaped } from './shaped.js';
import { PacketBatch, pause, waitExactly } from './sockets.js';

/** What a stranger does. */
export interface FloodPlan {
  readonly garbage: Garbage;
  /** Without it: as fast as they go. */
  readonly perSecond?: number;
  /** In the names of these addresses by turns; without them each packet has a source of its own. */
  readonly sources?: readonly string[];
}

export interface FloodRequest extends FloodPlan {
  readonly do: 'flood';
  /** Dotted IPv4. */
  readonly address: string;
  /** At most so many. */
  readonly packets: number;
  readonly timeoutMs: number;
}

const batchCount = 128;
/** At a rate: so many small batches a second. */
const batchesPerSecond = 4000;

/** @returns packets sent and how long it took */
export function flood(request: FloodRequest): { readonly sent: number; readonly ms: number } {
  const { address, packets, timeoutMs } = request;
  waitExactly();
  const stranger = new Flood(address, request);
  const begun = performance.now();
  try {
    for (;;) {
      const now = performance.now() - begun;
      if (stranger.sent >= packets || now >= timeoutMs) return { sent: stranger.sent, ms: now };
      pause(stranger.sendDue(now, packets - stranger.sent));
    }
  } finally {
    stranger.close();
  }
}

/** A flood that takes turns with something else. */
export class Flood {
  sent = 0;
  readonly #writer: Writer;
  readonly #perSecond: number;

  /** @param address dotted IPv4 @throws SystemError, EPERM without CAP_NET_RAW */
  constructor(address: string, { garbage, perSecond = Number.POSITIVE_INFINITY, sources }: FloodPlan) {
    this.#writer = writerFor(address, garbage, sources === undefined ? new Spoofed() : new Given(sources));
    this.#perSecond = perSecond;
  }

  /** Sends what is due so long after its begin, or a batch of it. @returns after how many milliseconds more is due */
  sendDue(ms: number, most = Number.POSITIVE_INFINITY): number {
    const due = Math.min(batchCount, most, dueAfter(ms, this.#perSecond) - this.sent);
    // Where the kernel takes only a part, the next batch makes up for it, from sources of its own.
    if (due > 0) this.sent += this.#writer.send(due);
    return due >= batchCount ? 0 : 1000 / batchesPerSecond;
  }

  close(): void {
    this.#writer.close();
  }
}

/** How many packets are to have been sent by then. */
export function dueAfter(ms: number, perSecond: number): number {
  return perSecond === Number.POSITIVE_INFINITY ? perSecond : Math.floor((ms / 1000) * perSecond);
}

interface Sources {
  next(): number;
}

class Given implements Sources {
  readonly #sources: readonly number[];
  #step = 0;

  constructor(addresses: readonly string[]) {
    this.#sources = addresses.map(ipv4Number);
  }

  next(): number {
    return this.#sources[this.#step++ % this.#sources.length]!;
  }
}

/** Odd, so multiplying by it modulo 2^32 repeats nothing. */
const stride = 0x9e3779b1;

/** Each once before one comes again, in an order that looks random. */
class Spoofed implements Sources {
  #step = randomBytes(4).readUInt32BE();

  next(): number {
    for (;;) {
      this.#step = (this.#step + 1) | 0;
      const source = Math.imul(this.#step, stride) >>> 0;
      if (isOrdinary(source >>> 24)) return source;
    }
  }
}

/** Not those that a kernel drops at once, nor those of the bench's own networks. */
function isOrdinary(first: number): boolean {
  return first > 10 && first < 224 && first !== 127;
}

/** Xorshift (Marsaglia 2003): whoever is flooded must not see a pattern, and it costs nanoseconds. */
class Chance {
  #state = randomBytes(4).readUInt32BE() | 1;

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }
}

interface Writer {
  /** @returns how many were sent */
  send(count: number): number;
  close(): void;
}

function writerFor(address: string, garbage: Garbage, sources: Sources): Writer {
  const { ports, payloadLength, payloads, shape } = garbage;
  if (shape !== undefined) return new Shaped(address, ports, shape, () => sources.next());
  if (payloads !== undefined) return new Recorded(address, ports, payloads, sources);
  return payloadLength === undefined
    ? new Syns(address, ports, sources)
    : new Datagrams(address, ports, payloadLength, sources);
}

/** Every SYN to a port, from a source port and with a sequence number by chance. */
class Syns implements Writer {
  readonly #batch: PacketBatch;
  readonly #writer: SynWriter;
  readonly #ports: readonly number[];
  readonly #sources: Sources;
  readonly #chance = new Chance();

  constructor(address: string, ports: readonly number[], sources: Sources) {
    this.#batch = new PacketBatch(batchCount, synLength, address);
    this.#writer = new SynWriter(address);
    this.#ports = ports;
    this.#sources = sources;
  }

  send(count: number): number {
    const { packets } = this.#batch;
    for (let index = 0; index < count; index++) {
      const port = this.#ports[this.#chance.next() % this.#ports.length]!;
      const sourcePort = 1024 + (this.#chance.next() & 0x7fff);
      this.#writer.write(
        packets,
        index * synLength,
        this.#sources.next(),
        sourcePort,
        port,
        this.#chance.next(),
      );
    }
    return this.#batch.send(count);
  }

  close(): void {
    this.#batch.close();
  }
}

/** Every datagram to a port, from a source port by chance; the payloads come again after a batch. */
class Datagrams implements Writer {
  readonly #batch: PacketBatch;
  readonly #length: number;
  readonly #sources: Sources;
  readonly #chance = new Chance();

  constructor(address: string, ports: readonly number[], payloadLength: number, sources: Sources) {
    this.#length = datagramHeaderLength + payloadLength;
    this.#batch = new PacketBatch(batchCount, this.#length, address);
    this.#sources = sources;
    for (let index = 0; index < batchCount; index++) {
      const payload = randomText(payloadLength);
      const port = ports[index % ports.length]!;
      const datagram = { source: 0, destination: ipv4Number(address), sourcePort: 0, port, payload };
      writeDatagram(this.#batch.packets, index * this.#length, datagram);
    }
  }

  send(count: number): number {
    const { packets } = this.#batch;
    for (let index = 0; index < count; index++) {
      const sourcePort = 1024 + (this.#chance.next() & 0x7fff);
      readdressDatagram(packets, index * this.#length, this.#sources.next(), sourcePort);
    }
    return this.#batch.send(count);
  }

  close(): void {
    this.#batch.close();
  }
}

/** Payloads that are given, by turns. */
class Recorded implements Writer {
  readonly #batch: PacketBatch;
  readonly #length: number;
  readonly #payloads: readonly Buffer[];
  readonly #sources: Sources;
  readonly #chance = new Chance();
  #next = 0;

  constructor(address: string, [port]: readonly number[], payloads: readonly string[], sources: Sources) {
    this.#payloads = payloads.map(payload => Buffer.from(payload, 'latin1'));
    const payload = this.#payloads[0]!;
    this.#length = datagramHeaderLength + payload.length;
    this.#batch = new PacketBatch(batchCount, this.#length, address);
    this.#sources = sources;
    const datagram = { source: 0, destination: ipv4Number(address), sourcePort: 0, port: port!, payload };
    for (let index = 0; index < batchCount; index++) {
      writeDatagram(this.#batch.packets, index * this.#length, datagram);
    }
  }

  send(count: number): number {
    const { packets } = this.#batch;
    for (let index = 0; index < count; index++) {
      const at = index * this.#length;
      packets.set(this.#payloads[this.#next++ % this.#payloads.length]!, at + datagramHeaderLength);
      readdressDatagram(packets, at, this.#sources.next(), 1024 + (this.#chance.next() & 0x7fff));
    }
    return this.#batch.send(count);
  }

  close(): void {
    this.#batch.close();
  }
}

/** Base64, as fwknop's packets are: what is not would be thrown away before any work is done. */
function randomText(length: number): Buffer {
  return Buffer.from(randomBytes(length).toString('base64').slice(0, length), 'latin1');
}
