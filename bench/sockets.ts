/**
 * Sockets of the kernel without Node's event loop between: connects that are begun, looked at and dropped within
 * microseconds, and packets by the thousand. Linux only; for the bench, which runs in namespaces of its own.
 */
import koffi from 'koffi';
import { closeOnExec, libc, nonBlocking, SystemError } from '../src/net/libc.js';
import { openNumbered } from '../src/net/repair.js';

const inet = 2;
const stream = 1;
const raw = 3;
const rawProtocol = 255;
const pollIn = 1;
const pollOut = 4;
const pollFailed = 8 | 16;
const pollLength = 8;
const inProgress = 115;
const refused = 111;
const setTimerSlack = 29;

const library = koffi.load(null);
const bindCall = library.func('int bind(int, const void *, uint32_t)');
const connectCall = library.func('int connect(int, const void *, uint32_t)');
const ppollCall = library.func('int ppoll(void *, unsigned long, const void *, const void *)');
const prctlCall = library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
const sendmmsgCall = library.func('int sendmmsg(int, void *, unsigned int, int)');

/** An address and port as `struct sockaddr_in`. @param address dotted IPv4 */
export function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(inet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

/**
 * Begins a connection: its SYN is sent when this returns.
 * @param from an address of this machine, with port 0
 * @param number the sequence number of its SYN; undefined: as the kernel chooses
 * @returns the socket
 * @throws SystemError
 */
export function beginConnect(to: Buffer, from: Buffer, number?: number): number {
  const fd =
    number === undefined
      ? libc().socket(inet, stream | nonBlocking | closeOnExec, 0)
      : openNumbered(4, number);
  if (bindCall(fd, from, from.length) === -1) throw failed(fd, 'bind', koffi.errno());
  if (connectCall(fd, to, to.length) === -1) {
    const errno = koffi.errno();
    if (errno !== inProgress && errno !== refused) throw failed(fd, 'connect', errno);
  }
  return fd;
}

function failed(fd: number, call: string, errno: number): SystemError {
  libc().close(fd);
  return new SystemError(call, errno);
}

/** Sleeps without Node's event loop; exactly so after `waitExactly`. */
export function pause(ms: number): void {
  if (ms > 0) ppollCall(null, 0, timespec(ms), null);
}

/** struct timespec: seconds, nanoseconds. */
function timespec(ms: number): Buffer {
  const bytes = Buffer.alloc(16);
  const nanoseconds = Math.max(0, Math.round(ms * 1e6));
  bytes.writeBigInt64LE(BigInt(Math.floor(nanoseconds / 1e9)));
  bytes.writeBigInt64LE(BigInt(nanoseconds % 1e9), 8);
  return bytes;
}

/** Whether something can be read of a descriptor, or can within so long. */
export function isReadable(fd: number, waitMs: number): boolean {
  const table = Buffer.alloc(pollLength);
  table.writeInt32LE(fd, 0);
  table.writeInt16LE(pollIn, 4);
  return ppollCall(table, 1, timespec(waitMs), null) === 1;
}

/** Whether a connection that was begun stands, or does within so long. @throws Error where it was refused */
export function isConnected(fd: number, waitMs: number): boolean {
  const one = new Attempts(1);
  one.add(fd);
  return one.connected(waitMs);
}

/** Has the kernel end this thread's waits when they are over, not up to 50 µs later (prctl(2), PR_SET_TIMERSLACK). */
export function waitExactly(): void {
  prctlCall(setTimerSlack, 1, 0, 0, 0);
}

/** Gives a connection up: one that waits for its answer sends nothing more. */
export function drop(fd: number): void {
  libc().close(fd);
}

/** Connections that were begun, the last few of them: what came of them is asked of the kernel in one call. */
export class Attempts {
  readonly #fds: number[] = [];
  readonly #most: number;
  readonly #table: Buffer;

  constructor(most: number) {
    this.#most = most;
    this.#table = Buffer.alloc(most * pollLength);
  }

  /** Takes one more; the oldest is dropped, which was not answered for the time of all that came after it. */
  add(fd: number): void {
    if (this.#fds.length === this.#most) drop(this.#fds.shift()!);
    this.#fds.push(fd);
    for (const [index, each] of this.#fds.entries()) {
      this.#table.writeInt32LE(each, index * pollLength);
      this.#table.writeInt16LE(pollOut, index * pollLength + 4);
    }
  }

  /** Waits until one of them is connected, for so long. @throws Error where one was refused: nothing listens there */
  connected(waitMs: number): boolean {
    if (ppollCall(this.#table, this.#fds.length, timespec(waitMs), null) < 1) return false;
    for (let index = 0; index < this.#fds.length; index++) {
      const events = this.#table.readInt16LE(index * pollLength + 6);
      if ((events & pollFailed) !== 0) throw new Error('the connection was refused');
      if ((events & pollOut) !== 0) return true;
    }
    return false;
  }

  dropAll(): void {
    for (const fd of this.#fds.splice(0)) drop(fd);
  }
}

const vectorLength = 16;
/** struct mmsghdr on a machine of 64 bits: msghdr (56 bytes), the length sent (4), padding. */
const messageLength = 64;

/** Many whole IPv4 packets a call, from one buffer: the caller rewrites the packets and sends again. */
export class PacketBatch {
  readonly packets: Buffer;
  readonly #fd = libc().socket(inet, raw | closeOnExec, rawProtocol);
  readonly #messages: Buffer;
  readonly #vectors: Buffer;
  /** What the messages point to beside; the kernel reads it at every call. */
  readonly #to: Buffer;

  /** @param length bytes of one packet, or room for it @throws SystemError, EPERM without CAP_NET_RAW */
  constructor(count: number, length: number, destination: string) {
    this.packets = Buffer.allocUnsafeSlow(count * length).fill(0);
    const to = Buffer.allocUnsafeSlow(16);
    to.set(socketAddress(destination, 0));
    const vectors = Buffer.allocUnsafeSlow(count * vectorLength).fill(0);
    this.#messages = Buffer.allocUnsafeSlow(count * messageLength).fill(0);
    this.#to = to;
    this.#vectors = vectors;
    for (let index = 0; index < count; index++) {
      vectors.writeBigUInt64LE(addressOf(this.packets) + BigInt(index * length), index * vectorLength);
      vectors.writeBigUInt64LE(BigInt(length), index * vectorLength + 8);
      const at = index * messageLength;
      this.#messages.writeBigUInt64LE(addressOf(to), at);
      this.#messages.writeUInt32LE(to.length, at + 8);
      this.#messages.writeBigUInt64LE(addressOf(vectors) + BigInt(index * vectorLength), at + 16);
      this.#messages.writeBigUInt64LE(1n, at + 24);
    }
  }

  /** Says how long the packet at a place is, where it does not fill its room. */
  setLength(index: number, length: number): void {
    this.#vectors.writeBigUInt64LE(BigInt(length), index * vectorLength + 8);
  }

  /**
   * Sends packets that stand one after the other.
   * @param first the place of the first of them
   * @returns how many the kernel took @throws SystemError
   */
  send(count: number, first = 0): number {
    const messages = first === 0 ? this.#messages : this.#messages.subarray(first * messageLength);
    const sent: number = sendmmsgCall(this.#fd, messages, count, 0);
    if (sent === -1) throw new SystemError('sendmmsg', koffi.errno());
    return sent;
  }

  close(): void {
    // Used here, so that nothing frees what the kernel reads before the last call.
    if (this.#to.length > 0) libc().close(this.#fd);
  }
}

function addressOf(bytes: Buffer): bigint {
  return BigInt(koffi.address(bytes));
}
