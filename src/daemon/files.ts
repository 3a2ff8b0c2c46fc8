/** Files written whole or not at all, durable when done. */
import { chmodSync, chownSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder, writeNew } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';

/** Makes a file that was not there. @throws OperatorError where it is there */
export function createFile(path: string, text: string, mode: number): void {
  try {
    writeNew(path, text, mode, true);
    syncFolder(dirname(path));
  } catch (error) {
    throw failure(path, error);
  }
}

/**
 * Puts a new text in the place of a file's, with its owner and mode.
 * @param check is called with the path of the new text before it takes the place; where it throws, nothing changes
 */
export function replaceFile(path: string, text: string, check: (path: string) => void): void {
  const fresh = `${path}.new`;
  try {
    if (lstatSync(path).isSymbolicLink())
      throw new OperatorError('link', `${path}: is a link`, { hint: 'name the file itself with --config' });
    const { mode, uid, gid } = statSync(path);
    writeNew(fresh, text, 0o600, true);
    try {
      check(fresh);
      chownSync(fresh, uid, gid);
      chmodSync(fresh, mode & 0o777);
      renameSync(fresh, path);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  } catch (error) {
    throw failure(fresh, error);
  }
}

function failure(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof OperatorError) return error;
  if (code === 'EEXIST')
    return new OperatorError('exists', `${path}: is there already`, { hint: 'move it away first' });
  return new OperatorError('not-written', `${path}: cannot be written (${code})`, { hint: 'run as root' });
}
