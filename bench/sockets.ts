/**
 * Sockets of the kernel without Node's event loop between: connects that are begun, looked at and dropped within
 * microseconds, and packets by the thousand. Linux only; for the bench, which runs in namespaces of its own.
 */
import koffi from 'koffi';
import { libc, SystemError } from '../src/net/libc.js';

const inet = 2;
const stream = 1;
const raw = 3;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const rawProtocol = 255;
const pollOut = 4;
const pollFailed = 8 | 16;
const pollLength = 8;
const inProgress = 115;
const refused = 111;
const setTimerSlack = 29;

const library = koffi.load(null);
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

/** Begins a connection: its SYN is sent when this returns. @returns the socket @throws SystemError */
export function beginConnect(to: Buffer): number {
  const fd = libc().socket(inet, stream | nonBlocking | closeOnExec, 0);
  if (connectCall(fd, to, to.length) === -1) {
    const errno = koffi.errno();
    if (errno !== inProgress && errno !== refused) {
      libc().close(fd);
      throw new SystemError('connect', errno);
    }
  }
  return fd;
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
  /** struct timespec: seconds, nanoseconds. */
  readonly #wait = Buffer.alloc(16);

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
    this.#wait.writeBigInt64LE(BigInt(Math.max(0, Math.round(waitMs * 1e6))), 8);
    if (ppollCall(this.#table, this.#fds.length, this.#wait, null) < 1) return false;
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
  /** What the messages point to; the kernel reads them at every call. */
  readonly #kept: readonly Buffer[];
  readonly #count: number;

  /** @param length bytes of one packet @throws SystemError, EPERM without CAP_NET_RAW */
  constructor(count: number, length: number, destination: string) {
    this.#count = count;
    this.packets = Buffer.allocUnsafeSlow(count * length).fill(0);
    const to = Buffer.allocUnsafeSlow(16);
    to.set(socketAddress(destination, 0));
    const vectors = Buffer.allocUnsafeSlow(count * vectorLength).fill(0);
    this.#messages = Buffer.allocUnsafeSlow(count * messageLength).fill(0);
    this.#kept = [to, vectors];
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

  /** Sends the first `count` packets. @returns how many the kernel took @throws SystemError */
  send(count = this.#count): number {
    const sent: number = sendmmsgCall(this.#fd, this.#messages, count, 0);
    if (sent === -1) throw new SystemError('sendmmsg', koffi.errno());
    return sent;
  }

  close(): void {
    // Used here, so that nothing frees what the kernel reads before the last call.
    if (this.#kept.length > 0) libc().close(this.#fd);
  }
}

function addressOf(bytes: Buffer): bigint {
  return BigInt(koffi.address(bytes));
}
