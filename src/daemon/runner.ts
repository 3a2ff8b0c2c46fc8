/**
 * Door commands: argument arrays run without a shell, as their own user, for a limited time, their output in the log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { errorCode } from '../system/error.js';
import { type Log, messageOf, printable } from './log.js';
import { type Account, findAccount } from './privileges.js';

/** A command with its placeholders filled in, and what it is run for. */
export interface Errand {
  readonly argv: readonly string[];
  readonly door: string;
  readonly client: string;
  /** Canonical address text. */
  readonly source: string;
  readonly runAs: string | undefined;
  readonly timeLimitMs: number;
}

/** Puts source, client and door in the place of `{source}`, `{client}` and `{door}`. */
export function fillPlaceholders(
  argv: readonly string[],
  values: { readonly source: string; readonly client: string; readonly door: string },
): string[] {
  // One pass: what is put in is not looked at again.
  return argv.map(argument =>
    argument.replace(/\{(source|client|door)\}/g, (_, name: 'source' | 'client' | 'door') => values[name]),
  );
}

/** Commands at once: more than that is a flood of knocks by someone with a key. */
const mostRunning = 64;
const graceMs = 2000;
const outputGraceMs = 200;
const mostLines = 100;

export class Runner {
  readonly #log: Log;
  #running = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Runs a command to its end; false where it was not started, failed or had to be ended. Never throws. */
  async run(errand: Errand): Promise<boolean> {
    const failure = await this.#attempt(errand);
    if (failure === undefined) return true;
    this.#log.error(fields(errand), `door ${errand.door}: ${printable(errand.argv[0] ?? '')} ${failure}`);
    return false;
  }

  async #attempt(errand: Errand): Promise<string | undefined> {
    if (this.#running >= mostRunning) return `was not started: ${mostRunning} commands are running already`;
    const account = errand.runAs === undefined ? undefined : findAccount(errand.runAs);
    if (errand.runAs !== undefined && account === undefined)
      return `was not started: there is no user ${errand.runAs}`;
    this.#running++;
    try {
      return await this.#wait(errand, start(errand, account));
    } catch (error) {
      // Some reasons not to start (ENOTDIR, EPERM) are thrown, others are events.
      return `was not started: ${explainStart(error)}`;
    } finally {
      this.#running--;
    }
  }

  #wait(errand: Errand, child: ChildProcess): Promise<string | undefined> {
    const { timeLimitMs } = errand;
    return new Promise(resolve => {
      let late = false;
      const limit = setTimeout(() => {
        late = true;
        signalGroup(child, 'SIGTERM');
      }, timeLimitMs);
      const end = setTimeout(() => signalGroup(child, 'SIGKILL'), timeLimitMs + graceMs);
      const settle = (failure: string | undefined) => {
        clearTimeout(limit);
        clearTimeout(end);
        resolve(failure);
      };
      child.on('error', error => settle(`was not started: ${explainStart(error)}`));
      child.on('exit', (code, signal) => {
        // What it started may be deaf to SIGTERM.
        if (late) signalGroup(child, 'SIGKILL');
        const failure = late
          ? `took longer than its time limit (${timeLimitMs} ms) and was ended`
          : code === 0
            ? undefined
            : `ended with ${signal ?? `status ${code}`}`;
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

function fields({ door, client, source }: Errand) {
  return { event: 'command', door, client, source };
}

function start(errand: Errand, account: Account | undefined): ChildProcess {
  const [program = '', ...args] = errand.argv;
  return spawn(program, args, {
    cwd: '/',
    // A group of its own, so that what it started ends with it.
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
