/**
 * A file of sequences for one use each, shared with the server by copy: the next line is taken and marked as the server's
 * knockd marks it, so that both stay in step. Marked durably, before anything of it is sent.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { nextLine, type OneTimeLine, usedMark } from '../methods/plain-sequence/lines.js';
import { errorCode, OperatorError } from '../system/error.js';
import { requirePrivate } from '../system/secret.js';
import type { Warn } from './composer.js';
import { KnockError } from './failure.js';
import { lockFile } from './lock.js';

/** The next line, which nobody gets again. @throws KnockError `used-up`, `sequence-file` */
export async function takeLine(path: string, warn: Warn): Promise<OneTimeLine> {
  return withFile(path, 'r+', async fd => {
    await lock(fd, path);
    const line = findLine(fd, path, warn);
    writeSync(fd, Uint8Array.of(usedMark), 0, 1, line.offset);
    fsyncSync(fd);
    return line;
  });
}

/** The next line, left as it is. @throws KnockError `used-up`, `sequence-file` */
export async function peekLine(path: string, warn: Warn): Promise<OneTimeLine> {
  return withFile(path, 'r', async fd => findLine(fd, path, warn));
}

async function withFile<Value>(
  path: string,
  flags: 'r' | 'r+',
  use: (fd: number) => Promise<Value>,
): Promise<Value> {
  let fd: number | undefined;
  try {
    fd = openSync(path, flags);
    const stat = fstatSync(fd);
    // Of the open file, so that what is checked is what is read.
    requirePrivate(path, stat, {});
    if (!stat.isFile()) throw new KnockError('sequence-file', `${path}: not a file`);
    return await use(fd);
  } catch (error) {
    throw unusable(path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function unusable(path: string, error: unknown): unknown {
  if (error instanceof KnockError) return error;
  if (error instanceof OperatorError) {
    return new KnockError('sequence-file', error.message, { hint: error.hint });
  }
  const code = errorCode(error);
  if (code === undefined) return error;
  if (code === 'ENOENT') {
    return new KnockError('sequence-file', `${path}: no such file`, {
      hint: 'it is a copy of the file that the server has as one_time_sequences',
    });
  }
  return new KnockError('sequence-file', `${path}: cannot be read and marked (${code})`, {
    hint: 'used lines are marked in it: it must be yours to write',
  });
}

/** Keeps other clients away until the file is closed: two must not take the same line. */
async function lock(fd: number, path: string): Promise<void> {
  if (await lockFile(fd)) return;
  throw new KnockError('sequence-file', `${path}: another program has locked it`, {
    hint: 'see which with: lsof FILE',
  });
}

function findLine(fd: number, path: string, warn: Warn): OneTimeLine {
  const { next, wrong } = nextLine(readFileSync(fd));
  for (const { line, mistake } of wrong) warn(`${path}:${line}: ${mistake}; skipped, as the server skips it`);
  if (next === undefined) {
    throw new KnockError('used-up', `${path}: no one-time sequence is left`, {
      hint: 'add lines to it, the same here and on the server',
    });
  }
  if (next.sequence.some(({ port }) => port === 0)) {
    throw new KnockError('sequence-file', 'port 0 cannot be knocked at', {
      file: path,
      line: next.line,
      hint: 'the server waits for this line: mend it there too, or put a "#" before it in both files',
    });
  }
  return next;
}
