/**
 * The listener's end of the thread that verifies datagrams: what waits for it, what it is given, what it says.
 *
 * Where the thread fails, the few datagrams that it had are lost, and their senders try again.
 */
import type { Verdict } from '../methods/knock.js';
import type { Packet } from '../net/packet.js';
import { Backlog } from './backlog.js';
import type { DatagramSiteSettings } from './datagramsite.js';
import { digestLength } from './heard.js';
import type { ListsNews } from './instructions.js';
import { type Failure, Thread, usualPatience } from './thread.js';
import type { Answer, Order } from './verifier.js';

/** What is amiss with the thread. */
export type ThreadTrouble = `verifier-${Failure}` | 'bad-lists';

export interface VerificationEvents {
  verdict(verdict: NonNullable<Verdict>): void;
  /** So many could not be verified. */
  dropped(count: number): void;
  trouble(what: ThreadTrouble): void;
  /** What was accepted before, for a thread that begins: 16 bytes of each digest, one behind the other. */
  heard(): Uint8Array;
}

/** Few: what comes in first waits for no more of them than these, and what hangs the thread takes no more along. */
const batchLength = 16;

/** Characters of lists that the slowest machine reads in a millisecond. */
const listsPerMs = 1024;

export class Verification {
  readonly #events: VerificationEvents;
  readonly #thread: Thread<Order, Answer>;
  readonly #backlog: Backlog<Packet>;
  #settings: DatagramSiteSettings | undefined;
  #lists: ListsNews | undefined;
  /** How many datagrams the thread has. */
  #given = 0;
  /** How much longer it may take because it has lists to read first. */
  #listsMs = 0;

  /** @param program the thread's file @param seed 36 random bytes */
  constructor(program: string, events: VerificationEvents, seed: Uint8Array, patience = usualPatience) {
    this.#events = events;
    this.#backlog = new Backlog(seed);
    const thread = {
      ready: () => this.#tellAll(),
      answer: (answer: Answer) => this.#take(answer),
      failed: (what: Failure) => this.#failed(what),
    };
    this.#thread = new Thread(program, thread, patience);
  }

  /** @param settings undefined: nothing is verified any more */
  configure(settings: DatagramSiteSettings | undefined): void {
    this.#settings = settings;
    if (settings === undefined) {
      this.#thread.stop();
      this.#given = 0;
      this.#backlog.clear();
      return;
    }
    this.#thread.say({ say: 'settings', settings });
    this.#thread.start();
  }

  /** The lists of revoked certificates, as they were fetched. */
  setLists(news: ListsNews): void {
    this.#lists = { ...news, text: news.text ?? this.#lists?.text };
    this.#sayLists(news);
  }

  #sayLists(news: ListsNews): void {
    this.#listsMs += (news.text?.length ?? 0) / listsPerMs;
    this.#thread.say({ ...news, say: 'lists' });
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
    this.#thread.say({ say: 'heard', digests: new Uint8Array(digest.subarray(0, digestLength)) });
  }

  #take(answer: Answer): void {
    if (answer.say === 'lists') {
      this.#listsMs = 0;
      if (!answer.areGood) this.#events.trouble('bad-lists');
      return;
    }
    this.#thread.done();
    this.#given = 0;
    for (const verdict of answer.verdicts) if (verdict !== undefined) this.#events.verdict(verdict);
    this.#handOver();
  }

  #tellAll(): void {
    if (this.#settings !== undefined) this.#thread.say({ say: 'settings', settings: this.#settings });
    if (this.#lists !== undefined) this.#sayLists(this.#lists);
    this.#thread.say({ say: 'heard', digests: this.#events.heard() });
    this.#handOver();
  }

  #handOver(): void {
    if (!this.#thread.isIdle || this.#backlog.length === 0) return;
    const packets = this.#backlog.take(batchLength);
    this.#given = packets.length;
    this.#thread.give({ say: 'verify', packets }, this.#listsMs);
  }

  #failed(what: Failure): void {
    if (this.#given > 0) this.#events.dropped(this.#given);
    this.#given = 0;
    this.#events.trouble(`verifier-${what}`);
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
