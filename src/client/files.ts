/** Files of the user's own, replaced as a whole: a reader sees the old one or the new one. */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolders, syncFolder, writeNew } from '../system/durable.js';

const ownerAlone = 0o600;

/**
 * Writes a file that its owner alone can read, and the folders to it.
 * @param durable also after a power cut
 * @throws Error of Node with its `code`
 */
export function replaceFile(path: string, text: string, durable = false): void {
  makeFolders(dirname(path), 0o700);
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
