/**
 * SYNs without any privilege: connections are begun, and given up in the next turn of the event loop.
 *
 * That sends one SYN each, in order: the kernel resolves nothing (the host is an address), and a socket destroyed while
 * it waits for its answer sends nothing and repeats nothing. Destroyed in the same turn, it would not have begun.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';

/** How SYNs are sent. */
export interface SynOptions {
  /** Milliseconds between two of them; 0: as fast as they go. */
  readonly delayMs: number;
  readonly signal: AbortSignal | undefined;
  /** Told after each SYN. */
  readonly onSyn: (() => void) | undefined;
}

/** Answers to a SYN, so it had gone out. */
const answers = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT']);

/**
 * Sends one SYN to each port, in this order.
 * @param address with its zone where it has one (`fe80::1%eth0`); a name would be looked up for every port
 * @throws Error of Node with its `code` (such as ENETUNREACH) where a SYN could not be sent; the signal's reason
 */
export async function sendSyns(
  address: string,
  ports: readonly number[],
  options: SynOptions,
): Promise<void> {
  if (options.delayMs > 0) return eachPort(ports, options, port => sendTogether(address, [port]));
  options.signal?.throwIfAborted();
  await sendTogether(address, ports);
  for (const _ of ports) options.onSyn?.();
}

/** Begins all of them in one turn: what is sent in between by somebody else is all that can come between them. */
async function sendTogether(address: string, ports: readonly number[]): Promise<void> {
  const attempts = ports.map(port => new Attempt(connect({ host: address, port, autoSelectFamily: false })));
  await nextTurn();
  for (const { socket } of attempts) socket.destroy();
  const failed = attempts.find(({ failure }) => failure !== undefined && !answers.has(failure.code ?? ''));
  if (failed !== undefined) throw failed.failure;
}

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

/** Goes through the ports in order, with the delay between them, until the signal. */
export async function eachPort(
  ports: readonly number[],
  { delayMs, signal, onSyn }: SynOptions,
  send: (port: number) => void | Promise<void>,
): Promise<void> {
  for (const [index, port] of ports.entries()) {
    // Its own error is not the one that the caller gave.
    if (index > 0 && delayMs > 0) await pause(delayMs, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
    await send(port);
    onSyn?.();
  }
}
