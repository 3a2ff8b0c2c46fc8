/** The tables [[door]] of portknockd.toml → doors: services or a command, opened by clients, sequences or sequence numbers. */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { tcp } from '../net/packet.js';
import type { Commands, Door, SequenceSettings } from './config.js';
import { readOneTime } from './onetime.js';
import { formatService, type Table } from './schema.js';
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
    if (services === undefined)
      this.#refuseStray(table, path, ['single_use', 'sequence_number', 'datagram'], '"services"');
    else this.#refuseStray(table, path, ['close_run', 'run_as', 'time_limit'], '"run"');
    this.#checkNumbers(table, path);
    this.#checkDatagram(table, path);
    const sequence = this.#sequence(table, path);
    const opening = { name, command, openForMs, sequence };
    if (services !== undefined)
      return {
        kind: 'services',
        ...opening,
        services,
        singleUse: table.single_use,
        sequenceNumber: table.sequence_number,
        datagram: this.#takesDatagrams(table),
      };
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

  #refuseStray(
    table: Table<'door'>,
    path: Path,
    keys: readonly string[],
    partner: string,
    hint?: string,
  ): void {
    const given = (this.document.value['door'] as object[])[path[1] as number]!;
    const stray = keys.find(key => key in given);
    if (stray !== undefined) {
      this.mistake([...path, stray], `door "${table.name}": "${stray}" goes with ${partner} only`, hint);
    }
  }

  /** A connection that brings its number is let in by itself: there is nothing that could stay open. */
  #checkNumbers(table: Table<'door'>, path: Path): void {
    const { name, services = [], sequence_number: hasNumbers } = table;
    if (!hasNumbers) return;
    if (table.services?.length === 0) {
      const message = `door "${name}": sequence numbers let in to services, and it has none`;
      this.mistake([...path, 'services'], message, 'give it services such as ["tcp/22"]');
    }
    const other = services.find(({ protocol }) => protocol !== tcp);
    if (other !== undefined) {
      const message = `door "${name}": sequence numbers are for TCP alone, and it has ${formatService(other)}`;
      this.mistake([...path, 'services'], message, 'give its UDP services a door of their own');
    }
    if (opensOtherwise(table) || this.#takesDatagrams(table)) return;
    const hint = 'leave it out: a number lets in one connection, and opens nothing that could be closed';
    this.#refuseStray(table, path, ['open_for', 'single_use'], '"command" or "sequence"', hint);
  }

  /** Whether a datagram may open its services: unless it says otherwise, where datagrams are heard. */
  #takesDatagrams({ services, datagram = true }: Table<'door'>): boolean {
    return (
      services !== undefined &&
      services.length > 0 &&
      datagram &&
      this.document.value['datagram'] !== undefined
    );
  }

  #checkDatagram(table: Table<'door'>, path: Path): void {
    const { name, datagram, services } = table;
    if (datagram === true && services !== undefined && this.document.value['datagram'] === undefined) {
      const message = `door "${name}": datagrams need a section [datagram]`;
      this.mistake(
        [...path, 'datagram'],
        message,
        'it says who may send them, with "ca_file" and the keys of this server',
      );
    }
    if (!this.#takesDatagrams(table) || opensOtherwise(table)) return;
    const given = (this.document.value['door'] as object[])[path[1] as number]!;
    if (!('open_for' in given)) return;
    const { line } = this.place([...path, 'open_for']);
    this.warnings.push(
      `${this.file}:${line}: door "${name}": "open_for" means nothing here: what a datagram opens is open for that of [datagram]`,
    );
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
      this.#refuseStray(table, path, sequenceKeys, '"sequence"');
      const hint = 'number it for clients with "command", or give it a "sequence" or sequence_number = true';
      if (command === undefined && !table.sequence_number && !this.#takesDatagrams(table))
        this.mistake(path, `door "${name}": "command" is missing`, hint);
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

/** Whether anything else than a sequence number opens it. */
function opensOtherwise({ command, sequence, one_time_sequences: file }: Table<'door'>): boolean {
  return command !== undefined || sequence !== undefined || file !== undefined;
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
