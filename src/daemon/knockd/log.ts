/**
 * knockd's log: what fail2ban and people's scripts read. The daemon's own log entries come in, knockd's lines go out, to
 * the log file, to syslog, and with -v to standard output.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { errorCode, OperatorError } from '../../system/error.js';
import { type Log, type LogFormat, openLog } from '../log.js';
import type { HostNames } from './hostnames.js';
import { type KnockdLine, knockdLine, type LogEntry } from './lines.js';
import { stampMinutes } from './stamp.js';
import { openSyslog, type Syslog } from './syslog.js';

/** Where lines go, as a configuration says. */
export interface Outputs {
  readonly logFile: string | undefined;
  readonly useSyslog: boolean;
  readonly titles: ReadonlyMap<string, string>;
}

export interface LogOptions {
  /** -v: lines go to standard output too. */
  readonly verbose: boolean;
  /** -l: sources are told with their names. */
  readonly hostNames: HostNames | undefined;
  /** Of the daemon's own log, which goes to standard error as ever: how, and from what on. */
  readonly format: LogFormat;
  readonly lowest: 'info' | 'warn';
}

export class KnockdLog {
  readonly log: Log;
  readonly #options: LogOptions;
  #logFile: number | undefined;
  #syslog: Syslog | undefined;
  #titles: ReadonlyMap<string, string> = new Map();

  constructor(options: LogOptions) {
    this.#options = options;
    this.log = openLog(options.format, { lowest: options.lowest, take: line => this.#take(line) });
  }

  /** Opens what the lines go to, also again: a log file may have been rotated. @throws OperatorError */
  open({ logFile, useSyslog, titles }: Outputs): void {
    const opened = logFile === undefined ? undefined : openLogFile(logFile);
    const isAgain = this.#logFile !== undefined;
    if (this.#logFile !== undefined) closeSync(this.#logFile);
    this.#logFile = opened;
    this.#titles = titles;
    if (useSyslog) this.#syslog ??= openSyslog('knockd');
    else this.#syslog = undefined;
    // knockd says it between closing the one and opening the other, so that no file has it.
    if (isAgain && logFile !== undefined) this.#syslog?.(`re-opening log file: ${logFile}\n`);
  }

  #take(line: string): void {
    const entry = JSON.parse(line) as LogEntry;
    const { hostNames } = this.#options;
    const tell = (host: string | undefined) => {
      const said = knockdLine(entry, name => this.#titles.get(name) ?? name, host);
      if (said !== undefined) this.#say(said);
    };
    if (hostNames === undefined) tell(undefined);
    else hostNames.find(entry.source, tell);
  }

  #say({ log, screen }: KnockdLine): void {
    if (log !== undefined) {
      this.#append(`[${stampMinutes(new Date())}] ${log}\n`);
      this.#syslog?.(log);
    }
    if (screen !== undefined && this.#options.verbose) process.stdout.write(`${screen}\n`);
  }

  #append(text: string): void {
    try {
      if (this.#logFile !== undefined) writeSync(this.#logFile, text);
    } catch {
      // A full disk: knocking goes on without a word.
    }
  }
}

function openLogFile(path: string): number {
  try {
    return openSync(path, 'a', 0o644);
  } catch (error) {
    throw new OperatorError('no-log', `warning: cannot open logfile: ${path} (${errorCode(error)})`, {
      hint: 'see LogFile in the configuration, and -g',
    });
  }
}
