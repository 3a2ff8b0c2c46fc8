/**
 * Any file descriptor that can be polled, as a readable `net.Socket`: one callback a datagram, no pool thread.
 *
 * Node takes only descriptors whose kind it knows. So it is handed a socket pair, and the wanted descriptor is put in
 * the place of one end before Node has started to poll it. The other end stays open, or Node would see an end.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { closeOnExec, int32, libc, nonBlocking } from './libc.js';

const unix = 1;
const stream = 1;
const setDescriptorFlags = 2;
const closeAtExec = 1;
const getFlags = 3;
const setFlags = 4;

/** Two connected stream sockets, closed at exec. */
export function socketPair(): [number, number] {
  const pair = new Int32Array(2);
  libc().socketpair(unix, stream | closeOnExec, 0, pair);
  return [pair[0]!, pair[1]!];
}

/** What Node reads into one buffer, over and over: no allocation for each piece. */
function readingInto(buffer: Buffer, piece: (bytes: Buffer) => void): SocketConstructorOpts {
  const onread = {
    buffer,
    callback: (length: number) => {
      piece(buffer.subarray(0, length));
      return true;
    },
  };
  // The constructor takes `onread` as well as connect does; only its type does not say so.
  return { readable: true, onread } as SocketConstructorOpts;
}

/** A stream socket for both directions; what comes in is put in `buffer`, over what came before. */
export function openStream(fd: number, buffer: Buffer, piece: (bytes: Buffer) => void): Socket {
  return new Socket({ ...readingInto(buffer, piece), fd, writable: true }).resume();
}

/**
 * Reads a descriptor from the event loop, which it keeps alive. The descriptor itself is closed: the socket has it now.
 * @param buffer where every datagram is put, over the one before
 */
export function readDescriptor(fd: number, buffer: Buffer, datagram: (bytes: Buffer) => void): Socket {
  const c = libc();
  const [place, other] = socketPair();
  const socket = new Socket({ ...readingInto(buffer, datagram), fd: place, writable: false });
  c.dup2(fd, place);
  // What dup2 makes stays open at exec, and commands are no readers of ours.
  c.fcntl(place, setDescriptorFlags, closeAtExec);
  c.fcntl(place, setFlags, c.fcntl(place, getFlags, 0) | nonBlocking);
  c.close(fd);
  socket.on('close', () => c.close(other));
  return socket.resume();
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
