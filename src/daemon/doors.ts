/** The tables [[door]] of portknockd.toml → doors: services or a command, opened by clients, by a sequence, or both. */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Commands, Door, SequenceSettings } from './config.js';
import { readOneTime } from './onetime.js';
import type { Table } from './schema.js';
import { TableReader } from './tables.js';
import type { Path } from './toml.js';
import { noSequences } from './turn.js';

/** Keys that say how a sequence is heard, and mean nothing without one. */
const sequenceKeys = ['sequence_timeout', 'tcp_flags', 'allow_duplicates', 'scan_guard'] as const;

export class DoorReader extends TableReader {
  protected readonly warnings: string[] = [];

  protected path(path: string): string {
    return resolve(dirname(this.file), path);
  }

  protected readDoors(): { door: Door; path: Path }[] {
    return this.sections('door').flatMap(({ table, path }) => {
      const door = this.#door(table, path);
      return door === undefined ? [] : [{ door, path }];
    });
  }

  #door(table: Table<'door'>, path: Path): Door | undefined {
    const { name, command, open_for: openForMs, services, run } = table;
    const both = services !== undefined && run !== undefined;
    if (both || (services === undefined && run === undefined)) {
      this.mistake(path, `door "${name}": expected either "services" or "run"${both ? ', got both' : ''}`);
      return undefined;
    }
    if (services === undefined) this.#refuseStray(table, path, ['single_use'], 'services');
    else this.#refuseStray(table, path, ['close_run', 'run_as', 'time_limit'], 'run');
    const sequence = this.#sequence(table, path);
    const opening = { name, command, openForMs, sequence };
    if (services !== undefined)
      return { kind: 'services', ...opening, services, singleUse: table.single_use, sequenceNumber: false };
    this.#warnOfPrograms(table, path);
    return {
      kind: 'command',
      ...opening,
      run: forBoth(table.run!),
      closeRun: table.close_run && forBoth(table.close_run),
      runAs: table.run_as,
      timeLimitMs: table.time_limit,
    };
  }

  #refuseStray(table: Table<'door'>, path: Path, keys: readonly string[], partner: string): void {
    const given = (this.document.value['door'] as object[])[path[1] as number]!;
    const stray = keys.find(key => key in given);
    if (stray !== undefined) {
      this.mistake([...path, stray], `door "${table.name}": "${stray}" goes with "${partner}" only`);
    }
  }

  #warnOfPrograms(table: Table<'door'>, path: Path): void {
    for (const key of ['run', 'close_run'] as const) {
      const program = table[key]?.argv[0];
      if (program === undefined || isExecutable(program)) continue;
      const { line } = this.place([...path, key]);
      this.warnings.push(
        `${this.file}:${line}: door "${table.name}": ${program} is not a program that can be run`,
      );
    }
  }

  #sequence(table: Table<'door'>, path: Path): SequenceSettings | undefined {
    const { name, command, sequence, one_time_sequences: file } = table;
    if (sequence !== undefined && file !== undefined) {
      const message = `door "${name}": expected either "sequence" or "one_time_sequences", got both`;
      this.mistake([...path, 'one_time_sequences'], message);
      return undefined;
    }
    if (sequence === undefined && file === undefined) {
      this.#refuseStray(table, path, sequenceKeys, 'sequence');
      const hint = 'number it for clients with "command", or give it a "sequence"';
      if (command === undefined) this.mistake(path, `door "${name}": "command" is missing`, hint);
      return undefined;
    }
    const steps = sequence ?? this.#nextSequence(this.path(file!), [...path, 'one_time_sequences'], name);
    return (
      steps && {
        steps,
        timeoutMs: table.sequence_timeout,
        flags: table.tcp_flags,
        target: undefined,
        allowDuplicates: table.allow_duplicates,
        scanGuard: table.scan_guard,
        oneTimeFile: file && this.path(file),
        turn: 0,
      }
    );
  }

  /** The first sequence of a file that has not been used; none where all have been. Undefined: a mistake. */
  #nextSequence(file: string, path: Path, door: string): SequenceSettings['steps'] | undefined {
    const steps = this.attempt(() => readOneTime(file, warning => this.warnings.push(warning)) ?? []);
    if (steps?.length === 0) {
      const { line } = this.place(path);
      this.warnings.push(`${this.file}:${line}: ${noSequences(door)}`);
    }
    return steps;
  }
}

function forBoth(command: { readonly argv: readonly [string, ...string[]] }): Commands {
  return { ipv4: command, ipv6: command };
}

function isExecutable(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
