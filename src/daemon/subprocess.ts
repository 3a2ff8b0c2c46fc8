/**
 * The monitor's end of the listener: starts it without privileges, hands it its descriptors, reads its frames.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStream, socketPair } from '../net/readable.js';
import { errorCode, OperatorError } from '../system/error.js';
import type { CaptureSource } from './capture.js';
import { challengeSettings } from './challengesite.js';
import type { Config } from './config.js';
import { type Counters, counterNames, newCounters } from './counters.js';
import { datagramSettings } from './datagramsite.js';
import { type Frame, FrameReader, frameLength } from './frames.js';
import type { Instruction, ListsNews } from './instructions.js';
import { numberSettings } from './numbersite.js';
import { unprivileged } from './privileges.js';
import type { ReplyPort } from './replyport.js';
import { sequenceSettings } from './sequences.js';
import { siteSettings } from './site.js';
import type { State } from './state.js';
import { Talk } from './talk.js';

/** Of frames that come at once. */
const bufferLength = 64 * frameLength;

/** Questions for the counters that have not been answered. */
const mostWaiting = 100;

/** As scripts/bundle.mjs makes it. */
const program = fileURLToPath(new URL('./listener.cjs', import.meta.url));

export interface ListenerEvents {
  frame(frame: Frame): void;
  /** It has ended, or said what it must not. */
  ended(how: string): void;
}

/** Whose descriptors it is handed. */
export interface Handed {
  readonly capture: CaptureSource;
  readonly state: State;
  readonly replies: ReplyPort;
}

export class Subprocess {
  readonly #child: ChildProcess;
  readonly #pipe: Socket;
  readonly #capture: CaptureSource;
  readonly #replies: ReplyPort;
  readonly #counters = newCounters();
  #waiting: ((counters: Counters) => void)[] = [];
  #pulse: (() => void) | undefined;

  /** @throws OperatorError where it cannot be run as that user */
  constructor(
    config: Config,
    { capture, state, replies }: Handed,
    isDaemon: boolean,
    events: ListenerEvents,
  ) {
    this.#capture = capture;
    this.#replies = replies;
    const [command, ...args] = unprivileged(config.user, [process.execPath, program], { file: config.file });
    const [ours, theirs] = socketPair();
    const outputs = isDaemon ? 'ignore' : 'inherit';
    const stdio: StdioOptions = [
      capture.input,
      outputs,
      outputs,
      theirs,
      state.ledger,
      capture.socket ?? 'ignore',
      state.floor,
      state.heard,
      replies.sockets.ipv4 ?? 'ignore',
      replies.sockets.ipv6 ?? 'ignore',
    ];
    this.#child = spawn(command, args, { stdio, cwd: '/', env: { LANG: 'C.UTF-8' } });
    closeSync(theirs);
    this.#child.on('error', error => events.ended(explainStart(error)));
    this.#child.on('exit', (code, signal) => events.ended(`ended with ${signal ?? `status ${code}`}`));
    const reader = new FrameReader();
    const talk = new Talk();
    const take = (frame: Frame | undefined) => {
      if (frame === undefined) events.ended('said what it must not');
      else if (!this.#answer(frame) && talk.isTaken(frame, Date.now())) events.frame(frame);
    };
    this.#pipe = openStream(ours, Buffer.alloc(bufferLength), chunk => reader.push(chunk, take));
    // It ends when this is closed; what it still had to say is gone with it.
    this.#pipe.on('error', () => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it is to recognise from now on; the first time, also the sign to begin. */
  configure(config: Config): void {
    this.#say({
      say: 'settings',
      capture: this.#capture.kind,
      site: siteSettings(config),
      sequences: sequenceSettings(config, this.#capture.addresses()),
      numbers: numberSettings(config),
      datagrams: datagramSettings(config),
      challenges: challengeSettings(config),
      answersIPv6: this.#replies.hasIPv6,
      tellsStages: config.tellsStages,
      tellsPackets: config.tellsPackets,
    });
  }

  /** Lists of revoked certificates: it reads them, not we. */
  tellLists(news: ListsNews): void {
    this.#say({ say: 'lists', ...news });
  }

  /** What it has counted since its start. */
  counters(): Promise<Counters> {
    // One that does not answer is not asked for ever.
    if (this.#waiting.length >= mostWaiting) return Promise.resolve({ ...this.#counters });
    return new Promise(resolve => {
      this.#waiting.push(resolve);
      this.#say({ say: 'counters' });
    });
  }

  /** Calls back once it has answered. */
  askAlive(answered: () => void): void {
    this.#pulse = answered;
    this.#say({ say: 'alive' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #say(instruction: Instruction): void {
    this.#pipe.write(`${JSON.stringify(instruction)}\n`);
  }

  /** Whether the frame answers what we asked. */
  #answer({ kind, code, value }: Frame): boolean {
    if (kind === 'alive') {
      this.#pulse?.();
      return true;
    }
    const name = counterNames[code];
    if (kind === 'counter' && name !== undefined) this.#counters[name] = value;
    if (kind === 'counted') {
      for (const resolve of this.#waiting) resolve({ ...this.#counters });
      this.#waiting = [];
    }
    return kind === 'counter' || kind === 'counted';
  }
}

function explainStart(error: Error): string {
  const missing = errorCode(error) === 'ENOENT';
  return missing ? 'cannot be started: setpriv is not installed (apt install util-linux)' : error.message;
}

/** What the monitor throws when the listener is gone before it was ready. */
export function listenerFailed(how: string, user: string): OperatorError {
  return new OperatorError('listener', `the listener ${how} before it was ready`, {
    hint: `it runs as "${user}", who must be able to read ${dirname(program)} and to run ${process.execPath}`,
  });
}
