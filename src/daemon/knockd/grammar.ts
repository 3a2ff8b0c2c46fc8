/**
 * knockd.conf as knockd 0.8 reads it: text → sections and their directives, refused in knockd's own words.
 *
 * Pure: it opens neither the configuration nor the files that it names. What the doors mean is knockd/settings.ts's.
 */
import {
  type Flags,
  formatSequence,
  leadingInteger,
  parseFlags,
  parseSequence,
  type Step,
  trimBlanks,
} from '../../methods/plain-sequence/format.js';
import { OperatorError } from '../../system/error.js';
import { hintForDirective, hintForFlag, hintForMistake, hintForOutside } from './hints.js';

export interface KnockdConf {
  readonly useSyslog: boolean;
  readonly logFile?: string;
  readonly pidFile?: string;
  readonly interface?: string;
  readonly doors: readonly KnockdDoor[];
}

export interface KnockdDoor {
  /** Its section's name, of which knockd keeps 127 bytes; two doors may have the same. */
  readonly name: string;
  /** Where its section begins. */
  readonly line: number;
  /** What is knocked first; empty: none is given, or none is left. Whichever of a sequence and a file stands later counts. */
  readonly sequence: readonly Step[];
  readonly oneTimeSequences?: { readonly path: string; readonly line: number };
  /** 0 and below: over before the second knock. */
  readonly seqTimeoutSeconds: number;
  /** The bits of a TCP header that are looked at, and how they must be. */
  readonly flags: Flags;
  /** As it is written: knockd compares it as text. */
  readonly target?: string;
  /** Undefined: falls back to the other family's where there is one. Empty: runs nothing. */
  readonly startCommand?: string;
  readonly startCommand6?: string;
  readonly stopCommand?: string;
  readonly stopCommand6?: string;
  /** Handed to sleep(3) unsigned: below 0 it is more than a century. */
  readonly cmdTimeoutSeconds: number;
}

type Draft<Value> = { -readonly [Key in keyof Value]: Value[Key] };

const globalSection = 'options';
const defaultSeqTimeoutSeconds = 25;
const defaultCmdTimeoutSeconds = 10;
/** What knockd has room for, in bytes. */
const room = { line: 4095, section: 255, name: 127, interface: 31 };

/** Keys whose value is kept as it stands, with what knockd -D calls them. */
const texts = new Map<string, readonly [keyof KnockdDoor & (`st${string}` | 'target'), string]>([
  ['TARGET', ['target', 'target']],
  ['START_COMMAND', ['startCommand', 'start_command']],
  ['COMMAND', ['startCommand', 'start_command']],
  ['START_COMMAND_6', ['startCommand6', 'start_command_6']],
  ['COMMAND_6', ['startCommand6', 'start_command_6']],
  ['STOP_COMMAND', ['stopCommand', 'stop_command']],
  ['STOP_COMMAND_6', ['stopCommand6', 'stop_command_6']],
]);

const numbers = new Map<string, readonly ['seqTimeoutSeconds' | 'cmdTimeoutSeconds', string]>([
  ['SEQ_TIMEOUT', ['seqTimeoutSeconds', 'seq_timeout']],
  ['TIMEOUT', ['seqTimeoutSeconds', 'seq_timeout']],
  ['CMD_TIMEOUT', ['cmdTimeoutSeconds', 'cmd_timeout']],
]);

/** What is known beside the text. */
export interface Surroundings {
  /** Whether the command line names the interface: knockd then passes over the file's in silence. */
  readonly interfaceIsGiven?: boolean;
  /** The next sequence of a one-time file, none where all are used; without it such a file is only noted. */
  readonly nextOneTime?: (path: string, line: number) => readonly Step[];
}

/**
 * @param file what mistakes are told with
 * @param debug told what knockd -D says of it, line by line
 * @throws OperatorError for the first mistake, as knockd, which stops there
 */
export function readKnockdConf(
  text: string,
  file: string,
  debug: (line: string) => void = () => {},
  surroundings: Surroundings = {},
): KnockdConf {
  return new Reader(file, debug, surroundings).read(text);
}

/** To be asked once all of the file is read, as knockd does. @throws OperatorError where a door has no sequence */
export function requireSequence({ name, line, sequence }: KnockdDoor, file: string): void {
  if (sequence.length > 0) return;
  throw new OperatorError('bad-config', `error: section '${name}' has an empty knock sequence`, {
    file,
    line,
    hint: 'give it such as: sequence = 7000,8000,9000',
  });
}

class Reader {
  readonly #file: string;
  readonly #debug: (line: string) => void;
  readonly #surroundings: Surroundings;
  readonly #conf: Draft<KnockdConf> = { useSyslog: false, doors: [] };
  readonly #doors: Draft<KnockdDoor>[] = [];
  #section = '';
  #line = 0;

  constructor(file: string, debug: (line: string) => void, surroundings: Surroundings) {
    this.#file = file;
    this.#debug = debug;
    this.#surroundings = surroundings;
  }

  read(text: string): KnockdConf {
    for (const line of linesOf(text)) {
      this.#line += 1;
      if (line === '' || line.startsWith('#')) continue;
      if (line.startsWith('[') && line.endsWith(']')) this.#begin(line);
      else this.#directive(line);
    }
    return { ...this.#conf, doors: this.#doors };
  }

  #begin(line: string): void {
    this.#section = firstBytes(line.slice(1), room.section).slice(0, -1);
    this.#debug(`config: new section: '${this.#section}'`);
    if (this.#section === '') {
      throw this.#refuseLine('bad section name', 'name the door between the brackets: [openSSH]');
    }
    if (this.#section === globalSection) return;
    this.#doors.push({
      name: firstBytes(this.#section, room.name),
      line: this.#line,
      sequence: [],
      seqTimeoutSeconds: defaultSeqTimeoutSeconds,
      flags: { mask: 0, value: 0 },
      cmdTimeoutSeconds: defaultCmdTimeoutSeconds,
    });
  }

  #directive(line: string): void {
    if (this.#section === '') {
      throw this.#refuseLine('all directives must belong to a section', hintForOutside(line));
    }
    const at = line.indexOf('=');
    const key = upper(trimBlanks(at < 0 ? line : line.slice(0, at)));
    const value = at < 0 ? undefined : trimBlanks(line.slice(at + 1));
    const isKnown = value === undefined ? this.#word(key) : this.#assign(key, value);
    if (!isKnown) {
      const hint = hintForDirective(line, key, this.#section === globalSection, value !== undefined);
      throw this.#refuseLine('syntax error', hint);
    }
  }

  /** A key alone: there is one, and knockd takes it in any section. */
  #word(key: string): boolean {
    if (key !== 'USESYSLOG') return false;
    this.#conf.useSyslog = true;
    this.#debug('config: usesyslog');
    return true;
  }

  /** @returns whether the section knows the key */
  #assign(key: string, value: string): boolean {
    if (this.#section === globalSection) return this.#assignOption(key, value);
    const door = this.#doors.at(-1)!;
    const told = `config: ${door.name}:`;
    const text = texts.get(key);
    const number = numbers.get(key);
    if (text !== undefined) {
      door[text[0]] = value;
      this.#debug(`${told} ${text[1]}: ${value}`);
    } else if (number !== undefined) {
      door[number[0]] = leadingInteger(value);
      this.#debug(`${told} ${number[1]}: ${door[number[0]]}`);
    } else if (key === 'SEQUENCE') {
      door.sequence = this.#sequence(door.name, value);
      this.#debug(`${told} sequence: ${formatSequence(door.sequence)}`);
    } else if (key === 'ONE_TIME_SEQUENCES') this.#addOneTime(door, value);
    else if (key === 'TCPFLAGS') this.#addFlags(door, value);
    else return false;
    return true;
  }

  #addOneTime(door: Draft<KnockdDoor>, path: string): void {
    door.oneTimeSequences = { path, line: this.#line };
    const steps = this.#surroundings.nextOneTime?.(path, this.#line);
    this.#debug(`config: ${door.name}: one time sequences file: ${path}`);
    if (steps === undefined) return;
    door.sequence = steps;
    if (steps.length === 0) {
      this.#debug(`config: no more sequences left in the one time sequences file ${path}`);
      return;
    }
    this.#debug(`new sequence for door ${door.name}: ${formatSequence(steps)}`);
    this.#debug(`config: ${door.name}: sequence: ${formatSequence(steps)}`);
  }

  #assignOption(key: string, value: string): boolean {
    if (key === 'LOGFILE') {
      this.#conf.logFile = value;
      this.#debug(`config: log file: ${value}`);
    } else if (key === 'PIDFILE') {
      this.#conf.pidFile = value;
      this.#debug(`config: pid file: ${value}`);
    } else if (key === 'INTERFACE') {
      // The first that is not empty counts.
      if (this.#surroundings.interfaceIsGiven === true || this.#conf.interface !== undefined) return true;
      const name = firstBytes(value, room.interface);
      if (name !== '') this.#conf.interface = name;
      this.#debug(`config: interface: ${name}`);
    } else return false;
    return true;
  }

  #sequence(door: string, value: string): readonly Step[] {
    const steps = parseSequence(value);
    if (!('mistake' in steps)) return steps;
    throw this.#refuse(`config: section ${door}: ${steps.mistake}`, hintForMistake(value, steps.mistake));
  }

  /** Flags add up over the lines of a door, and the last word on each counts. */
  #addFlags(door: Draft<KnockdDoor>, value: string): void {
    for (const flag of upper(value).split(',')) {
      const one = /^[!A-Z]*$/.test(flag) ? parseFlags([flag.toLowerCase()]) : undefined;
      if (one === undefined) {
        throw this.#refuseLine(`unrecognized flag "${flag}"`, hintForFlag(value, flag));
      }
      const { mask, value: bits } = door.flags;
      door.flags = { mask: mask | one.mask, value: (bits & ~one.mask) | one.value };
      this.#debug(`config: tcp flag: ${flag}`);
    }
  }

  #refuseLine(what: string, hint: string): OperatorError {
    return this.#refuse(`config: line ${this.#line}: ${what}`, hint);
  }

  #refuse(message: string, hint: string): OperatorError {
    return new OperatorError('bad-config', message, { file: this.#file, line: this.#line, hint });
  }
}

/** What fgets(3) makes of a text: a line that is longer than its room goes on as the next one. A NUL ends a line's text. */
function linesOf(text: string): string[] {
  const pieces = new RegExp(`[^\\n]{0,${room.line - 1}}\\n|[^\\n]{1,${room.line}}`, 'g');
  const bytes = Buffer.from(text).toString('latin1').match(pieces) ?? [];
  return bytes.map(piece => trimBlanks(Buffer.from(piece.split('\0', 1)[0]!, 'latin1').toString()));
}

function firstBytes(text: string, length: number): string {
  return Buffer.from(text).subarray(0, length).toString();
}

/** toupper(3) in the C locale. */
function upper(text: string): string {
  return text.replace(/[a-z]+/g, letters => letters.toUpperCase());
}
