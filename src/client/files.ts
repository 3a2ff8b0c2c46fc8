/** Files of the user's own, replaced as a whole: a reader sees the old one or the new one. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder, writeNew } from '../system/durable.js';
import { errorCode } from '../system/error.js';

const ownerAlone = 0o600;
const ownerAloneFolder = 0o700;

/**
 * Writes a file that its owner alone can read, and the folders to it.
 * @param durable also after a power cut
 * @throws Error of Node with its `code`
 */
export function replaceFile(path: string, text: string, durable = false): void {
  makeFolders(dirname(path));
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeNew(temporary, text, ownerAlone, durable);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
}

/**
 * Makes a folder that its owner alone can use, and those to it. Node's own way does not end where a folder is there and
 * says of what is wanted in it that there is no such thing, as /proc and automounted homes do.
 * @throws Error of Node with its `code`
 */
export function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  try {
    mkdirSync(path, ownerAloneFolder);
  } catch (error) {
    // Another one may have been faster.
    if (errorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}
