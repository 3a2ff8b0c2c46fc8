/**
 * Door commands: argument arrays run without a shell, as their own user, for a limited time, their output in the log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Account, findAccount } from '../system/account.js';
import { errorCode } from '../system/error.js';
import type { Started } from './command.js';
import { type Log, messageOf, printable } from './log.js';

/** A command with its placeholders filled in, and what it is run for. */
export interface Errand extends Started {
  readonly door: string;
  readonly client: string;
  /** Canonical address text. */
  readonly source: string;
  readonly runAs: string | undefined;
  /** Undefined: none. */
  readonly timeLimitMs: number | undefined;
}

/** Commands at once: more than that is a flood of knocks by someone with a key. */
const mostRunning = 256;
const graceMs = 2000;
const outputGraceMs = 200;
const mostLines = 100;

export class Runner {
  readonly #log: Log;
  #running = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Runs a command to its end; false where it was not started, failed or had to be ended. Never throws. Of knockd's commands
   * nobody knows what their status means: they have been run when they have ended.
   */
  async run(errand: Errand): Promise<boolean> {
    const failure = await this.#attempt(errand);
    if (failure === undefined) return true;
    const { status } = failure;
    const text = `door ${errand.door}: ${printable(errand.argv[0] ?? '')} ${failure.why}`;
    this.#log.error({ ...fields(errand), phase: 'failed', status }, text);
    return errand.inherits && status !== undefined;
  }

  async #attempt(errand: Errand): Promise<Failure | undefined> {
    const notStarted = (why: string) => ({ why: `was not started: ${why}`, status: undefined });
    if (this.#running >= mostRunning) return notStarted(`${mostRunning} commands are running already`);
    const account = errand.runAs === undefined ? undefined : findAccount(errand.runAs);
    if (errand.runAs !== undefined && account === undefined)
      return notStarted(`there is no user ${errand.runAs}`);
    this.#running++;
    const command = errand.inherits ? (errand.argv.at(-1) ?? '') : errand.argv.join(' ');
    const text = `door ${errand.door}: runs ${printable(command)}`;
    this.#log.debug({ ...fields(errand), phase: 'started', command }, text);
    try {
      return await this.#wait(errand, start(errand, account));
    } catch (error) {
      // Some reasons not to start (ENOTDIR, EPERM) are thrown, others are events.
      return notStarted(explainStart(error));
    } finally {
      this.#running--;
    }
  }

  #wait(errand: Errand, child: ChildProcess): Promise<Failure | undefined> {
    return new Promise(resolve => {
      const limit = new TimeLimit(child, errand.timeLimitMs);
      const settle = (failure: Failure | undefined) => {
        limit.cancel();
        resolve(failure);
      };
      child.on('error', error =>
        settle({ why: `was not started: ${explainStart(error)}`, status: undefined }),
      );
      child.on('exit', (code, signal) => {
        limit.ended();
        const failure = limit.isPast
          ? { why: `took longer than its time limit (${errand.timeLimitMs} ms) and was ended`, status: 0 }
          : code === 0
            ? undefined
            : { why: `ended with ${signal ?? `status ${code}`}`, status: code ?? 0 };
        // What it said last is still on its way; what it left behind may hold its outputs for ever.
        child.on('close', () => settle(failure));
        setTimeout(settle, outputGraceMs, failure);
      });
      this.#logOutput(errand, child.stdout);
      this.#logOutput(errand, child.stderr);
    });
  }

  #logOutput(errand: Errand, stream: Readable | null): void {
    let rest = '';
    let count = 0;
    const say = (line: string) => {
      const text = count < mostLines ? printable(line) : 'says more, which is dropped';
      if (count++ <= mostLines) this.#log.info(fields(errand), `door ${errand.door}: ${text}`);
    };
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) say(line);
    });
    stream?.on('end', () => {
      if (rest !== '') say(rest);
    });
  }
}

/** Why a command did not do what it should, and its status if it has ended by itself. */
interface Failure {
  readonly why: string;
  /** 0 where a signal ended it. */
  readonly status: number | undefined;
}

/** Ends a command, and what it has started, when its time is over. */
class TimeLimit {
  isPast = false;
  readonly #child: ChildProcess;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(child: ChildProcess, limitMs: number | undefined) {
    this.#child = child;
    if (limitMs === undefined) {
      this.#timers = [];
      return;
    }
    const pass = () => {
      this.isPast = true;
      signalGroup(child, 'SIGTERM');
    };
    const end = () => signalGroup(child, 'SIGKILL');
    this.#timers = [setTimeout(pass, limitMs), setTimeout(end, limitMs + graceMs)];
  }

  /** The command itself has ended; what it started may be deaf to SIGTERM. */
  ended(): void {
    if (this.isPast) signalGroup(this.#child, 'SIGKILL');
  }

  cancel(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

function fields({ door, client, source }: Errand) {
  return { event: 'command', door, client, source };
}

function start(errand: Errand, account: Account | undefined): ChildProcess {
  const [program = '', ...args] = errand.argv;
  // A group of its own, so that what it started ends with it. The shell's name is what system(3) calls it.
  if (errand.inherits)
    return spawn(program, args, { argv0: 'sh', detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  return spawn(program, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C.UTF-8',
      PORTKNOCK_SOURCE: errand.source,
      PORTKNOCK_CLIENT: errand.client,
      PORTKNOCK_DOOR: errand.door,
    },
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

function explainStart(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return 'there is no such program';
  if (code === 'EACCES') return 'it may not be run (is it executable?)';
  if (code === 'EPERM') return 'we may not run it as that user';
  return messageOf(error);
}
