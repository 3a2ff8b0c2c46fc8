/** Joining a connection to two streams, such as standard input and output. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { devNull } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode, OperatorError } from '../system/error.js';

/** Joins a connection to standard input and output, until both directions have ended. @throws as `join` */
export function joinStandard(socket: Socket): Promise<void> {
  const output = standardOutput();
  return join(socket, process.stdin, output, output === process.stdout ? undefined : closeStandardOutput);
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
