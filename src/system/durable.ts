/** Writing so that it is there after a power cut: all of the bytes, and the name too. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';

/** Writes all bytes at a place in a file, however many calls it takes. */
export function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/**
 * Writes a file that is not there yet, whole or not at all.
 * @param durable whether it is to be on the disk when this returns
 * @throws Error of Node with its `code`
 */
export function writeNew(path: string, text: string, mode: number, durable: boolean): void {
  const fd = openSync(path, 'wx', mode);
  try {
    writeFileSync(fd, text);
    if (durable) fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a folder durable, after one of them was made or changed. */
export function syncFolder(path: string): void {
  // Windows opens no folders; there the rename itself is all there is.
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
