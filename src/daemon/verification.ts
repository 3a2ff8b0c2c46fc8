/**
 * The listener's end of the thread that verifies datagrams: what waits for it, what it is given, what it says.
 *
 * States: none (nothing is verified, or it is about to be started again), starting, idle, busy. One that dies, or does not
 * answer in time, is ended and started again; the few datagrams that it had are lost, and their senders try again.
 */
import { Worker } from 'node:worker_threads';
import type { Verdict } from '../methods/knock.js';
import type { Packet } from '../net/packet.js';
import { Backlog } from './backlog.js';
import type { DatagramSiteSettings } from './datagramsite.js';
import { digestLength } from './heard.js';
import type { ListsNews } from './instructions.js';
import type { Answer, Order } from './verifier.js';

/** What is amiss with the thread. */
export type ThreadTrouble = 'verifier-hung' | 'verifier-died' | 'bad-lists';

export interface VerificationEvents {
  verdict(verdict: NonNullable<Verdict>): void;
  /** So many could not be verified. */
  dropped(count: number): void;
  trouble(what: ThreadTrouble): void;
  /** What was accepted before, for a thread that begins: 16 bytes of each digest, one behind the other. */
  heard(): Uint8Array;
}

/** Times in milliseconds. */
export interface Patience {
  /** For a thread to begin, and then for each batch. */
  readonly start: number;
  readonly batch: number;
  /** Before it is started again; twice as long each time that it does nothing in between, up to the longest. */
  readonly restart: number;
  readonly longestRestart: number;
}

const usualPatience: Patience = { start: 30_000, batch: 5000, restart: 100, longestRestart: 10_000 };
/** Few: what comes in first waits for no more of them than these, and what hangs the thread takes no more along. */
const batchLength = 16;
/** What goes wrong in it stays in it: the memory that it may take is not all that there is. */
const resourceLimits = { maxOldGenerationSizeMb: 512 };

/** Characters of lists that the slowest machine reads in a millisecond. */
const listsPerMs = 1024;

type State = 'none' | 'starting' | 'idle' | 'busy';

export class Verification {
  readonly #program: string;
  readonly #events: VerificationEvents;
  readonly #patience: Patience;
  readonly #backlog: Backlog<Packet>;
  #settings: DatagramSiteSettings | undefined;
  #lists: ListsNews | undefined;
  #worker: Worker | undefined;
  #state: State = 'none';
  /** How many datagrams the thread has. */
  #given = 0;
  /** How much longer it may take because it has lists to read first. */
  #listsMs = 0;
  #deadline: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  /** How often it has failed since it last gave verdicts. */
  #failures = 0;

  /** @param program the thread's file @param seed 36 random bytes */
  constructor(program: string, events: VerificationEvents, seed: Uint8Array, patience = usualPatience) {
    this.#program = program;
    this.#events = events;
    this.#patience = patience;
    this.#backlog = new Backlog(seed);
  }

  /** @param settings undefined: nothing is verified any more */
  configure(settings: DatagramSiteSettings | undefined): void {
    this.#settings = settings;
    if (settings === undefined) this.#stop();
    else if (this.#worker !== undefined) this.#say({ say: 'settings', settings });
    else if (this.#restart === undefined) this.#start();
  }

  /** The lists of revoked certificates, as they were fetched. */
  setLists(news: ListsNews): void {
    this.#lists = { ...news, text: news.text ?? this.#lists?.text };
    this.#sayLists(news);
  }

  #sayLists(news: ListsNews): void {
    this.#listsMs += (news.text?.length ?? 0) / listsPerMs;
    this.#say({ ...news, say: 'lists' });
  }

  /** Takes a copy. */
  hear(packet: Packet): void {
    if (this.#settings === undefined) return;
    const dropped = this.#backlog.push(copy(packet));
    if (dropped > 0) this.#events.dropped(dropped);
    this.#handOver();
  }

  /** A datagram was accepted. @param digest 32 bytes */
  accepted(digest: Uint8Array): void {
    // Whole buffers go to a thread: a view's would be all that it is a view of.
    this.#say({ say: 'heard', digests: new Uint8Array(digest.subarray(0, digestLength)) });
  }

  #start(): void {
    this.#restart = undefined;
    const worker = new Worker(this.#program, { resourceLimits });
    this.#worker = worker;
    this.#state = 'starting';
    this.#expect(this.#patience.start);
    worker.on('message', (answer: Answer) => worker === this.#worker && this.#take(answer));
    // The exit, which follows, says enough; of what a stranger sent nothing is told.
    worker.on('error', () => {});
    worker.on('exit', () => worker === this.#worker && this.#failed('verifier-died'));
  }

  #say(order: Order): void {
    // One that starts is told everything once it is there.
    if (this.#state === 'idle' || this.#state === 'busy') this.#worker?.postMessage(order);
  }

  #take(answer: Answer): void {
    if (answer.say === 'lists') {
      this.#listsMs = 0;
      if (!answer.areGood) this.#events.trouble('bad-lists');
      return;
    }
    clearTimeout(this.#deadline);
    this.#state = 'idle';
    if (answer.say === 'ready') this.#tellAll();
    else {
      this.#failures = 0;
      this.#given = 0;
      for (const verdict of answer.verdicts) if (verdict !== undefined) this.#events.verdict(verdict);
    }
    this.#handOver();
  }

  #tellAll(): void {
    if (this.#settings !== undefined) this.#say({ say: 'settings', settings: this.#settings });
    if (this.#lists !== undefined) this.#sayLists(this.#lists);
    this.#say({ say: 'heard', digests: this.#events.heard() });
  }

  #handOver(): void {
    if (this.#state !== 'idle' || this.#backlog.length === 0) return;
    const packets = this.#backlog.take(batchLength);
    this.#say({ say: 'verify', packets });
    this.#state = 'busy';
    this.#given = packets.length;
    this.#expect(this.#patience.batch + this.#listsMs);
  }

  #expect(withinMs: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#failed('verifier-hung'), withinMs);
  }

  #failed(what: ThreadTrouble): void {
    const lost = this.#given;
    this.#end();
    if (lost > 0) this.#events.dropped(lost);
    this.#events.trouble(what);
    const { restart, longestRestart } = this.#patience;
    const waitMs = Math.min(restart * 2 ** this.#failures, longestRestart);
    this.#failures++;
    this.#restart = setTimeout(() => this.#start(), waitMs);
  }

  #stop(): void {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#failures = 0;
    this.#end();
    this.#backlog.clear();
  }

  #end(): void {
    clearTimeout(this.#deadline);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#state = 'none';
    this.#given = 0;
    void worker?.terminate();
  }
}

function copy(packet: Packet): Packet {
  return {
    ...packet,
    source: new Uint8Array(packet.source),
    destination: new Uint8Array(packet.destination),
    payload: new Uint8Array(packet.payload),
  };
}
