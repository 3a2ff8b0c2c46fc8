/**
 * Connections one after the other, with a sequence number of our own or with the kernel's: what each takes, from before
 * its socket is made until it stands. It blocks the event loop meanwhile.
 */
import { beginConnect, drop, isConnected, socketAddress, waitExactly } from './sockets.js';

/** A connection to be made. */
export interface Connection {
  readonly port: number;
  /** Undefined: as the kernel chooses. */
  readonly number?: number | undefined;
}

export interface ConnectRequest {
  readonly do: 'connect';
  /** Dotted IPv4: the client's, and the server's. */
  readonly source: string;
  readonly address: string;
  readonly connections: readonly Connection[];
  /** For each. */
  readonly timeoutMs: number;
}

export interface ConnectResult {
  /** Milliseconds, in order. */
  readonly times: readonly number[];
  /** From the first to the end of the last. */
  readonly ms: number;
}

/** @throws Error where one does not come about in time */
export function connectAll({ source, address, connections, timeoutMs }: ConnectRequest): ConnectResult {
  waitExactly();
  const from = socketAddress(source, 0);
  const ports = new Map(connections.map(({ port }) => [port, socketAddress(address, port)]));
  const begun = performance.now();
  const times = connections.map(({ port, number }) => {
    const before = performance.now();
    const fd = beginConnect(ports.get(port)!, from, number);
    const connected = isConnected(fd, timeoutMs);
    const ms = performance.now() - before;
    drop(fd);
    if (!connected) throw new Error(`port ${port} did not open within ${timeoutMs} ms`);
    return ms;
  });
  return { times, ms: performance.now() - begun };
}
