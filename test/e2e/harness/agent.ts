/**
 * A program that waits within a namespace and does what a test asks, one JSON object a line in, one out: so that a
 * connection is tried in a few milliseconds, without starting a program for it. Its other end is host.ts.
 */
import { connect, createServer, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { numberedSocket } from './numbered.js';

/** What became of an attempt to connect. */
export type PortState = 'open' | 'refused' | 'silent';

export type Request =
  | { readonly do: 'probe'; readonly address: string; readonly port: number; readonly waitMs: number }
  | {
      readonly do: 'greet';
      readonly address: string;
      readonly port: number;
      readonly waitMs: number;
      /** The sequence number of its SYN; the kernel's own where there is none. */
      readonly number?: number;
    }
  | { readonly do: 'tap'; readonly address: string; readonly ports: readonly number[] }
  | { readonly do: 'serve'; readonly port: number; readonly greeting: string };

export interface Reply {
  readonly state?: PortState;
  readonly greeting?: string;
  readonly error?: string;
}

const act = {
  probe: (request: Request & { do: 'probe' }) =>
    attempt(request.address, request.port, request.waitMs, (socket, settle) => {
      socket.on('connect', () => settle({ state: 'open' }));
    }),
  greet: (request: Request & { do: 'greet' }) =>
    attempt(
      request.address,
      request.port,
      request.waitMs,
      (socket, settle) => {
        socket.on('data', data => settle({ state: 'open', greeting: data.toString('utf8').trimEnd() }));
      },
      request.number,
    ),
  tap: async ({ address, ports }: Request & { do: 'tap' }) => {
    for (const port of ports) await tap(address, port);
    return {};
  },
  serve: ({ port, greeting }: Request & { do: 'serve' }) =>
    new Promise<Reply>(settle => {
      const server = createServer(socket => {
        // Half a conversation that its client broke off is nobody's error.
        socket.on('error', () => {});
        socket.end(`${greeting}\n`);
      });
      server.on('error', error => settle({ error: error.message }));
      server.listen(port, '::', () => settle({}));
    }),
};

/** Sends one SYN: a connection that is begun and then abandoned sends no more. */
async function tap(address: string, port: number): Promise<void> {
  const socket = connect({ host: address, port });
  socket.on('error', () => {});
  // It leaves in the next turn of the loop, not at once.
  await new Promise(resolve => setImmediate(resolve));
  socket.destroy();
}

function attempt(
  address: string,
  port: number,
  waitMs: number,
  watch: (socket: Socket, settle: (reply: Reply) => void) => void,
  number?: number,
): Promise<Reply> {
  return new Promise(resolve => {
    const socket = number === undefined ? new Socket() : numberedSocket(address, number);
    socket.connect({ host: address, port });
    const settle = (reply: Reply) => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(reply);
    };
    const deadline = setTimeout(settle, waitMs, { state: 'silent' });
    socket.on('error', (error: NodeJS.ErrnoException) => settle(failure(error)));
    watch(socket, settle);
  });
}

function failure(error: NodeJS.ErrnoException): Reply {
  if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') return { state: 'refused' };
  if (error.code === 'ETIMEDOUT') return { state: 'silent' };
  return { error: error.message };
}

function perform(request: Request): Promise<Reply> {
  switch (request.do) {
    case 'probe':
      return act.probe(request);
    case 'greet':
      return act.greet(request);
    case 'tap':
      return act.tap(request);
    case 'serve':
      return act.serve(request);
  }
}

const requests = createInterface({ input: process.stdin });
requests.on('line', async line => {
  const { id, ...request } = JSON.parse(line) as Request & { id: number };
  process.stdout.write(`${JSON.stringify({ id, ...(await perform(request)) })}\n`);
});
// Its test has ended.
requests.on('close', () => process.exit());
