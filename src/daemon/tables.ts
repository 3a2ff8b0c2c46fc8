/**
 * The tables of portknockd.toml, one by one: each held to its schema, every mistake kept with its line.
 *
 * It gathers mistakes instead of stopping at the first. What the values mean is daemon/settings.ts's.
 */
import { closestMatch } from 'leven';
import * as v from 'valibot';
import { OperatorError, type Place } from '../system/error.js';
import { type Table, type TableName, tables } from './schema.js';
import type { Path, TomlDocument } from './toml.js';

export class TableReader {
  protected readonly file: string;
  protected readonly document: TomlDocument;
  protected readonly mistakes: OperatorError[] = [];

  constructor(file: string, document: TomlDocument) {
    this.file = file;
    this.document = document;
  }

  protected place(path: Path): Place {
    return { file: this.file, line: this.document.lineOf(path) };
  }

  protected mistake(path: Path, message: string, hint?: string): void {
    this.mistakes.push(new OperatorError('bad-config', message, { ...this.place(path), hint }));
  }

  /** Runs what may find a mistake; undefined where it did. */
  protected attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.mistakes.push(error);
      return undefined;
    }
  }

  protected checkKeys(value: object, path: Path, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const near = closestMatch(key, [...known], { maxDistance: 3 });
      const where = path.length === 0 ? '' : ` in ${label(path)}`;
      const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`;
      this.mistake([...path, key], `unknown key "${key}"${where}`, hint);
    }
  }

  protected table<Name extends TableName>(name: Name, value: unknown, path: Path): Table<Name> | undefined {
    if (name !== '') this.checkKeys(value as object, path, Object.keys(tables[name].entries));
    const result = v.safeParse(tables[name], value);
    for (const issue of result.issues ?? []) {
      const keys = (issue.path ?? []).map(({ key }) => key as string | number);
      const where = [...path, ...keys];
      const missing = issue.received === 'undefined';
      if (missing) this.mistake(where, `${label(path)}: "${keys.join('.')}" is missing`);
      else this.mistake(where, `${label(where)}: expected ${issue.message}, got ${quote(issue.input)}`);
    }
    return result.success ? (result.output as Table<Name>) : undefined;
  }

  protected section<Name extends TableName>(name: Name): Table<Name> | undefined {
    const value = this.document.value[name] ?? {};
    if (isTable(value)) return this.table(name, value, [name]);
    this.mistake([name], `expected a table [${name}], got ${quote(value)}`);
    return undefined;
  }

  /** The tables of an array, each with its place; those that hold mistakes are left out. */
  protected sections<Name extends 'door' | 'client'>(name: Name): { table: Table<Name>; path: Path }[] {
    const values = this.document.value[name] ?? [];
    if (!Array.isArray(values)) {
      this.mistake([name], `expected tables [[${name}]], got one [${name}]`, `write [[${name}]]`);
      return [];
    }
    return values.flatMap((value: unknown, index) => {
      const path = [name, index];
      if (!isTable(value)) {
        this.mistake(path, `expected a table [[${name}]], got ${quote(value)}`);
        return [];
      }
      const table = this.table(name, value, path);
      return table === undefined ? [] : [{ table, path }];
    });
  }
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** `door[2].open_for`, counted from 1 as people count. */
function label(path: Path): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key + 1}]` : at === 0 ? key : `.${key}`))
    .join('');
}

export function quote(value: unknown): string {
  // JSON knows neither infinity nor what is no number.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
