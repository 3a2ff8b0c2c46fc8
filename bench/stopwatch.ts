/** How long a command runs, and how long one needs from its start until it says that it is ready. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A command with what it needs of the environment beside our own. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunRequest {
  readonly do: 'run';
  readonly command: Command;
}

export interface StartRequest {
  readonly do: 'start';
  readonly command: Command;
  /** In a line of its output, a regular expression. */
  readonly ready: string;
}

const mostMs = 20_000;

/** Runs a command to its end, its output thrown away. @throws Error where it fails */
export function timeRun({ command }: RunRequest): { readonly ms: number } {
  const [program = '', ...args] = command.argv;
  const begun = performance.now();
  const { status, signal, error } = spawnSync(program, args, {
    stdio: 'ignore',
    env: { ...process.env, ...command.env },
    timeout: mostMs,
  });
  const ms = performance.now() - begun;
  if (status !== 0) throw error ?? new Error(`${command.argv.join(' ')} ended with ${signal ?? status}`);
  return { ms };
}

/** Starts a command, and ends it once it is ready. @throws Error where it does not become so */
export async function timeStart({ command, ready }: StartRequest): Promise<{ readonly ms: number }> {
  const [program = '', ...args] = command.argv;
  const { write, output } = openPipe();
  const begun = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', write, write],
    env: { ...process.env, ...command.env },
    timeout: mostMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()));
  try {
    const at = await readyAt(child, output, new RegExp(ready));
    return { ms: at - begun };
  } finally {
    child.kill('SIGTERM');
    await ended;
    closeSync(write);
    output.destroy();
  }
}

/** A real pipe: the one that Node makes is a socket, which a program cannot open as its /dev/stderr. */
function openPipe(): { readonly write: number; readonly output: Socket } {
  const folder = mkdtempSync(join(tmpdir(), 'stopwatch-'));
  const path = join(folder, 'output');
  execFileSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, 'w');
  rmSync(folder, { recursive: true });
  return { write, output: new Socket({ fd: read, readable: true, writable: false }) };
}

function readyAt(child: ChildProcess, output: Socket, ready: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    output.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      if (ready.test(said)) resolve(performance.now());
    });
    child.on('error', reject);
    child.on('close', () => reject(new Error(`ended before it was ready: ${said.trimEnd()}`)));
  });
}
