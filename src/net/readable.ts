/**
 * Any file descriptor that can be polled, as a readable `net.Socket`: one callback a datagram, no pool thread.
 *
 * Node takes only descriptors whose kind it knows. So it is handed a socket pair, and the wanted descriptor is put in
 * the place of one end before Node has started to poll it. The other end stays open, or Node would see an end.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { int32, libc } from './libc.js';

const unix = 1;
const stream = 1;
const closeOnExec = 0o2000000;
const getFlags = 3;
const setFlags = 4;
const nonBlocking = 0o4000;

/**
 * Reads a descriptor from the event loop, which it keeps alive. The descriptor itself is closed: the socket has it now.
 * @param buffer where every datagram is put, over the one before
 */
export function readDescriptor(fd: number, buffer: Buffer, datagram: (bytes: Buffer) => void): Socket {
  const c = libc();
  const pair = new Int32Array(2);
  c.socketpair(unix, stream | closeOnExec, 0, pair);
  const [place = -1, other = -1] = pair;
  const onread = {
    buffer,
    callback: (length: number) => {
      datagram(buffer.subarray(0, length));
      return true;
    },
  };
  // The constructor takes `onread` as well as connect does; only its type does not say so.
  const socket = new Socket({ fd: place, readable: true, writable: false, onread } as SocketConstructorOpts);
  c.dup2(fd, place);
  c.fcntl(place, setFlags, c.fcntl(place, getFlags, 0) | nonBlocking);
  c.close(fd);
  socket.on('close', () => c.close(other));
  socket.resume();
  return socket;
}

const socketLevel = 1;
const receiveBuffer = 8;
const receiveBufferForce = 33;

/** Gives a socket as large a receive buffer as the kernel allows us, up to `length` bytes. */
export function enlargeReceiveBuffer(fd: number, length: number): void {
  try {
    libc().setsockopt(fd, socketLevel, receiveBufferForce, int32(length), 4);
  } catch {
    // Without CAP_NET_ADMIN over the first user namespace there is only the size that net.core.rmem_max allows.
    libc().setsockopt(fd, socketLevel, receiveBuffer, int32(length), 4);
  }
}
