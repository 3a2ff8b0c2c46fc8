/**
 * The journal: closing commands that are owed, durable from before the door opens until they have run.
 *
 * One JSON object a line; a line that a crash cut short is the last one and says nothing. Rewritten at every start.
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { errorCode, OperatorError } from '../system/error.js';
import { syncFolder } from './ledger.js';

const debt = v.object({
  door: v.string(),
  client: v.string(),
  source: v.string(),
  /** Milliseconds since 1970. */
  dueAt: v.number(),
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
  runAs: v.optional(v.string()),
  timeLimitMs: v.number(),
});

/** A command to be run when its time has come. Held in full: the configuration may have changed by then. */
export type Debt = v.InferOutput<typeof debt>;

const entry = v.union([v.object({ owed: debt }), v.object({ paid: v.string() })]);

/** One opening of a command door: a door and a source. */
export function debtKey({ door, source }: { readonly door: string; readonly source: string }): string {
  return `${door} ${source}`;
}

export class Journal {
  readonly #owed = new Map<string, Debt>();
  readonly #fd: number;
  #length = 0;

  /** Opens the journal at a path. @throws OperatorError */
  constructor(path: string) {
    try {
      this.#read(path);
      const fresh = `${path}.new`;
      this.#fd = openSync(fresh, 'w', 0o600);
      for (const owed of this.#owed.values()) this.#append({ owed });
      fsyncSync(this.#fd);
      renameSync(fresh, path);
      syncFolder(dirname(path));
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
  }

  /** Strikes a debt out. One that cannot be struck out durably is paid again after a restart, never forgotten. */
  pay(key: string): void {
    this.#owed.delete(key);
    this.#append({ paid: key });
  }

  close(): void {
    closeSync(this.#fd);
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
      for (let at = 0; at < bytes.length; )
        at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#length + at);
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
