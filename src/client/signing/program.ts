/** A program that signs: it is given the text, and what it says is kept for the person who waits. It is not parsed as words. */
import { type ChildProcess, spawn } from 'node:child_process';

/** What a program said until its end. */
export interface Ran {
  /** Undefined where a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** What it wrote to its descriptor 3. */
  readonly report: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly input: Uint8Array;
  readonly environment?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  /** Told what it writes to descriptor 3, as it comes. */
  readonly onReport?: (text: string) => void;
}

/** What ends a process that does not listen. */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** More than any of them says. */
const mostKept = 65_536;

/** Runs a program to its end. @throws Error of Node with its `code`, such as ENOENT; the signal's reason */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { input, environment = process.env, signal, onReport = () => {} } = options;
  signal?.throwIfAborted();
  let child: ChildProcess | undefined;
  const stop = () => void child?.kill();
  // Before there is a child that could be left behind.
  const leave = endWithUs(stop);
  signal?.addEventListener('abort', stop);
  try {
    const asked = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    child = asked;
    const [stdout, stderr, report] = ([1, 2, 3] as const).map(fd => new Kept(asked.stdio[fd]!));
    asked.stdio[3]!.on('data', (chunk: Buffer) => onReport(chunk.toString()));
    // It may end without having read it.
    asked.stdin!.on('error', () => {});
    asked.stdin!.end(input);
    const status = await new Promise<number | null>((resolve, reject) => {
      asked.once('error', reject);
      asked.once('close', resolve);
    });
    signal?.throwIfAborted();
    const said = {
      stdout: stdout!.bytes,
      stderr: stderr!.bytes.toString(),
      report: report!.bytes.toString(),
    };
    return { status: status ?? undefined, ...said };
  } finally {
    signal?.removeEventListener('abort', stop);
    leave();
  }
}

/**
 * What ends this process ends a child before: it may have the terminal, where it shows nothing of what is typed, and would
 * ask on. A second signal is not waited with.
 * @returns what is to be called at the end of the child
 */
function endWithUs(stop: () => void): () => void {
  let caught: NodeJS.Signals | undefined;
  const passOn = (signal: NodeJS.Signals) => {
    caught = signal;
    stop();
  };
  for (const signal of endings) process.once(signal, passOn);
  return () => {
    for (const signal of endings) process.removeListener(signal, passOn);
    // Whoever else listens decides what becomes of it.
    if (caught !== undefined && process.listenerCount(caught) === 0) process.kill(process.pid, caught);
  };
}

/** What comes out of a stream, as far as it is kept. */
class Kept {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(stream: { on(event: string, listener: (chunk: Buffer) => void): unknown }) {
    stream.on('error', () => {});
    stream.on('data', chunk => {
      if (this.#length < mostKept) this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks).subarray(0, mostKept);
  }
}

/** The last line of what a program said, without its own name before it. */
export function lastWords(stderr: string): string {
  const printable = stderr.replace(/[^\x20-\x7e\n\u00a0-\uffff]/g, '');
  const line = printable.trimEnd().split('\n').at(-1)!.trim();
  return line.replace(/^[a-z-]+: /, '').slice(0, 300);
}
