/**
 * The listener's end of the thread that judges signatures: which claims wait for it, what it says of each.
 *
 * It is given one after the other, so that what hangs or ends it takes no other along.
 */

import type { Claim, Judgement } from '../methods/challenge/site.js';
import { isIPv4Mapped } from '../net/address.js';
import type { Answer, Order, SignatorySettings } from './signatory.js';
import { type Failure, Thread, usualPatience } from './thread.js';

export interface JudgingEvents {
  judged(claim: Claim, judgement: Judgement): void;
  /** One could not be taken. */
  dropped(): void;
  trouble(what: `signatory-${Failure}`): void;
}

/** Each has answered a challenge of ours, and so is no noise; the newest falls, for the others came first. */
const mostWaiting = 256;
/** Of one source: whoever may ask, and signs with anything, does not keep the others out. */
const mostOfOne = 16;
/** How long gpgv may take for one, beyond what the thread may by itself. */
const programMs = 5000;
const notJudged: Judgement = { flaw: 'not-judged', client: undefined, key: undefined };

export class Judging {
  readonly #events: JudgingEvents;
  readonly #thread: Thread<Order, Answer>;
  readonly #waiting: Claim[] = [];
  #settings: SignatorySettings | undefined;
  /** What the thread has. */
  #given: Claim | undefined;

  /** @param program the thread's file */
  constructor(program: string, events: JudgingEvents, patience = usualPatience) {
    this.#events = events;
    const thread = {
      ready: () => this.#tellAll(),
      answer: (answer: Answer) => this.#take(answer),
      failed: (what: Failure) => this.#failed(what),
    };
    this.#thread = new Thread(program, thread, patience);
  }

  /** @param settings undefined: nothing is judged any more */
  configure(settings: SignatorySettings | undefined): void {
    this.#settings = settings;
    if (settings === undefined) {
      this.#thread.stop();
      this.#given = undefined;
      this.#waiting.length = 0;
      return;
    }
    this.#thread.say({ say: 'settings', settings });
    this.#thread.start();
  }

  judge(claim: Claim): void {
    if (this.#settings === undefined) return;
    if (this.#waiting.length >= mostWaiting || this.#countOf(claim) >= mostOfOne) this.#events.dropped();
    else {
      this.#waiting.push(claim);
      this.#handOver();
    }
  }

  #countOf({ source }: Claim): number {
    const from = networkOf(source);
    return this.#waiting.filter(claim => networkOf(claim.source).equals(from)).length;
  }

  #tellAll(): void {
    if (this.#settings !== undefined) this.#thread.say({ say: 'settings', settings: this.#settings });
    this.#handOver();
  }

  #handOver(): void {
    if (!this.#thread.isIdle) return;
    const claim = this.#waiting.shift();
    if (claim === undefined) return;
    this.#given = claim;
    this.#thread.give(
      { say: 'judge', claims: [claim] },
      this.#settings?.verifyWith === 'gpgv' ? programMs : 0,
    );
  }

  #take(answer: Answer): void {
    this.#thread.done();
    this.#conclude(answer.judgements[0] ?? notJudged);
    this.#handOver();
  }

  #conclude(judgement: Judgement): void {
    const claim = this.#given;
    this.#given = undefined;
    if (claim !== undefined) this.#events.judged(claim, judgement);
  }

  #failed(what: Failure): void {
    this.#events.trouble(`signatory-${what}`);
    this.#conclude(notJudged);
  }
}

/** Whoever has one IPv6 address has all of its network. */
function networkOf(source: Uint8Array): Buffer {
  const length = isIPv4Mapped(source) ? source.length : source.length / 2;
  return Buffer.from(source.buffer, source.byteOffset, length);
}
