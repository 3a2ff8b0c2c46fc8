/**
 * Open descriptors from process to process, over Unix stream sockets (unix(7)): Linux only.
 *
 * One message carries one descriptor. Nothing here waits, but for `whenReadable`.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type Koffi from 'koffi';
import { closeOnExec, doNotWait, libc, nonBlocking, SystemError } from './libc.js';

const socketLevel = 1;
const rights = 1;
const domainOption = 39;
// One of the few numbers that not all processors share.
const peerOption = process.arch === 'ppc64' ? 21 : 17;
const unix = 1;
const stream = 1;

const noSignal = 0x4000;
const closeAtExec = 0x40000000;
const controlTruncated = 0x8;

const readable = 1;

/** struct msghdr; what lies between and behind the members is zero. */
interface Message {
  name: null;
  name_length: number;
  pieces: { base: Uint8Array; length: number }[];
  piece_count: number;
  control: Uint8Array;
  control_length: number;
  flags: number;
}

interface Calls {
  /** Of the call before. */
  errno(): number;
  /** sizeof(size_t), to which control messages are also aligned (cmsg(3)). */
  readonly wordLength: number;
  sendmsg(fd: number, message: Message, flags: number): number;
  recvmsg(fd: number, message: Message, flags: number): number;
  poll(request: Int16Array, timeoutMs: number, done: (error: unknown, count: number) => void): void;
}

let loaded: Calls | undefined;

/** Loaded on first use, as in libc.ts. */
function calls(): Calls {
  loaded ??= load();
  return loaded;
}

function load(): Calls {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const piece = koffi.struct({ base: 'void *', length: 'size_t' });
  const message = koffi.struct({
    name: 'void *',
    name_length: 'uint32_t',
    pieces: koffi.pointer(piece),
    piece_count: 'size_t',
    control: 'void *',
    control_length: 'size_t',
    flags: 'int',
  });
  const pointer = koffi.pointer(message);
  const sendmsg = library.func('sendmsg', 'intptr_t', ['int', pointer, 'int']);
  const recvmsg = library.func('recvmsg', 'intptr_t', ['int', koffi.inout(pointer), 'int']);
  const poll = library.func('int poll(void *, unsigned long, int)');
  return {
    errno: () => koffi.errno(),
    wordLength: koffi.sizeof('size_t'),
    sendmsg: (fd, message, flags) => Number(sendmsg(fd, message, flags)),
    recvmsg: (fd, message, flags) => Number(recvmsg(fd, message, flags)),
    poll: (request, timeoutMs, done) => poll.async(request, 1, timeoutMs, done),
  };
}

const wordLength = () => calls().wordLength;
const headerLength = () => wordLength() + 8;
const descriptorLength = 4;

function encodeRights(descriptor: number): Buffer {
  const header = headerLength();
  const control = Buffer.alloc(header + wordLength());
  const view = new DataView(control.buffer, control.byteOffset);
  setWord(view, header + descriptorLength);
  view.setInt32(wordLength(), socketLevel, isLittle);
  view.setInt32(wordLength() + 4, rights, isLittle);
  view.setInt32(header, descriptor, isLittle);
  return control;
}

const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function setWord(view: DataView, value: number): void {
  if (wordLength() === 8) view.setBigUint64(0, BigInt(value), isLittle);
  else view.setUint32(0, value, isLittle);
}

function messageOf(bytes: Uint8Array, control: Uint8Array): Message {
  return {
    name: null,
    name_length: 0,
    pieces: [{ base: bytes, length: bytes.length }],
    piece_count: 1,
    control,
    control_length: control.length,
    flags: 0,
  };
}

/**
 * Sends bytes, and with the first of them an open descriptor; ours stays open.
 * @param bytes at least one, and few: what does not fit into the socket's buffer at once is a failure
 * @throws SystemError, EAGAIN where there is no room
 */
export function sendDescriptor(socket: number, bytes: Uint8Array, descriptor: number): void {
  const { EMSGSIZE, EINVAL } = constants.errno;
  if (bytes.length === 0) throw new SystemError('sendmsg', EINVAL);
  const sent = calls().sendmsg(socket, messageOf(bytes, encodeRights(descriptor)), doNotWait | noSignal);
  if (sent === -1) throw new SystemError('sendmsg', calls().errno());
  if (sent < bytes.length) throw new SystemError('sendmsg', EMSGSIZE);
}

/** What one call read. */
export interface Received {
  /** Of the bytes; 0 at the end of the stream. */
  readonly length: number;
  /** Ours to close from now on, and closed at exec. */
  readonly descriptor: number | undefined;
}

/**
 * Reads what has come, and the descriptor that came with it.
 *
 * Only one has room: of more the kernel opens none here. Where that happens, the one is closed as well.
 * @param buffer where the bytes are put
 * @returns undefined where nothing has come yet
 * @throws SystemError, EPROTO where more than one descriptor came
 */
export function receiveDescriptor(socket: number, buffer: Uint8Array): Received | undefined {
  // No longer than for one: padding would have room for another.
  const control = Buffer.alloc(headerLength() + descriptorLength);
  const message = messageOf(buffer, control);
  const length = calls().recvmsg(socket, message, doNotWait | closeAtExec);
  const errno = calls().errno();
  if (length === -1 && errno === constants.errno.EAGAIN) return undefined;
  if (length === -1) throw new SystemError('recvmsg', errno);
  const descriptor = decodeRights(control.subarray(0, message.control_length));
  if ((message.flags & controlTruncated) === 0) return { length, descriptor };
  if (descriptor !== undefined) libc().close(descriptor);
  throw new SystemError('recvmsg', constants.errno.EPROTO);
}

function decodeRights(control: Buffer): number | undefined {
  const header = headerLength();
  if (control.length < header + descriptorLength) return undefined;
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const level = view.getInt32(wordLength(), isLittle);
  const kind = view.getInt32(wordLength() + 4, isLittle);
  return level === socketLevel && kind === rights ? view.getInt32(header, isLittle) : undefined;
}

/** A Unix stream socket that is not connected yet. @throws SystemError */
export function openUnix(): number {
  return libc().socket(unix, stream | nonBlocking | closeOnExec, 0);
}

/** Who is at the other end of a Unix stream socket: who connected, or who listened, at that moment. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** @throws SystemError, EAFNOSUPPORT where it is a socket of another kind */
export function peerOf(socket: number): Peer {
  // Of other sockets the kernel says a user that nobody is.
  if (readInts(socket, domainOption, 1)[0] !== unix) {
    throw new SystemError('getsockopt', constants.errno.EAFNOSUPPORT);
  }
  const [pid, uid, gid] = readInts(socket, peerOption, 3);
  return { pid: pid!, uid: uid! >>> 0, gid: gid! >>> 0 };
}

function readInts(socket: number, option: number, count: number): Int32Array {
  const value = new Int32Array(count);
  const length = Uint32Array.of(value.byteLength);
  libc().getsockopt(socket, socketLevel, option, new Uint8Array(value.buffer), length);
  return value;
}

/**
 * Waits, in a thread of its own, until there is something to read or the other end has closed. The process cannot exit
 * meanwhile: shutdown(2) of the socket ends the waiting.
 * @returns whether there is
 */
export function whenReadable(socket: number, timeoutMs: number): Promise<boolean> {
  // struct pollfd: the descriptor, what to wait for, what has happened.
  const request = new Int16Array(4);
  new Int32Array(request.buffer, 0, 1)[0] = socket;
  request[2] = readable;
  return new Promise((resolve, reject) => {
    calls().poll(request, timeoutMs, (error, count) => {
      if (error) reject(error);
      else resolve(count > 0 && request[3] !== 0);
    });
  });
}
