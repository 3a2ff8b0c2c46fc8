/**
 * The thread of the listener that verifies datagrams: one after the other, whatever is sent, so that no flood of them
 * takes more than this thread's time.
 *
 * It opens nothing and remembers nothing durably: what it finds good goes through admission like every knock.
 */
import { parentPort } from 'node:worker_threads';
import { Datagram } from '../methods/datagram/recognise.js';
import type { RevocationList } from '../methods/datagram/site.js';
import type { Verdict } from '../methods/knock.js';
import type { Packet } from '../net/packet.js';
import { buildDatagrams, type DatagramSiteSettings, readLists } from './datagramsite.js';
import { digestLength } from './heard.js';
import type { ListsNews } from './instructions.js';
import type { Ready } from './thread.js';

/** What it is told. */
export type Order =
  | { readonly say: 'settings'; readonly settings: DatagramSiteSettings }
  | ({ readonly say: 'lists' } & ListsNews)
  /** Of datagrams that were accepted: the first 16 bytes of each digest, one behind the other. */
  | { readonly say: 'heard'; readonly digests: Uint8Array }
  | { readonly say: 'verify'; readonly packets: readonly Packet[] };

/** What it says, once it is there: a verdict for each packet in their order, whether it could make something of the lists. */
export type Answer =
  | { readonly say: 'verdicts'; readonly verdicts: readonly Verdict[] }
  | { readonly say: 'lists'; readonly areGood: boolean };

/** As many as daemon/heard.ts holds, or twice that for a while. */
const mostHeard = 65536;

class Verifier {
  readonly #say: (answer: Answer) => void;
  #settings: DatagramSiteSettings | undefined;
  #lists: readonly RevocationList[] = [];
  #areAwaited = false;
  #method: Datagram | undefined;
  /** Only spares the work of verifying again what admission would refuse. The older ones go all at once. */
  #heard = new Set<string>();
  #olderHeard = new Set<string>();
  /** Everything in order: a batch is judged by the settings that were there before it. */
  #done: Promise<void> = Promise.resolve();

  constructor(say: (answer: Answer) => void) {
    this.#say = say;
  }

  obey(order: Order): void {
    this.#done = this.#done.then(() => this.#obey(order));
  }

  async #obey(order: Order): Promise<void> {
    if (order.say === 'verify') this.#say({ say: 'verdicts', verdicts: await this.#verify(order.packets) });
    else if (order.say === 'heard') this.#remember(order.digests);
    else if (order.say === 'settings') {
      this.#settings = order.settings;
      this.#adopt();
    } else this.#takeLists(order);
  }

  #takeLists({ text, areAwaited }: ListsNews): void {
    const lists = text === undefined ? this.#lists : readLists(text);
    this.#areAwaited = areAwaited;
    this.#lists = lists ?? this.#lists;
    this.#adopt();
    this.#say({ say: 'lists', areGood: lists !== undefined });
  }

  /** Certificates that are known stay known: their dates and the lists are judged for every packet. */
  #adopt(): void {
    if (this.#settings === undefined) return;
    const site = buildDatagrams(this.#settings, this.#lists, this.#areAwaited);
    if (this.#method === undefined)
      this.#method = new Datagram(site, digest => this.#hasHeard(keyOf(digest)));
    else this.#method.site = site;
  }

  async #verify(packets: readonly Packet[]): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const packet of packets) verdicts.push(await this.#method?.recognise(packet));
    return verdicts;
  }

  #hasHeard(key: string): boolean {
    return this.#heard.has(key) || this.#olderHeard.has(key);
  }

  #remember(digests: Uint8Array): void {
    for (let at = 0; at < digests.length; at += digestLength) {
      if (this.#heard.size >= mostHeard) {
        this.#olderHeard = this.#heard;
        this.#heard = new Set();
      }
      this.#heard.add(keyOf(digests.subarray(at)));
    }
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digestLength).toString('latin1');
}

const port = parentPort;
if (port === null) throw new Error('this is a thread of the listener, and runs nowhere else');
const verifier = new Verifier(answer => port.postMessage(answer));
port.on('message', (order: Order) => verifier.obey(order));
port.postMessage({ say: 'ready' } satisfies Ready);
