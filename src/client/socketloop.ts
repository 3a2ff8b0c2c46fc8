/**
 * The socket service without systemd: listens on a socket file, and starts a process of its own for each who asks, which
 * serves him on descriptor 3. This one never reads what anybody says.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, lstatSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { peerOf } from '../net/descriptors.js';
import { errorCode, OperatorError } from '../system/error.js';
import { lockFile } from './lock.js';
import { formatReply, longestWaitMs } from './socketrequest.js';

/** As many are served at a time, of one user fewer, so that none keeps out the others; as many wait for it. */
export const mostServed = 16;
export const mostServedOfOne = 8;
export const mostWaiting = 256;
export const mostWaitingOfOne = 128;

/** Everyone may ask: the profiles say who is given something. */
const everyone = 0o666;

/** One who asks, before he is served. */
interface Waiting {
  readonly socket: Socket;
  readonly uid: number;
}

/**
 * Serves on a socket file until SIGTERM or SIGINT, and takes the file away again.
 * @param command what serves one request on descriptor 3, after the name of this program's Node
 * @throws OperatorError
 */
export async function serveSocketFile(path: string, command: readonly string[]): Promise<void> {
  const queue = new ServiceQueue(command);
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, socket => queue.add(socket));
  const ended = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => ended.abort());
  await listen(server, path);
  // Such as too many open files: the next one may be let in again.
  server.on('error', error => tell(`cannot let somebody in: ${errorCode(error)}`));
  tell(`the socket service listens on ${path}`);
  if (!ended.signal.aborted) await once(ended.signal, 'abort');
  server.close();
  queue.end();
}

/** Takes the place of a service that is not there any more, never of one that is. @throws OperatorError */
async function listen(server: Server, path: string): Promise<void> {
  const lock = openLock(`${path}.lock`);
  try {
    // Of two that start at once, one finds the other's socket already.
    if (!(await lockFile(lock)) || (await isServed(path))) {
      throw new OperatorError('already-running', `${path}: another service listens there`, {
        hint: 'end it first, or give another path',
      });
    }
    removeSocket(path);
    // Made with its mode, by this call and not later: by its name, another file's could be changed.
    const before = process.umask(0o777 & ~everyone);
    server.listen(path);
    process.umask(before);
    await once(server, 'listening');
  } catch (error) {
    throw error instanceof OperatorError ? error : unusable(path, error);
  } finally {
    closeSync(lock);
  }
}

/** A file, and not the folder itself, which everyone can lock. It stays: taken away, it would lock nobody out. */
function openLock(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): OperatorError {
  return new OperatorError('no-socket', `${path}: cannot be listened on (${errorCode(error)})`, {
    hint: 'its folder must be there, and ours to write to',
  });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', error => {
      const code = errorCode(error);
      // A listener with a full queue is one all the same.
      if (code === 'EAGAIN') resolve(true);
      else if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve(false);
      else reject(error);
    });
  });
}

function removeSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new OperatorError('no-socket', `${path}: there is something else than a socket`, {
      hint: 'give another path, or take it away',
    });
  }
  rmSync(path);
}

/** Those who wait, and those who are served. */
class ServiceQueue {
  readonly #command: readonly string[];
  #waiting: Waiting[] = [];
  readonly #served = new Map<ChildProcess, number>();

  constructor(command: readonly string[]) {
    this.#command = command;
  }

  add(socket: Socket): void {
    socket.on('error', () => {});
    const uid = uidOf(socket);
    const ofOne = this.#waiting.filter(waiting => waiting.uid === uid).length;
    if (uid === undefined || this.#waiting.length >= mostWaiting || ofOne >= mostWaitingOfOne) {
      socket.end(busy, () => socket.destroy());
      return;
    }
    this.#waiting.push({ socket, uid });
    this.#serveNext();
  }

  /** Ends all at once: who is being served hears nothing more. */
  end(): void {
    for (const { socket } of this.#waiting) socket.destroy();
    this.#waiting = [];
    for (const child of this.#served.keys()) child.kill('SIGTERM');
  }

  #serveNext(): void {
    while (this.#served.size < mostServed) {
      const next = this.#waiting.find(({ uid }) => this.#countOf(uid) < mostServedOfOne);
      if (next === undefined) return;
      this.#waiting = this.#waiting.filter(waiting => waiting !== next);
      this.#serve(next);
    }
  }

  #countOf(uid: number): number {
    return [...this.#served.values()].filter(served => served === uid).length;
  }

  #serve({ socket, uid }: Waiting): void {
    const child = spawn(process.execPath, this.#command, {
      stdio: ['ignore', 'ignore', 'inherit', socket],
      timeout: longestWaitMs + longestRunMs,
    });
    socket.destroy();
    this.#served.set(child, uid);
    const end = () => {
      if (this.#served.delete(child)) this.#serveNext();
    };
    child.on('exit', end);
    child.on('error', error => {
      tell(`cannot serve: ${errorCode(error)}`);
      end();
    });
  }
}

/** What serving takes beside the waiting for a connection. */
const longestRunMs = 30_000;

const busy = formatReply({
  error: 'busy',
  message: 'too many ask the socket service at once',
  hint: 'try again',
});

function uidOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd: number } };
  return handle === undefined ? undefined : peerOf(handle.fd).uid;
}

function tell(line: string): void {
  process.stderr.write(`portknock: ${line}\n`);
}
