/** Files of the user's own, replaced as a whole: a reader sees the old one or the new one. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const ownerAlone = 0o600;
const ownerAloneFolder = 0o700;

/**
 * Writes a file that its owner alone can read, and the folders to it.
 * @param durable also after a power cut
 * @throws Error of Node with its `code`
 */
export function replaceFile(path: string, text: string, durable = false): void {
  mkdirSync(dirname(path), { recursive: true, mode: ownerAloneFolder });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeWhole(temporary, text, durable);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
}

function writeWhole(path: string, text: string, durable: boolean): void {
  const fd = openSync(path, 'wx', ownerAlone);
  try {
    writeFileSync(fd, text);
    if (durable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(path: string): void {
  // Windows opens no folders; there the rename itself is all there is.
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
