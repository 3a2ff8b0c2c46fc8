/**
 * The first half of answering a challenge: hellos go out, challenges come back (PROTOCOL.md section 9.5). Every address is
 * asked at once. What is no answer to one of these hellos, sealed with the site's key, is passed over.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  type Asked,
  composeHello,
  helloRandomLength,
  type KnownSite,
  type ReadChallenge,
  readChallenge,
} from '../methods/challenge/compose.js';
import { challengeLength } from '../methods/challenge/format.js';
import { errorCode } from '../system/error.js';
import type { Target } from './resolve.js';
import { settlesWithin } from './wait.js';

/** What is asked, and how. */
export interface Asking {
  readonly site: KnownSite;
  readonly door: string;
  readonly port: number;
  /** Milliseconds since 1970, as the hellos say it. */
  readonly now: () => number;
  /** Whether one answer is enough: then the first one ends it. */
  readonly isOneEnough: boolean;
  readonly limits: Limits;
  readonly signal: AbortSignal | undefined;
  /** Told of every hello. */
  readonly onHello: (target: Target) => void;
}

/** Of asking. */
export interface Limits {
  /** Milliseconds after each hello: how long until the next; after the last one: until there is no answer. */
  readonly pausesMs: readonly number[];
  /** Milliseconds: how long the other addresses may take where one has answered. */
  readonly othersMs: number;
  /** So many that look like a challenge are looked at from one address: more are not the server's. */
  readonly mostExamined: number;
}

export const usualLimits: Limits = {
  pausesMs: [1000, 2000, 4000, 3000],
  othersMs: 300,
  mostExamined: 1000,
};

/** What came of asking one address: its challenge, the system's word for why it could not be asked, or neither. */
export interface Asker {
  readonly target: Target;
  readonly answer: Answer | undefined;
  readonly failure: string | undefined;
  /** The system's word for why the last hello was not sent, as where a firewall of this machine keeps it in. */
  readonly unsent: string | undefined;
}

export interface Answer {
  readonly challenge: ReadChallenge;
  /** The own address that was asked from, as far as the system says. */
  readonly local: string;
  /** Of the hello, in milliseconds since 1970. */
  readonly time: number;
  /** When that went out, by `performance.now()`: the challenge is no older. */
  readonly askedAt: number;
}

/** Asks for challenges. @returns one for each target, in their order @throws the signal's reason */
export async function ask(targets: readonly Target[], asking: Asking): Promise<readonly Asker[]> {
  const { limits, isOneEnough, signal } = asking;
  signal?.throwIfAborted();
  const lines = targets.map(target => new Line(target, asking));
  let stop = () => {};
  const aborted = new Promise<void>(resolve => {
    stop = resolve;
  });
  signal?.addEventListener('abort', stop);
  try {
    await Promise.all(lines.map(line => line.open()));
    const every = Promise.all(lines.map(({ settled }) => settled));
    const answered = Promise.race(lines.map(({ answered }) => answered));
    const others = () => (isOneEnough ? true : settlesWithin(every, limits.othersMs));
    const enough = Promise.race([every, aborted, answered.then(others)]);
    for (const pauseMs of limits.pausesMs) {
      for (const line of lines) line.hello();
      if (await settlesWithin(enough, pauseMs)) break;
    }
    signal?.throwIfAborted();
    return lines;
  } finally {
    signal?.removeEventListener('abort', stop);
    for (const line of lines) line.close();
  }
}

interface Sent {
  readonly asked: Asked;
  readonly time: number;
  readonly askedAt: number;
}

/** One address that is asked. */
class Line implements Asker {
  readonly target: Target;
  /** When there is an answer; never where there is none. */
  readonly answered: Promise<void>;
  /** When there is an answer or a failure. */
  readonly settled: Promise<void>;
  answer: Answer | undefined;
  failure: string | undefined;
  unsent: string | undefined;
  readonly #asking: Asking;
  readonly #socket: Socket;
  readonly #sent: Sent[] = [];
  #examined = 0;
  #settle!: () => void;

  constructor(target: Target, asking: Asking) {
    this.target = target;
    this.#asking = asking;
    this.#socket = createSocket(target.family === 4 ? 'udp4' : 'udp6');
    this.settled = new Promise(resolve => {
      this.#settle = resolve;
    });
    this.answered = new Promise(resolve => {
      void this.settled.then(() => this.answer && resolve());
    });
  }

  async open(): Promise<void> {
    const { port } = this.#asking;
    try {
      this.#socket.connect(port, this.target.address);
      await once(this.#socket, 'connect');
      this.#socket.on('message', payload => this.#hear(payload));
      // That the port is closed is what a server says that listens, too.
      this.#socket.on('error', () => {});
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Asks, unless that is done: a copy of a hello would not be answered. */
  hello(): void {
    if (this.answer !== undefined || this.failure !== undefined) return;
    const { site, door, now, onHello } = this.#asking;
    const time = now();
    const { payload, asked } = composeHello(site, door, time, randomBytes(helloRandomLength));
    this.#sent.push({ asked, time, askedAt: performance.now() });
    onHello(this.target);
    this.#socket.send(payload, error => {
      const code = error === null ? undefined : errorCode(error);
      // That is what came of the one before.
      this.unsent = code === 'ECONNREFUSED' ? undefined : code;
    });
  }

  close(): void {
    this.#socket.close();
  }

  #hear(payload: Buffer): void {
    if (this.answer !== undefined || payload.length !== challengeLength) return;
    this.#examined += 1;
    if (this.#examined > this.#asking.limits.mostExamined) return;
    for (const { asked, time, askedAt } of this.#sent) {
      const challenge = readChallenge(asked, payload);
      if (challenge === undefined) continue;
      const local = this.#socket.address().address.replace(/%.*/, '');
      this.answer = { challenge, local, time, askedAt };
      this.#settle();
      return;
    }
  }

  #fail(error: unknown): void {
    const code = errorCode(error);
    // An error without the system's word is ours to mend.
    if (code === undefined || code.startsWith('ERR_')) throw error;
    this.failure = code;
    this.#settle();
  }
}
