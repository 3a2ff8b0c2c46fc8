/**
 * The monitor's part in lists of revoked certificates: when they are got, by a process without privileges, and where they are
 * kept. It does not read them.
 *
 * What was got last stays in force until there is a better one, also over a restart: it lies in the file `lists` of the state
 * directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeOver } from '../system/durable.js';
import { errorCode } from '../system/error.js';
import type { Config, DatagramSettings } from './config.js';
import type { ListsNews } from './instructions.js';
import { endings, type FetchTask, longestList, longestLists } from './lists.js';
import { type Log, messageOf } from './log.js';
import { unprivileged } from './privileges.js';

/** As scripts/bundle.mjs makes it. */
const program = fileURLToPath(new URL('./fetcher.cjs', import.meta.url));
const fileName = 'lists';

const urlTimeoutMs = 10_000;
/** To read the longest list takes some seconds. */
const deadlineMs = 60_000;
/** After a failure, where `crl_refresh` is longer. */
const retryMs = 60_000;
const mostMegabytes = 1024;
/** What the first attempt may hold up the word that the daemon is ready. */
const mostDelayMs = 3000;

/** What it says of itself: so many lines, each so long. */
const mostLines = 20;
const longestLine = 200;

/** Where systems keep the certificates that they trust, with those that their administrator has added. */
const trustFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const;

/** What came of the last attempt, for `status`. */
export interface RevocationStatus {
  /** When that was. */
  readonly at: string;
  readonly outcome: 'good' | 'failed';
  /** What was wrong, and what there is of each authority. */
  readonly lines: readonly string[];
}

/** How an attempt ended. */
interface Result {
  readonly output: Buffer;
  readonly lines: readonly string[];
  readonly isGood: boolean;
}

export class Revocation {
  readonly #log: Log;
  readonly #hand: (news: ListsNews) => void;
  #config: Config;
  #text: string | undefined;
  /** The sources of which an attempt has ended, good or not. */
  #tried: string | undefined;
  #hasTried!: () => void;
  readonly #firstAttempt = new Promise<void>(resolve => {
    this.#hasTried = resolve;
  });
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether there was a wish for another attempt during the last. */
  #isAgain = false;
  #isStopped = false;
  #status: RevocationStatus | undefined;
  #said = '';

  /** @param hand is given what the listener is to know: at the start what is kept, then what is new */
  constructor(config: Config, log: Log, hand: (news: ListsNews) => void) {
    this.#config = config;
    this.#log = log;
    this.#hand = hand;
  }

  /** What came of the last attempt; undefined where there was none. */
  get status(): RevocationStatus | undefined {
    return this.#config.datagram === undefined ? undefined : this.#status;
  }

  /** Hands over what is kept, and begins to get what is newer. */
  start(): void {
    if (this.#config.datagram === undefined) return;
    this.#text ??= readKept(this.#path);
    this.#hand({ text: this.#text, areAwaited: this.#areAwaited });
    this.refresh();
  }

  /** Settles when the first attempt has ended, or after so long: a server that says nothing holds nobody up. */
  async begun(mostMs = mostDelayMs): Promise<void> {
    if (!this.#areAwaited) return;
    await Promise.race([this.#firstAttempt, delay(mostMs, undefined, { ref: false })]);
  }

  /** Whether it is not known yet what these sources have to say. */
  get #areAwaited(): boolean {
    const { datagram } = this.#config;
    return datagram !== undefined && hasSource(datagram) && sourcesOf(datagram) !== this.#tried;
  }

  /** Gets lists by another configuration from now on, and at once. */
  adopt(config: Config): void {
    this.#config = config;
    clearTimeout(this.#timer);
    this.start();
  }

  /** Gets them at once; where that is under way, again when it is over. */
  refresh(): void {
    const { datagram } = this.#config;
    if (datagram === undefined || this.#isStopped || !hasSource(datagram)) return;
    clearTimeout(this.#timer);
    this.#isAgain = this.#child !== undefined;
    if (this.#isAgain) return;
    void this.#attempt(datagram).then(isGood => {
      const { refreshMs } = datagram.revocation;
      const wait = this.#isAgain ? 0 : isGood ? refreshMs : Math.min(refreshMs, retryMs);
      if (!this.#isStopped) this.#timer = setTimeout(() => this.refresh(), wait);
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#hasTried();
    this.#child?.kill('SIGKILL');
  }

  get #path(): string {
    return join(this.#config.stateDirectory, fileName);
  }

  async #attempt(datagram: DatagramSettings): Promise<boolean> {
    const unread: string[] = [];
    let result: Result;
    try {
      result = await this.#run(this.#task(datagram, unread));
    } catch (error) {
      result = { output: Buffer.alloc(0), lines: [messageOf(error)], isGood: false };
    }
    if (this.#isStopped) return false;
    const isGood = result.isGood && unread.length === 0;
    const isNew = result.output.length > 0;
    const wereAwaited = this.#areAwaited;
    this.#tried = sourcesOf(datagram);
    if (isNew) this.#keep(result.output.toString('utf8'));
    if (isNew || wereAwaited) {
      const text = isNew ? this.#text : undefined;
      this.#hand({ text, areAwaited: this.#areAwaited });
    }
    this.#hasTried();
    const lines = [...unread, ...result.lines];
    this.#status = { at: new Date().toISOString(), outcome: isGood ? 'good' : 'failed', lines };
    this.#tell(isGood, isNew, lines);
    return isGood;
  }

  #task({ authorities, revocation }: DatagramSettings, unread: string[]): FetchTask {
    const { file, url, required } = revocation;
    let bytes: Buffer | undefined;
    try {
      bytes = file && readBounded(file.path);
    } catch (error) {
      unread.push(`${file!.path}: cannot be read (${errorCode(error) ?? messageOf(error)})`);
    }
    return {
      authorities: authorities.map(der => Buffer.from(der).toString('base64')),
      file: bytes?.toString('base64'),
      url,
      required,
      timeoutMs: urlTimeoutMs,
      memory: this.#text,
    };
  }

  /** Once for each change: what fails for a night is a line, not a thousand. */
  #tell(isGood: boolean, isNew: boolean, lines: readonly string[]): void {
    const text = lines.join('; ');
    const said = isGood ? '' : text;
    const isChanged = said !== this.#said;
    this.#said = said;
    if (!isGood && isChanged) {
      this.#log.error(
        { event: 'lists' },
        `lists of revoked certificates: ${text}; those from before stay in force`,
      );
    } else if (isGood && (isNew || isChanged)) {
      this.#log.info({ event: 'lists' }, `lists of revoked certificates: ${text}`);
    }
  }

  #keep(text: string): void {
    this.#text = text;
    try {
      writeOver(this.#path, text);
    } catch (error) {
      const why = `${this.#path}: cannot be written (${errorCode(error) ?? messageOf(error)})`;
      this.#log.error(
        { event: 'lists' },
        `${why}; after a restart the lists from before hold until they are got again`,
      );
    }
  }

  /** @throws OperatorError where it cannot be run as that user */
  #run(task: FetchTask): Promise<Result> {
    const argv = [process.execPath, `--max-old-space-size=${mostMegabytes}`, ...trustOptions(), program];
    const [command, ...args] = unprivileged(this.#config.user, argv, { file: this.#config.file });
    return new Promise(resolve => {
      const env = { LANG: 'C.UTF-8', ...trustEnvironment() };
      const child = spawn(command, args, {
        cwd: '/',
        env,
        stdio: 'pipe',
        timeout: deadlineMs,
        killSignal: 'SIGKILL',
      });
      this.#child = child;
      const output = gather(child, 'stdout', longestLists);
      const words = gather(child, 'stderr', mostLines * longestLine);
      const end = (isGood: boolean, failure?: string) => {
        this.#child = undefined;
        const lines = [...(failure === undefined ? [] : [failure]), ...printable(words)];
        resolve({ output: failure === undefined ? Buffer.concat(output) : Buffer.alloc(0), lines, isGood });
      };
      child.on('error', error =>
        end(false, `the process that gets them cannot be started: ${error.message}`),
      );
      child.on('close', (code, signal) => {
        const isExpected = code === endings.good || code === endings.poor;
        const how = signal === null ? `status ${code}` : `${signal}, or after ${deadlineMs / 1000} s`;
        end(code === endings.good, isExpected ? undefined : `the process that gets them ended with ${how}`);
      });
      child.stdin.on('error', () => {});
      child.stdin.end(JSON.stringify(task));
    });
  }
}

function hasSource({ revocation }: DatagramSettings): boolean {
  return revocation.file !== undefined || revocation.url !== undefined;
}

/** What decides which lists there are, as a text to compare. */
function sourcesOf({ authorities, revocation: { file, url } }: DatagramSettings): string {
  return JSON.stringify([authorities.map(der => Buffer.from(der).toString('base64')), file?.path, url]);
}

/** Keeps what a process says, and ends one that says more than it may. */
function gather(child: ChildProcess, name: 'stdout' | 'stderr', most: number): Buffer[] {
  const chunks: Buffer[] = [];
  let length = 0;
  child[name]!.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= most) chunks.push(chunk);
    else if (name === 'stdout') child.kill('SIGKILL');
  });
  return chunks;
}

/** Words of a process that has read what strangers sent: short, and nothing but printable ASCII. */
function printable(chunks: readonly Buffer[]): string[] {
  const lines = Buffer.concat(chunks).toString('latin1').split('\n');
  const clean = lines.map(line => line.replace(/[^ -~]/g, '?').slice(0, longestLine));
  return clean.filter(line => line !== '').slice(0, mostLines);
}

function readBounded(path: string): Buffer {
  const bytes = readFileSync(path);
  if (bytes.length > longestList) throw new Error(`longer than ${longestList >> 20} MiB`);
  return bytes;
}

function readKept(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text.length > 0 && text.length <= longestLists ? text : undefined;
  } catch {
    // None has been got so far.
    return undefined;
  }
}

function trustFile(): string | undefined {
  return trustFiles.find(path => existsSync(path));
}

/** Servers are trusted as the system trusts them; where it keeps no such file, as Node does. */
function trustOptions(): string[] {
  return trustFile() === undefined ? [] : ['--use-openssl-ca'];
}

function trustEnvironment(): Record<string, string> {
  const file = trustFile();
  return file === undefined ? {} : { SSL_CERT_FILE: file };
}
