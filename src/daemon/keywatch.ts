/**
 * Notices that files with keys have changed: written to, removed, made anew, renamed over, or that their folder appears.
 *
 * Some of them are users' own, who may write as often as they like: after a first event nobody listens for half a second, and
 * what has changed is looked at in the files' state, so that an event costs one look and news is told once in five seconds at
 * most. Nothing runs while nothing happens. What another machine changes in a network's file system is not noticed.
 */
import { type FSWatcher, lstatSync, opendirSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../system/error.js';

/** What is waited for until a writer is done with all that he writes. */
const settleMs = 500;
const shortestPauseMs = 5000;
/** A file may be written again within one tick of the clock that its time is taken from. */
const tickMs = 100;
/** Each costs memory of the kernel's; beyond them changes are not noticed. */
const mostFolders = 1024;
const mostEntries = 4096;
/** Of one path, and of names on the way: its owner may make as many as he likes. */
const mostLinks = 8;
const mostNames = 256;

interface Listener {
  /** Files have changed: told once in five seconds at most. */
  changed(): void;
  /** Changes are not noticed any more. */
  failed(why: string): void;
}

/** The times of what tests cannot wait for. */
export interface Pace {
  readonly settleMs: number;
  readonly pauseMs: number;
  readonly tickMs: number;
}

export class KeyWatch {
  readonly #listener: Listener;
  readonly #pace: Pace;
  #paths: readonly string[] = [];
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #state: string | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(listener: Listener, pace: Pace = { settleMs, pauseMs: shortestPauseMs, tickMs }) {
    this.#listener = listener;
    this.#pace = pace;
  }

  /**
   * From now on these files and folders are watched, instead of those before.
   * @param readAt when they were read, milliseconds since 1970: what has changed since then is news
   */
  watch(paths: readonly string[], readAt: number): void {
    this.stop();
    this.#paths = [...new Set(paths)].sort();
    this.#listen();
    this.#state = this.#look(readAt);
    if (this.#state === undefined && paths.length > 0) this.#heard();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#deafen();
  }

  #listen(): void {
    this.#deafen();
    const folders = foldersOf(this.#paths);
    if (folders.length > mostFolders) this.#tellFailure(`in more than ${mostFolders} folders`);
    for (const folder of folders.slice(0, mostFolders)) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#heard());
        watcher.on('error', error => this.#fail(error));
        this.#watchers.push(watcher);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #fail(error: unknown): void {
    const code = errorCode(error);
    // Gone or shut since it was looked at: what is still there is listened to.
    if (code === 'ENOENT' || code === 'ENOTDIR') this.#heard();
    else this.#tellFailure(code ?? String(error));
  }

  #tellFailure(why: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#listener.failed(why);
  }

  #deafen(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  /** Nobody listens until it is looked at what happened: more events would cost more, and tell nothing new. */
  #heard(): void {
    if (this.#timer !== undefined) return;
    this.#deafen();
    this.#wait(this.#pace.settleMs);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#compare();
    }, ms);
    this.#timer.unref();
  }

  #compare(): void {
    const leftMs = this.#toldAt + this.#pace.pauseMs - performance.now();
    if (leftMs > 0) {
      this.#wait(leftMs);
      return;
    }
    this.#listen();
    const state = this.#look();
    if (state !== undefined && state === this.#state) return;
    this.#state = state;
    this.#toldAt = performance.now();
    this.#listener.changed();
  }

  /**
   * What tells one state of the files from another. Undefined: they are so young that they may change without a trace.
   * @param readAt where they were read before: what went from a folder since then has left its trace there alone
   */
  #look(readAt?: number): string | undefined {
    const files = this.#paths.flatMap(path => [path, ...entriesOf(path)]).map(stateOf);
    const folders = this.#paths.map(placeOf);
    const since = (readAt ?? Date.now()) - this.#pace.tickMs;
    const isYoung = (readAt === undefined ? files : [...files, ...folders]).some(
      ({ changedAt }) => changedAt > since,
    );
    return isYoung ? undefined : [...files, ...folders].map(({ text }) => text).join('\n');
  }
}

/** The folders that files are in, by name and in truth, and the nearest that there is where they are missing. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = paths.flatMap(path => {
    const near = nearest(dirname(path));
    return [near, ...realFolders(path), ...linkFolders(path)];
  });
  return [...new Set(folders)];
}

function nearest(folder: string): string {
  const parent = dirname(folder);
  return parent === folder || isFolder(folder) ? folder : nearest(parent);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Missing or shut, or a link that leads to itself: its owner may make of it what he likes.
    return false;
  }
}

function realFolders(path: string): string[] {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? [real, dirname(real)] : [dirname(real)];
  } catch {
    return [];
  }
}

/** The folders of the links that lead to a file: one of them may be made to lead elsewhere. */
function linkFolders(path: string): string[] {
  const folders: string[] = [];
  const names = path.split('/');
  let at = '/';
  for (let taken = 0; names.length > 0 && folders.length < mostLinks && taken < mostNames; taken++) {
    const next = join(at, names.shift()!);
    const target = linkTarget(next);
    if (target === undefined) at = next;
    else {
      folders.push(at);
      names.unshift(...target.split('/'));
      if (target.startsWith('/')) at = '/';
    }
  }
  return folders;
}

/** Undefined where it is no link. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

interface State {
  readonly text: string;
  readonly changedAt: number;
}

/** Of what a name stands for, and of the name where it is a link. */
function stateOf(path: string): State {
  try {
    const [link, file] = [lstatSync(path), statSync(path)];
    const parts = [link, file].flatMap(({ dev, ino, size, mode, uid, ctimeMs }) => [
      dev,
      ino,
      size,
      mode,
      uid,
      ctimeMs,
    ]);
    return { text: `${path}\0${parts.join(' ')}`, changedAt: Math.max(link.ctimeMs, file.ctimeMs) };
  } catch (error) {
    return { text: `${path}\0${errorCode(error)}`, changedAt: 0 };
  }
}

/** Of the folder that a file really is in, who may write there: other files come and go as they like. */
function placeOf(path: string): State {
  try {
    const { mode, uid, ctimeMs } = statSync(dirname(realpathSync(path)));
    return { text: `${mode} ${uid}`, changedAt: ctimeMs };
  } catch (error) {
    return { text: String(errorCode(error)), changedAt: 0 };
  }
}

/** Of a folder; it may be a user's, with as many files as he likes. */
function entriesOf(path: string): string[] {
  const names: string[] = [];
  try {
    const folder = opendirSync(path);
    try {
      for (
        let entry = folder.readSync();
        entry !== null && names.length < mostEntries;
        entry = folder.readSync()
      )
        names.push(join(path, entry.name));
    } finally {
      folder.closeSync();
    }
  } catch {
    // A file, or nothing.
  }
  return names.sort();
}
