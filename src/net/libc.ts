/**
 * The few functions of the C library that Node does not offer, through koffi: Linux only, loaded on first use.
 *
 * Every call that can fail throws `SystemError` with the name of the call and of the error.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type Koffi from 'koffi';
import type { TypeObject } from 'koffi';

/** Loaded on first use, and without a promise: a library that may never need it must come without it. */
let koffi: typeof Koffi;

/** SOCK_CLOEXEC and SOCK_NONBLOCK for a socket's type; the latter is a file's O_NONBLOCK too (socket(2)). */
export const closeOnExec = 0o2000000;
export const nonBlocking = 0o4000;
/** MSG_DONTWAIT (recv(2)). */
export const doNotWait = 0x40;

/** A call of the C library that failed. */
export class SystemError extends Error {
  readonly code: string;
  readonly call: string;

  constructor(call: string, errno: number) {
    const code =
      Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.name = 'SystemError';
    this.code = code;
    this.call = call;
  }
}

type Bytes = Uint8Array | null;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number;
  bind(fd: number, address: Bytes, length: number): number;
  connect(fd: number, address: Bytes, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Bytes, length: number): number;
  /** A classic BPF program, 8 bytes an instruction. */
  attachFilter(fd: number, program: Uint8Array): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array): number;
  sendto(
    fd: number,
    bytes: Bytes,
    length: number,
    flags: number,
    address: Bytes,
    addressLength: number,
  ): number;
  /** @param control messages as cmsg(3) lays them out */
  sendmsg(fd: number, address: Uint8Array, bytes: Uint8Array, control: Uint8Array, flags: number): number;
  recv(fd: number, bytes: Bytes, length: number, flags: number): number;
  /** As recv, but −1 where nothing is there. */
  recvNow(fd: number, bytes: Bytes, length: number): number;
  /** 0 where there is none. */
  if_nametoindex(name: string): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  dup2(from: number, to: number): number;
  dup3(from: number, to: number, flags: number): number;
  fcntl(fd: number, command: number, value: number): number;
  flock(fd: number, operation: number): number;
  close(fd: number): number;
}

let loaded: Libc | undefined;

/** The functions, each throwing `SystemError` where it returns −1. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

/** A function of the library that throws where it returns −1. */
type Checked = (...prototype: Prototype) => (...args: unknown[]) => number;
/** As text; or as name, result and parameters, where a type has no name. */
type Prototype = [text: string] | [name: string, result: string, parameters: (string | TypeObject)[]];

function load(): Libc {
  koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const checked: Checked = (...prototype) => {
    const call = prototype.length === 1 ? library.func(...prototype) : library.func(...prototype);
    return (...args: unknown[]): number => {
      const result = Number(call(...args));
      if (result === -1) throw new SystemError(call.info.name, koffi.errno());
      return result;
    };
  };
  return {
    socket: checked('int socket(int, int, int)'),
    socketpair: checked('int socketpair(int, int, int, int *)'),
    bind: checked('int bind(int, const void *, uint32_t)'),
    connect: checked('int connect(int, const void *, uint32_t)'),
    setsockopt: checked('int setsockopt(int, int, int, const void *, uint32_t)'),
    attachFilter: filterSetter(checked),
    getsockopt: checked('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)'),
    sendto: checked('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
    sendmsg: messageSender(checked),
    recv: checked('intptr_t recv(int, void *, size_t, int)'),
    recvNow: receiver(library),
    if_nametoindex: library.func('unsigned int if_nametoindex(const char *)'),
    ioctl: checked('int ioctl(int, unsigned long, void *)'),
    dup2: checked('int dup2(int, int)'),
    dup3: checked('int dup3(int, int, int)'),
    fcntl: checked('int fcntl(int, int, int)'),
    flock: checked('int flock(int, int)'),
    close: checked('int close(int)'),
  };
}

/** Nothing to read is no exception: making one would cost more than the reading. */
function receiver(library: ReturnType<typeof koffi.load>): Libc['recvNow'] {
  const recv = library.func('intptr_t recv(int, void *, size_t, int)');
  return (fd, bytes, length) => {
    const result = Number(recv(fd, bytes, length, doNotWait));
    if (result === -1 && koffi.errno() !== constants.errno.EAGAIN)
      throw new SystemError('recv', koffi.errno());
    return result;
  };
}

const socketLevel = 1;
const attachFilterOption = 26;
const instructionLength = 8;

/**
 * The one option whose value has a pointer in it: struct sock_fprog of linux/filter.h. Types have no names here, below and
 * elsewhere: koffi has one space of names for the whole process, in which this library may be loaded twice.
 */
function filterSetter(checked: Checked): Libc['attachFilter'] {
  const type = koffi.struct({ len: 'uint16_t', filter: 'const void *' });
  const set = checked('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(type), 'uint32_t']);
  return (fd, program) =>
    set(
      fd,
      socketLevel,
      attachFilterOption,
      { len: program.length / instructionLength, filter: program },
      koffi.sizeof(type),
    );
}

/** struct msghdr and struct iovec of sendmsg(2). */
function messageSender(checked: Checked): Libc['sendmsg'] {
  const piece = koffi.struct({ base: 'const void *', length: 'size_t' });
  const message = koffi.struct({
    name: 'const void *',
    nameLength: 'uint32_t',
    pieces: koffi.pointer(piece),
    pieceCount: 'size_t',
    control: 'const void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const send = checked('sendmsg', 'intptr_t', ['int', koffi.pointer(message), 'int']);
  return (fd, name, base, control, flags) => {
    const pieces = { base, length: base.length };
    const [nameLength, controlLength] = [name.length, control.length];
    return send(fd, { name, nameLength, pieces, pieceCount: 1, control, controlLength, flags: 0 }, flags);
  };
}

/** A whole number as the four bytes that setsockopt takes. */
export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
