/**
 * Packet sockets: IP packets as they come in from an interface, before any firewall (packet(7)).
 *
 * Opening, filtering and binding are one process's business, reading another's: both have the same open socket. Opening
 * and binding need CAP_NET_RAW, reading nothing. Bound to all interfaces, one packet may be seen twice: on a VLAN and
 * on the interface below it, on a bridge and on its port. Whoever reads must bear that.
 */
import { errorCode } from '../system/error.js';
import { snapLength } from './filter.js';
import { closeOnExec, int32, libc } from './libc.js';
import type { PacketEvents } from './packetevents.js';
import { enlargeReceiveBuffer, readDescriptor } from './readable.js';

const packetFamily = 17;
const datagrams = 2;
const everyProtocol = 0x0003;
const addressLength = 20;

const packetLevel = 263;
const statistics = 6;
const ignoreOutgoing = 23;
const duplicateFrom = 1030;

const receiveBufferLength = 16 << 20;

/** Every protocol, once it is bound; until then it is silent. @returns a file descriptor @throws SystemError */
export function openPacketSocket(): number {
  const fd = libc().socket(packetFamily, datagrams | closeOnExec, 0);
  try {
    enlargeReceiveBuffer(fd, receiveBufferLength);
    spareOutgoing(fd);
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** The filter refuses them too, but only after the kernel has made a copy of each. */
function spareOutgoing(fd: number): void {
  try {
    libc().setsockopt(fd, packetLevel, ignoreOutgoing, int32(1), 4);
  } catch {
    // Linux before 4.20.
  }
}

/** Puts a program in the place of the one before; what has come already stays. @throws SystemError */
export function setPacketFilter(fd: number, program: Uint8Array): void {
  libc().attachFilter(fd, program);
}

/**
 * Binds, or binds again, to an interface; one that is down is heard from when it is up.
 * @param index 0: all interfaces
 * @throws SystemError, ENODEV where there is none
 */
export function bindPacketSocket(fd: number, index: number): void {
  const address = Buffer.alloc(addressLength);
  address.writeUInt16LE(packetFamily, 0);
  address.writeUInt16BE(everyProtocol, 2);
  address.writeInt32LE(index, 4);
  libc().bind(fd, address, address.length);
}

/** Read in one go, before the event loop has its turn again. */
const mostInBatch = 64;
const statisticsMs = 1000;

/** Reads a bound socket from the event loop, which it keeps alive; the descriptor is the reader's from now on. */
export function readPackets(fd: number, events: PacketEvents): { close(): void } {
  const reader = new PacketReader(fd, events);
  return { close: () => reader.close() };
}

class PacketReader {
  readonly #fd: number;
  readonly #events: PacketEvents;
  readonly #buffer = Buffer.allocUnsafeSlow(snapLength);
  #socket: ReturnType<typeof readDescriptor>;
  #asking: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(fd: number, events: PacketEvents) {
    this.#fd = fd;
    this.#events = events;
    this.#socket = this.#open();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#asking);
    this.#socket.destroy();
    libc().close(this.#fd);
  }

  #open(): ReturnType<typeof readDescriptor> {
    const copy = libc().fcntl(this.#fd, duplicateFrom, 0);
    const socket = readDescriptor(copy, this.#buffer, first => this.#take(first.length));
    socket.on('error', requireDown);
    socket.on('close', () => {
      if (!this.#closed) this.#socket = this.#open();
    });
    return socket;
  }

  /** The event loop has read one packet; the others that wait are read here, which costs a third. */
  #take(first: number): void {
    const events = this.#events;
    const buffer = this.#buffer;
    events.begin();
    let count = 0;
    for (let length = first; length >= 0; ) {
      events.packet(buffer, 0, length, '', 0);
      count++;
      if (count === mostInBatch || this.#closed) break;
      length = this.#next();
    }
    events.batch(count);
    if (this.#closed) return;
    this.#asking ??= setTimeout(() => this.#askLost(), statisticsMs).unref();
  }

  /** @returns its length, or −1 where there is none */
  #next(): number {
    try {
      return libc().recvNow(this.#fd, this.#buffer, this.#buffer.length);
    } catch (error) {
      requireDown(error);
      return -1;
    }
  }

  #askLost(): void {
    this.#asking = undefined;
    const counts = Buffer.alloc(8);
    // The kernel begins to count anew at each asking.
    libc().getsockopt(this.#fd, packetLevel, statistics, counts, Uint32Array.of(counts.length));
    const lost = counts.readUInt32LE(4);
    if (lost > 0) this.#events.lost(lost);
  }
}

/** That the interface went down the kernel says once; it goes on when it is up again (packet(7)). */
function requireDown(error: unknown): void {
  if (errorCode(error) !== 'ENETDOWN') throw error;
}
