/**
 * The few functions of the C library that Node does not offer, through koffi: Linux only, loaded on first use.
 *
 * Every call that can fail throws `SystemError` with the name of the call and of the error.
 */
import { constants } from 'node:os';
import koffi from 'koffi';

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
  setsockopt(fd: number, level: number, option: number, value: Bytes, length: number): number;
  sendto(
    fd: number,
    bytes: Bytes,
    length: number,
    flags: number,
    address: Bytes,
    addressLength: number,
  ): number;
  recv(fd: number, bytes: Bytes, length: number, flags: number): number;
  dup2(from: number, to: number): number;
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

function load(): Libc {
  const library = koffi.load(null);
  const checked = (prototype: string) => {
    const call = library.func(prototype);
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
    setsockopt: checked('int setsockopt(int, int, int, const void *, uint32_t)'),
    sendto: checked('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
    recv: checked('intptr_t recv(int, void *, size_t, int)'),
    dup2: checked('int dup2(int, int)'),
    fcntl: checked('int fcntl(int, int, int)'),
    flock: checked('int flock(int, int)'),
    close: checked('int close(int)'),
  };
}

/** A whole number as the four bytes that setsockopt takes. */
export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
