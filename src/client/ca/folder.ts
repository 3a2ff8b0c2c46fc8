/**
 * The authority's folder: one program at a time, and each change of several files whole or not at all, also where the power
 * goes in the middle.
 *
 * A change is written to `portknock-pending.tmp`, with all its files as they will lie. Renaming that to `portknock-pending`
 * makes it happen; then the files are moved to their places, records first. Whoever finds it moves what is left of it. The
 * names are nobody else's: a folder that was given by mistake may have a `pending` of its own.
 */
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders, syncFolder, writeNew } from '../../system/durable.js';
import { errorCode, OperatorError } from '../../system/error.js';
import { lockFile } from '../lock.js';

/** A file to be written; its path is from the folder, with at most one folder of its own. */
export interface NewFile {
  readonly path: string;
  readonly contents: string | Uint8Array;
  readonly isSecret: boolean;
  /** Whether it takes the place of one that is there. */
  readonly replaces?: boolean;
}

const pendingName = 'portknock-pending';
const preparedName = `${pendingName}.tmp`;
const secretMode = 0o600;
const publicMode = 0o644;
const folderMode = 0o700;

/** The folder of an authority, locked until it is closed. */
export class AuthorityFolder {
  readonly path: string;
  /** What an interrupted change still had to put in its place, and now is there. */
  readonly finished: readonly string[];
  readonly #fd: number | undefined;

  private constructor(path: string, fd: number | undefined) {
    this.path = path;
    this.#fd = fd;
    this.finished = this.#recover();
  }

  /** @param isNew whether it is made where it is not there @throws OperatorError */
  static async open(path: string, isNew: boolean): Promise<AuthorityFolder> {
    let fd: number | undefined;
    try {
      if (isNew) makeFolders(path, folderMode);
      // Windows opens no folders, and knows no locks.
      fd =
        process.platform === 'win32' ? undefined : openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      if (fd !== undefined && !(await lockFile(fd))) throw locked(path);
      return new AuthorityFolder(path, fd);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      if (errorCode(error) === 'ENOENT' && !isNew) throw noAuthority(path);
      throw unusable(path, error);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  /** Where a file of it lies. */
  place(path: string): string {
    return join(this.path, path);
  }

  has(path: string): boolean {
    // Also a link that leads nowhere is in the way.
    return lstatSync(this.place(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** The text of a file; undefined where there is none. @throws OperatorError */
  read(path: string): string | undefined {
    try {
      return readFileSync(this.place(path), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw unusable(this.place(path), error);
    }
  }

  /** The names in a folder of it, sorted; none where it is not there. @throws OperatorError */
  names(folder: string): string[] {
    try {
      return readdirSync(this.place(folder)).sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw unusable(this.place(folder), error);
    }
  }

  /** Refuses to write where something is already. @throws OperatorError `file-exists` */
  requireFree(paths: readonly string[]): void {
    const taken = paths.find(path => this.has(path));
    if (taken === undefined) return;
    throw new OperatorError('file-exists', `${this.place(taken)} is there already`, {
      hint: 'nothing is ever overwritten: move it to another place, or delete it if nobody needs it',
    });
  }

  /** Makes a change, all of it or nothing. @throws OperatorError */
  commit(files: readonly NewFile[]): void {
    this.requireFree(files.filter(({ replaces }) => !replaces).map(({ path }) => path));
    const prepared = this.place(preparedName);
    try {
      mkdirSync(prepared, folderMode);
      for (const file of files) prepare(prepared, file);
      for (const folder of foldersIn(prepared)) syncFolder(folder);
      renameSync(prepared, this.place(pendingName));
    } catch (error) {
      rmSync(prepared, { recursive: true, force: true });
      throw unwritable(this.path, error);
    }
    try {
      syncFolder(this.path);
      this.#finish();
    } catch (error) {
      throw unfinished(this.path, error);
    }
  }

  #recover(): string[] {
    try {
      rmSync(this.place(preparedName), { recursive: true, force: true });
      return existsSync(this.place(pendingName)) ? this.#finish() : [];
    } catch (error) {
      throw unfinished(this.path, error);
    }
  }

  /** Moves what is pending to its places: what lies in folders, the records, durably before the rest. */
  #finish(): string[] {
    const pending = this.place(pendingName);
    const moved: string[] = [];
    for (const folder of [...foldersIn(pending)].reverse()) {
      const target = join(this.path, folder.slice(pending.length));
      makeFolders(target, folderMode);
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) continue;
        renameSync(join(folder, entry.name), join(target, entry.name));
        moved.push(join(folder.slice(pending.length + 1), entry.name));
      }
      syncFolder(target);
      if (target !== this.path) syncFolder(dirname(target));
    }
    rmSync(pending, { recursive: true });
    syncFolder(this.path);
    return moved;
  }
}

/** A folder and those in it; the outer one first. */
function foldersIn(path: string): string[] {
  const inner = readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory());
  return [path, ...inner.map(({ name }) => join(path, name))];
}

function prepare(prepared: string, { path, contents, isSecret }: NewFile): void {
  makeFolders(dirname(join(prepared, path)), folderMode);
  writeNew(join(prepared, path), contents, isSecret ? secretMode : publicMode, true);
}

/** The error where there is no authority. */
export function noAuthority(path: string): OperatorError {
  return new OperatorError('no-authority', `no CA in ${path}`, {
    hint: 'make one with: portknock ca init; or say where it is: --directory FOLDER',
  });
}

function locked(path: string): OperatorError {
  return new OperatorError('authority-locked', `${path}: another portknock ca is at work in it`, {
    hint: `try again when it has ended; see which with: lsof ${path}`,
  });
}

function unusable(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof OperatorError) return error;
  const why = code === 'ENOTDIR' || code === 'EEXIST' ? 'it is no folder' : code;
  const hint = 'run as the user who owns it, or give another folder with --directory';
  return new OperatorError('unusable-authority', `${path}: cannot be used (${why})`, { hint });
}

function unwritable(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof OperatorError) return error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull ? `the disk is full (${code})` : `cannot be written to (${code})`;
  return new OperatorError('unwritable-authority', `${path}: ${why}; nothing was changed`, {
    hint: isFull ? 'make room and try again' : 'run as the user who owns it',
  });
}

function unfinished(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  return new OperatorError('unfinished-change', `${path}: a change could not be finished (${code})`, {
    hint: 'mend that (room, permissions), then run: portknock ca list, which finishes it',
  });
}
