/**
 * Files that say whom to trust: no secrets, but nobody else than their owner may write them, as sshd's StrictModes has it.
 *
 * They may lie in a user's home, who can put there what he likes: nothing here waits, and nothing is read without bound.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, OperatorError } from './error.js';

const othersMayWrite = 0o022;
/** Whoever may write into such a folder can take nothing away from others (sticky). */
const onlyOwn = 0o1000;

/** open(2): only the name is followed, and nothing happens to what is there. Node has no name for it. */
const pathOnly = 0o10000000;
const withoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK;

/** The bytes of a file that its owner alone can change. @throws OperatorError, which says why not, without a place */
export function readTrustedFile(path: string, longest: number): Uint8Array {
  try {
    return withFile(path, pathOnly, handle => {
      const file = fstatSync(handle);
      requireTrusted(path, file);
      if (file.size > longest) throw tooLong(path, longest);
      // Such as the kernel's own, a link to which may lead here: some of them keep their reader until there is news.
      if (file.size === 0) return new Uint8Array();
      // What was looked at, whatever has the name by now: to open a device may do something.
      return withFile(`/proc/self/fd/${handle}`, withoutWaiting, fd => readUpTo(fd, path, longest));
    });
  } catch (error) {
    throw error instanceof OperatorError ? error : unreadable(path, error);
  }
}

function withFile<Value>(path: string, flags: number, use: (fd: number) => Value): Value {
  const fd = openSync(path, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function requireTrusted(path: string, file: Stats): void {
  if (!file.isFile()) throw new OperatorError('bad-keys', `${path}: not a file`);
  requireOwnersAlone(path, file.mode);
  requireTrustedFolder(dirname(realpathSync(path)));
}

/** Whoever may write into a folder above could put another in its place. */
function requireTrustedFolder(folder: string): void {
  const { mode } = statSync(folder);
  if ((mode & onlyOwn) === 0) requireOwnersAlone(folder, mode);
  if (dirname(folder) !== folder) requireTrustedFolder(dirname(folder));
}

function requireOwnersAlone(path: string, mode: number): void {
  if ((mode & othersMayWrite) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  throw new OperatorError('open-keys', `${path}: others than its owner may write it (mode ${octal})`, {
    hint: `chmod go-w ${path}`,
  });
}

/** It may grow while it is read. */
function readUpTo(fd: number, path: string, longest: number): Uint8Array {
  const bytes = Buffer.alloc(longest + 1);
  let length = 0;
  let read: number;
  do {
    read = readSync(fd, bytes, length, bytes.length - length, null);
    length += read;
  } while (read > 0 && length <= longest);
  if (length <= longest) return bytes.subarray(0, length);
  throw tooLong(path, longest);
}

function tooLong(path: string, longest: number): OperatorError {
  return new OperatorError('bad-keys', `${path}: has more than ${longest} bytes`);
}

function unreadable(path: string, error: unknown): OperatorError {
  if (errorCode(error) === 'ENOENT') return new OperatorError('no-keys', `${path}: no such file`);
  const hint = 'the service may be kept out of homes: ProtectHome= and CAP_DAC_READ_SEARCH in its unit';
  return new OperatorError('unreadable-keys', `${path}: cannot be read (${errorCode(error)})`, { hint });
}
