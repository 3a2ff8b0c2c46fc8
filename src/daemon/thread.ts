/**
 * A thread of the listener, kept running: started, given one piece of work after the other, and started again when it dies
 * or does not answer in time. What it had then is lost; its user says to whom that matters.
 *
 * States: none (not wanted, or about to be started again), starting, idle, busy. A thread says `{ say: 'ready' }` once it
 * listens; what it is asked for by `give` it answers by something that its user calls `done` for.
 */
import { Worker } from 'node:worker_threads';

/** What is amiss with it. */
export type Failure = 'hung' | 'died';

export interface ThreadEvents<Answer> {
  /** It has begun and knows nothing yet. */
  ready(): void;
  answer(answer: Answer): void;
  /** It has been ended and will be started again. */
  failed(what: Failure): void;
}

/** Times in milliseconds. */
export interface Patience {
  /** For it to begin, and then for each piece of work. */
  readonly start: number;
  readonly batch: number;
  /** Before it is started again; twice as long each time that it does nothing in between, up to the longest. */
  readonly restart: number;
  readonly longestRestart: number;
}

export const usualPatience: Patience = { start: 30_000, batch: 5000, restart: 100, longestRestart: 10_000 };
/** What goes wrong in it stays in it: the memory that it may take is not all that there is. */
const resourceLimits = { maxOldGenerationSizeMb: 512 };

type State = 'none' | 'starting' | 'idle' | 'busy';
/** What every thread says first. */
export type Ready = { readonly say: 'ready' };

export class Thread<Order, Answer extends { readonly say: string }> {
  readonly #program: string;
  readonly #events: ThreadEvents<Answer>;
  readonly #patience: Patience;
  #worker: Worker | undefined;
  #state: State = 'none';
  #deadline: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  /** How often it has failed since it last did a piece of work. */
  #failures = 0;

  /** @param program its file */
  constructor(program: string, events: ThreadEvents<Answer>, patience: Patience) {
    this.#program = program;
    this.#events = events;
    this.#patience = patience;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Keeps it running from now on. */
  start(): void {
    if (this.#worker === undefined && this.#restart === undefined) this.#start();
  }

  stop(): void {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#failures = 0;
    this.#end();
  }

  /** One that starts hears nothing: it is told everything once it is ready. */
  say(order: Order): void {
    if (this.#state === 'idle' || this.#state === 'busy') this.#worker?.postMessage(order);
  }

  /** A piece of work. @param extraMs how much longer it may take than others */
  give(order: Order, extraMs = 0): void {
    this.say(order);
    this.#state = 'busy';
    this.#expect(this.#patience.batch + extraMs);
  }

  /** What it answered was all that it was given. */
  done(): void {
    clearTimeout(this.#deadline);
    this.#state = 'idle';
    this.#failures = 0;
  }

  #start(): void {
    this.#restart = undefined;
    const worker = new Worker(this.#program, { resourceLimits });
    this.#worker = worker;
    this.#state = 'starting';
    this.#expect(this.#patience.start);
    worker.on('message', (answer: Answer | Ready) => worker === this.#worker && this.#take(answer));
    // The exit, which follows, says enough; of what a stranger sent nothing is told.
    worker.on('error', () => {});
    worker.on('exit', () => worker === this.#worker && this.#failed('died'));
  }

  #take(answer: Answer | Ready): void {
    if (isReady(answer)) {
      clearTimeout(this.#deadline);
      this.#state = 'idle';
      this.#events.ready();
    } else this.#events.answer(answer);
  }

  #expect(withinMs: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#failed('hung'), withinMs);
  }

  #failed(what: Failure): void {
    this.#end();
    this.#events.failed(what);
    const { restart, longestRestart } = this.#patience;
    const waitMs = Math.min(restart * 2 ** this.#failures, longestRestart);
    this.#failures++;
    this.#restart = setTimeout(() => this.#start(), waitMs);
  }

  #end(): void {
    clearTimeout(this.#deadline);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#state = 'none';
    void worker?.terminate();
  }
}

function isReady(answer: { readonly say: string }): answer is Ready {
  return answer.say === 'ready';
}
