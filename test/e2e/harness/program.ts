/**
 * A running program of a test: its output is kept, it can be waited for and signalled, and it does not outlive the
 * test that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.js';

/** Where a test or suite takes what is to be done at its end: a `TestContext`, or `{ after }` of node:test. */
export interface Scope {
  after(undo: () => void | Promise<void>): void;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input as a whole; without it the program's input stays open until `closeInput`. */
  readonly input?: string;
}

/** How a program ended: a status, or the signal that ended it. */
export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Between a program's end and that of its outputs, which children of its own may hold. */
const graceMs = 1000;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Program {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<Ending>;
  ending: Ending | undefined;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;

  constructor(scope: Scope, command: string, argv: readonly string[], options: ProgramOptions = {}) {
    this.name = [command, ...argv].join(' ');
    this.#child = spawn(command, argv, { cwd: options.cwd, env: { ...process.env, ...options.env } });
    this.pid = this.#child.pid ?? -1;
    running.add(this.#child);
    this.ended = this.#watch();
    this.#collect();
    if (options.input !== undefined) this.#child.stdin?.end(options.input);
    scope.after(() => this.kill());
  }

  #watch(): Promise<Ending> {
    return new Promise(resolve => {
      const end = (status: number | null, signal: NodeJS.Signals | null) => {
        running.delete(this.#child);
        this.ending ??= { status, signal };
        resolve(this.ending);
      };
      this.#child.on('close', end);
      // What it started may hold its outputs for ever.
      this.#child.on('exit', (status, signal) =>
        setTimeout(() => {
          end(status, signal);
          this.#child.stdout?.destroy();
          this.#child.stderr?.destroy();
        }, graceMs).unref(),
      );
      this.#child.on('error', error => {
        this.stderr += `${error.message}\n`;
        end(127, null);
      });
    });
  }

  #collect(): void {
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // A program that ended without reading its input is not this process's error.
    this.#child.stdin?.on('error', () => {});
  }

  /** Hands over every line of standard output from now on, instead of keeping it. */
  onLine(take: (line: string) => void): void {
    if (this.#child.stdout === null) return;
    this.#child.stdout.removeAllListeners('data');
    createInterface({ input: this.#child.stdout }).on('line', take);
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once, and waits until it has. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Asks it to end, waits, and says how it did. */
  async stop(deadlineMs = 5000): Promise<Ending> {
    this.signal('SIGTERM');
    return this.end(deadlineMs);
  }

  /** How it ended. @throws where it still runs at the deadline */
  async end(deadlineMs = 10_000): Promise<Ending> {
    return this.#withOutput(eventually(`${this.name} ends`, () => this.ending, deadlineMs));
  }

  /** The first line of either output that matches. @throws where it ends or is silent until the deadline */
  async line(pattern: RegExp, deadlineMs = 10_000): Promise<string> {
    const find = () => {
      // Asked for first: what is said last is collected before the end is known.
      const ended = this.ending !== undefined;
      return this.lines.find(line => pattern.test(line)) ?? (ended ? { ended } : undefined);
    };
    const what = `${this.name} says ${pattern}`;
    const found = await this.#withOutput(eventually(what, find, deadlineMs));
    if (typeof found === 'string') return found;
    throw new Error(`ended before: ${what}\n${this.output}`);
  }

  /** From here on only what it says anew counts. */
  forget(): void {
    this.stdout = '';
    this.stderr = '';
  }

  async #withOutput<Value>(outcome: Promise<Value>): Promise<Value> {
    return outcome.catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`, { cause: error });
    });
  }

  /** The whole lines of both outputs: first all of standard output, then all of standard error. */
  get lines(): readonly string[] {
    return [...wholeLines(this.stdout), ...wholeLines(this.stderr)];
  }

  get output(): string {
    return `--- standard output\n${this.stdout}--- standard error\n${this.stderr}---`;
  }
}

function wholeLines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
