/**
 * The journal: closing commands that are owed, durable from before the door opens until they have run.
 *
 * One JSON object a line; a line that a crash cut short is the last one and says nothing. Rewritten at every start, and
 * whenever it has grown long.
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { syncFolder, writeAll } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';

const debt = v.object({
  door: v.string(),
  client: v.string(),
  source: v.string(),
  /** Milliseconds since 1970. */
  dueAt: v.number(),
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
  inherits: v.optional(v.boolean(), false),
  runAs: v.optional(v.string()),
  timeLimitMs: v.optional(v.number()),
  /** The boot of this machine in which the door was opened, in hexadecimal. */
  boot: v.optional(v.string()),
});

/** A command to be run when its time has come. Held in full: the configuration may have changed by then. */
export type Debt = v.InferOutput<typeof debt>;

const entry = v.union([v.object({ owed: debt }), v.object({ paid: v.string() })]);

/** Bytes: past that, and past twice what is owed, what has been paid or replaced is left out. */
const longest = 1 << 20;

/** One opening of a command door: a door and a source. */
export function debtKey({ door, source }: { readonly door: string; readonly source: string }): string {
  return `${door} ${source}`;
}

export class Journal {
  readonly #owed = new Map<string, Debt>();
  readonly #path: string;
  #fd: number;
  #length = 0;
  /** Where it is rewritten next. */
  #full = longest;

  /** Opens the journal at a path. @throws OperatorError */
  constructor(path: string) {
    try {
      this.#path = path;
      this.#read(path);
      this.#fd = this.#rewrite();
    } catch (error) {
      const hint =
        errorCode(error) === 'ENOSPC'
          ? 'the disk is full'
          : 'state_directory must be a folder we can write to';
      throw new OperatorError(
        'no-journal',
        `${path}: cannot be read or written (${errorCode(error) ?? error})`,
        { hint },
      );
    }
  }

  /** All that is owed. */
  get owed(): readonly Debt[] {
    return [...this.#owed.values()];
  }

  find(key: string): Debt | undefined {
    return this.#owed.get(key);
  }

  /** Notes a debt, in the place of an older one of the same opening. @throws where it cannot be made durable */
  owe(owed: Debt): void {
    this.#append({ owed });
    this.#owed.set(debtKey(owed), owed);
    try {
      this.#shorten();
    } catch {
      // It is noted; the next entry tries again.
    }
  }

  /** Strikes a debt out. One that cannot be struck out durably is paid again after a restart, never forgotten. */
  pay(key: string): void {
    this.#owed.delete(key);
    this.#append({ paid: key });
    this.#shorten();
  }

  #shorten(): void {
    if (this.#length < this.#full) return;
    const before = this.#fd;
    this.#fd = this.#rewrite();
    closeSync(before);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Puts a file with nothing but what is owed in the place of the one before. @returns its descriptor */
  #rewrite(): number {
    const fresh = `${this.#path}.new`;
    const fd = openSync(fresh, 'w', 0o600);
    try {
      const bytes = Buffer.from(
        [...this.#owed.values()].map(owed => `${JSON.stringify({ owed })}\n`).join(''),
      );
      writeAll(fd, bytes, 0);
      fsyncSync(fd);
      renameSync(fresh, this.#path);
      syncFolder(dirname(this.#path));
      this.#length = bytes.length;
      this.#full = Math.max(longest, 2 * bytes.length);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #read(path: string): void {
    let text = '';
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    for (const line of text.split('\n')) {
      const found = readEntry(line);
      if (found === undefined) continue;
      if ('owed' in found) this.#owed.set(debtKey(found.owed), found.owed);
      else this.#owed.delete(found.paid);
    }
  }

  #append(line: { readonly owed: Debt } | { readonly paid: string }): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      writeAll(this.#fd, bytes, this.#length);
      fdatasyncSync(this.#fd);
      this.#length += bytes.length;
    } catch (error) {
      // Half a line must not stand before a whole one.
      ftruncateSync(this.#fd, this.#length);
      throw error;
    }
  }
}

function readEntry(line: string): v.InferOutput<typeof entry> | undefined {
  try {
    const result = v.safeParse(entry, JSON.parse(line));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
