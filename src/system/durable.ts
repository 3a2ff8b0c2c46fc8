/** Writing so that it is there after a power cut: all of the bytes, and the name too. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, OperatorError } from './error.js';

/** Writes all bytes at a place in a file, however many calls it takes. */
export function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/**
 * Opens a file of a fixed length, and makes it where there is none: written out, not merely made long, so that every block
 * has its place on the disk from now on.
 * @param flags further ones of open(2), such as O_DSYNC
 * @returns a descriptor for reading and writing @throws OperatorError
 */
export function openFixed(path: string, length: number, flags = 0): number {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | flags, 0o600);
    const { size } = fstatSync(fd);
    if (size > length) throw new OperatorError('bad-state', `${path}: not a file of portknockd`);
    if (size < length) {
      writeAll(fd, Buffer.alloc(length - size), size);
      fsyncSync(fd);
      syncFolder(dirname(path));
    }
    return fd;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const hint =
      errorCode(error) === 'ENOSPC' ? 'the disk is full' : 'state_directory must be a folder we can write to';
    throw new OperatorError('no-state', `${path}: cannot be made or opened (${errorCode(error)})`, { hint });
  }
}

/**
 * Writes a file that is not there yet, whole or not at all.
 * @param durable whether it is to be on the disk when this returns
 * @throws Error of Node with its `code`
 */
export function writeNew(path: string, text: string | Uint8Array, mode: number, durable: boolean): void {
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

/** Puts a text in the place of a file's, or makes it: whole or not at all, durable when it returns. @throws Error of Node with its `code` */
export function writeOver(path: string, text: string): void {
  const fresh = `${path}.new`;
  // Of a process that died.
  rmSync(fresh, { force: true });
  writeNew(fresh, text, 0o600, true);
  renameSync(fresh, path);
  syncFolder(dirname(path));
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

/**
 * Makes a folder, and those to it. Node's own way does not end where a folder is there and says of what is wanted in it that
 * there is no such thing, as /proc and automounted homes do.
 * @throws Error of Node with its `code`
 */
export function makeFolders(path: string, mode: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolders(dirname(path), mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another one may have been faster.
    if (errorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}
