/** Datagrams in the listener: packets in, verdicts from the thread that verifies them, frames for the monitor out. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { detailOf } from '../methods/datagram/flaws.js';
import { isCandidate } from '../methods/datagram/format.js';
import { type Knock, type Refusal, reasons, type Verdict } from '../methods/knock.js';
import { type Packet, udp } from '../net/packet.js';
import type { Counters } from './counters.js';
import type { DatagramSiteSettings } from './datagramsite.js';
import { encodeFrame, packService, type Trouble, troubles } from './frames.js';
import type { ListsNews } from './instructions.js';
import type { Memory } from './memory.js';
import { Quota } from './quota.js';
import { namePattern, parseService } from './schema.js';
import { Verification } from './verification.js';

/** As scripts/bundle.mjs makes it. */
const program = fileURLToPath(new URL('./verifier.cjs', import.meta.url));
const spanMs = 10_000;
/** Of what no client of ours made, in ten seconds: noise does not use up the words for the others. */
const unreadableQuota = 5;
const unreadable = detailOf('unreadable');
/** What is amiss, in ten seconds. */
const troubleQuota = 5;

/** What of the listener it works with. */
export interface Surroundings {
  readonly memory: Memory;
  readonly counters: Counters;
  /** Of refusals that are told. */
  readonly quota: Quota;
  decide(verdict: NonNullable<Verdict>): void;
  tell(frame: Buffer): void;
  /** Something was dropped that is only counted. */
  summarise(): void;
}

export class DatagramWatch {
  readonly #with: Surroundings;
  readonly #verification: Verification;
  readonly #unreadableQuota = new Quota(unreadableQuota, spanMs);
  readonly #troubleQuota = new Quota(troubleQuota, spanMs);
  #isOn = false;

  constructor(surroundings: Surroundings) {
    this.#with = surroundings;
    const { counters, memory, decide, summarise } = surroundings;
    const events = {
      verdict: decide,
      dropped: (count: number) => {
        counters['datagrams dropped'] += count;
        summarise();
      },
      trouble: (what: Trouble) => this.#tellTrouble(what, 1),
      heard: () => memory.digests(),
    };
    this.#verification = new Verification(program, events, randomBytes(36));
  }

  /** Whether datagrams may be knocks now. */
  get isOn(): boolean {
    return this.#isOn;
  }

  configure(settings: DatagramSiteSettings | undefined): void {
    this.#isOn = settings !== undefined;
    this.#verification.configure(settings);
  }

  setLists(news: ListsNews): void {
    this.#verification.setLists(news);
  }

  /** @param packet that the kernel has picked out as one that may be a knock */
  hear(packet: Packet): void {
    const { counters } = this.#with;
    counters.datagrams++;
    if (packet.protocol === udp && isCandidate(packet.payload)) this.#verification.hear(packet);
    else counters['datagrams malformed']++;
  }

  /** What came of one, after admission. */
  conclude(decision: Knock | Refusal): void {
    const { counters } = this.#with;
    if (decision.outcome === 'knock') {
      counters.knocks++;
      if (decision.once !== undefined && 'digest' in decision.once)
        this.#verification.accepted(decision.once.digest);
      this.#with.tell(knockFrame(decision));
      return;
    }
    counters[`refused ${decision.reason}`]++;
    const isNoise = decision.reason === 'bad-tag' && decision.detail === unreadable;
    const quota = isNoise ? this.#unreadableQuota : this.#with.quota;
    if (quota.take(decision.at)) this.#with.tell(refusalFrame(decision));
  }

  #tellTrouble(what: Trouble, value: number): void {
    const { counters, tell } = this.#with;
    if (what === 'verifier-died' || what === 'verifier-hung') counters['verifier restarts']++;
    if (this.#troubleQuota.take(Date.now()))
      tell(encodeFrame('trouble', { code: troubles.indexOf(what), value }));
  }
}

function knockFrame({ source, at: value, client, serial = '', service }: Knock): Buffer {
  const detail = service === undefined ? 0 : packService(service);
  return encodeFrame('datagram', { detail, value, source, client, serial });
}

/** A service of no door stands where other refusals have a detail: it is no name that a frame could hold. */
function refusalFrame(refusal: Refusal): Buffer {
  const { reason, source, at: value, door = '', client = '', serial = '' } = refusal;
  const isDoor = namePattern.test(door);
  const service = isDoor ? undefined : parseService(door);
  const detail = refusal.detail ?? (service === undefined ? 0 : packService(service));
  const code = reasons.indexOf(reason);
  return encodeFrame('datagram-refused', {
    code,
    detail,
    value,
    source,
    door: isDoor ? door : '',
    client,
    serial,
  });
}
