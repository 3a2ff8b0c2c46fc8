/**
 * Packets without any privilege: for TCP, connections are begun, and given up in the next turn of the event loop; for
 * UDP, a socket of its own sends each datagram.
 *
 * A connection sends one SYN: the kernel resolves nothing (the host is an address), and a socket destroyed while it
 * waits for its answer sends nothing and repeats nothing. Destroyed in the same turn, it would not have begun.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { udp } from './packet.js';

/** One packet to be sent. */
export interface Hit {
  /** IP protocol number: `tcp`, for a SYN, or `udp`. */
  readonly protocol: number;
  /** Destination port, 1 to 65535. */
  readonly port: number;
  /** What a datagram holds; nothing where undefined. */
  readonly payload?: Uint8Array | undefined;
}

/** How packets are sent. */
export interface SendOptions {
  /** Milliseconds between two of them; 0: as fast as they go. */
  readonly delayMs: number;
  readonly signal: AbortSignal | undefined;
  /** Told after each packet. */
  readonly onHit: (() => void) | undefined;
}

/** Answers to a SYN, so it had gone out. */
const answers = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT']);

/**
 * Sends one packet for each, in this order.
 * @param address with its zone where it has one (`fe80::1%eth0`); a name would be looked up for every port
 * @throws Error of Node with its `code` (such as ENETUNREACH) where a packet could not be sent; the signal's reason
 */
export async function sendHits(address: string, hits: readonly Hit[], options: SendOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const datagrams = await openDatagrams(address, hits);
  try {
    if (options.delayMs > 0) {
      await eachHit(hits, options, (hit, index) => sendTogether(address, [hit], [datagrams[index]]));
      return;
    }
    await sendTogether(address, hits, datagrams);
    for (const _ of hits) options.onHit?.();
  } finally {
    for (const socket of datagrams) socket?.close();
  }
}

type Datagrams = readonly (DatagramSocket | undefined)[];

/**
 * A socket for each datagram, ready before the first packet: later there is no time to wait for one. All of them are open
 * at once, so no two have the same source port.
 */
export async function openDatagrams(address: string, hits: readonly Hit[]): Promise<Datagrams> {
  const opening = hits.map(hit => (hit.protocol === udp ? openDatagram(address, hit.port) : undefined));
  const opened = await Promise.allSettled(opening);
  const sockets = opened.map(each => (each.status === 'fulfilled' ? each.value : undefined));
  const failed = opened.find(each => each.status === 'rejected');
  if (failed === undefined) return sockets;
  for (const socket of sockets) socket?.close();
  throw failed.reason;
}

async function openDatagram(address: string, port: number): Promise<DatagramSocket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.connect(port, address);
    await once(socket, 'connect');
  } catch (error) {
    socket.close();
    throw error;
  }
  // What comes back says only that the port is closed, as it should be.
  return socket.on('error', () => {});
}

/** Sends a datagram in the next tick. @throws Error of Node with its `code` */
export function sendDatagram(socket: DatagramSocket, payload: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = (error: Error | null) => {
      if (error === null || answers.has((error as NodeJS.ErrnoException).code ?? '')) resolve();
      else reject(error);
    };
    // As Node begins a connection to an address; sent at once, it would overtake those asked for before it.
    process.nextTick(() => socket.send(payload, sent));
  });
}

/** Begins all of them in one turn: what is sent in between by somebody else is all that can come between them. */
async function sendTogether(address: string, hits: readonly Hit[], datagrams: Datagrams): Promise<void> {
  const attempts: Attempt[] = [];
  const sent: Promise<void>[] = [];
  for (const [index, { port, payload = nothing }] of hits.entries()) {
    const datagram = datagrams[index];
    if (datagram !== undefined) sent.push(sendDatagram(datagram, payload));
    else attempts.push(new Attempt(connect({ host: address, port, autoSelectFamily: false })));
  }
  const outcomes = Promise.allSettled(sent);
  await nextTurn();
  for (const { socket } of attempts) socket.destroy();
  const failed = attempts.find(({ failure }) => failure !== undefined && !answers.has(failure.code ?? ''));
  if (failed !== undefined) throw failed.failure;
  for (const outcome of await outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

const nothing = new Uint8Array();

class Attempt {
  readonly socket: Socket;
  failure: NodeJS.ErrnoException | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', error => {
      this.failure = error;
    });
  }
}

/** Goes through the packets in order, with the delay between them, until the signal. */
export async function eachHit(
  hits: readonly Hit[],
  { delayMs, signal, onHit }: SendOptions,
  send: (hit: Hit, index: number) => void | Promise<void>,
): Promise<void> {
  for (const [index, hit] of hits.entries()) {
    // Its own error is not the one that the caller gave.
    if (index > 0 && delayMs > 0) await pause(delayMs, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
    await send(hit, index);
    onHit?.();
  }
}
