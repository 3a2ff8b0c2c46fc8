/** For ProxyCommand: knocks, connects, and joins the connection to standard input and output. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { devNull } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode, OperatorError } from '../system/error.js';
import { chooseDoorTo } from './door.js';
import { KnockError } from './failure.js';
import type { Invocation } from './invocation.js';
import { composerOf, profileJob } from './job.js';
import { deliver } from './knock.js';
import { loadProfile } from './profiles.js';
import { failed } from './run.js';
import { Screen } from './screen.js';

type Proxy = Extract<Invocation, { form: 'proxy' }>;

/** @returns the exit status @throws OperatorError */
export async function runProxy({ name, host, port, options }: Proxy): Promise<number> {
  const profile = loadProfile(name);
  const door = chooseDoorTo(profile, options.door, port);
  const job = profileJob(profile, door, options, profile.host ?? host);
  const screen = new Screen({ ...options, place: name, waitPort: port, live: false });
  const composer = await composerOf(job, why => screen.note(why));
  // ssh hands over the alias where its configuration says no more; the profile knows better.
  const doorHost = host === name ? job.options.host : host;
  try {
    const wanted = { ...job.options, wait: port };
    const { result, socket } = await deliver(wanted, { composer, watch: screen.watch, doorHost });
    screen.note(`connected to ${result.opened?.address} after ${result.opened?.waitMs.toFixed(1)} ms`);
    const output = standardOutput();
    await join(socket!, process.stdin, output, output === process.stdout ? undefined : closeStandardOutput);
    return 0;
  } catch (error) {
    if (error instanceof KnockError) return failed(error);
    throw error;
  }
}

/**
 * Joins both directions; each ends by itself, as TCP's do.
 * @param closeOutput tells the reader of `output` that all has been written; where nothing can, the end of the far side
 *   ends both directions
 * @throws OperatorError where the connection breaks
 */
export async function join(
  socket: Socket,
  input: Readable,
  output: Writable,
  closeOutput?: () => void,
): Promise<void> {
  const outward = pipeline(input, socket).catch(ignore);
  try {
    // Where one direction breaks, so does the socket, and this one tells of it.
    await pipeline(socket, output);
    closeOutput?.();
    if (closeOutput !== undefined) await outward;
  } catch (error) {
    // Whoever read what came has gone: an end as good as any.
    if (errorCode(error) === 'EPIPE') return;
    throw new OperatorError('broken', `the connection broke (${errorCode(error) ?? String(error)})`, {
      hint: 'see on the server what ended it',
    });
  } finally {
    socket.destroy();
    input.destroy();
  }
}

function ignore(): void {}

/** Standard output that waits for a slow reader without stopping the other direction, where it is a pipe. */
function standardOutput(): Writable {
  const stat = fstatSync(1);
  if (!stat.isFIFO() && !stat.isSocket()) return process.stdout;
  return new Socket({ fd: 1, readable: false, writable: true });
}

/** Node and libuv leave the standard descriptors open whatever ends, and the reader would wait for more. */
function closeStandardOutput(): void {
  closeSync(1);
  // Takes the lowest free descriptor: what is opened next must not become standard output.
  openSync(devNull, 'w');
}
