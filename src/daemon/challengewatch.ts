/**
 * Challenges in the listener: hellos are answered here and at once, responses go to the thread that judges signatures, and
 * what comes of them goes through admission like every knock.
 *
 * Nothing is kept of a hello but that it was heard: the challenge brings back what has to be known.
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { challengeLifeMs, helloLength } from '../methods/challenge/format.js';
import { type Answer, answerRandomLength, Challenge, secretLength } from '../methods/challenge/recognise.js';
import type { Claim, Signer } from '../methods/challenge/site.js';
import { type Knock, type Refusal, reasons, type Verdict } from '../methods/knock.js';
import { isIPv4Mapped, isUnicast } from '../net/address.js';
import { SystemError } from '../net/libc.js';
import type { Packet } from '../net/packet.js';
import { type ReplySockets, reply } from '../net/replysocket.js';
import { buildChallenges, buildSigners, type ChallengeSiteSettings } from './challengesite.js';
import type { Counters } from './counters.js';
import { encodeFrame, type Trouble, troubles } from './frames.js';
import { Judging } from './judging.js';
import type { Memory } from './memory.js';
import { Quota } from './quota.js';

/** As scripts/bundle.mjs makes it. */
const program = fileURLToPath(new URL('./signatory.cjs', import.meta.url));
const spanMs = 10_000;
/** What needs no key of a client's to be said, in ten seconds for each reason: it does not use up the words for others. */
const strangersQuota = 5;
/** What is amiss, in ten seconds. */
const troubleQuota = 5;
/** Random bytes are drawn for so many packets at once. */
const packetsDrawn = 64;

/** How long digests of theirs have to be remembered. */
export const challengeMemoryMs: number = challengeLifeMs;

/** What of the listener it works with. */
export interface Surroundings {
  /** Bound by the monitor. */
  readonly sockets: ReplySockets;
  readonly memory: Pick<Memory, 'isHeard'>;
  readonly counters: Counters;
  /** Of refusals that are told. */
  readonly quota: Quota;
  decide(verdict: NonNullable<Verdict>): void;
  tell(frame: Buffer): void;
  /** Something was dropped that is only counted. */
  summarise(): void;
}

export class ChallengeWatch {
  readonly #with: Surroundings;
  readonly #judging: Judging;
  readonly #troubleQuota = new Quota(troubleQuota, spanMs);
  readonly #strangersQuotas = new Map(reasons.map(reason => [reason, new Quota(strangersQuota, spanMs)]));
  /** By a clock that nobody sets. */
  readonly #begunAt = performance.now();
  readonly #random = Buffer.alloc(answerRandomLength * packetsDrawn);
  #drawn = packetsDrawn;
  #method: Challenge | undefined;
  #signers: readonly Signer[] = [];
  #isOn = false;
  #answersIPv6 = false;

  /** @param thread the file of the thread that judges */
  constructor(surroundings: Surroundings, thread: string = program) {
    this.#with = surroundings;
    const { counters, summarise } = surroundings;
    const events = {
      judged: (claim: Claim, judgement: Parameters<Challenge['conclude']>[1]) => {
        if (this.#method === undefined) return;
        surroundings.decide(this.#method.conclude(claim, judgement, this.#signers));
      },
      dropped: () => {
        counters['challenges dropped']++;
        summarise();
      },
      trouble: (what: Trouble) => this.#tellTrouble(what),
    };
    this.#judging = new Judging(thread, events);
  }

  /** Whether hellos are answered now. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** @param answersIPv6 whether the socket of IPv6 is of use */
  configure(settings: ChallengeSiteSettings | undefined, answersIPv6: boolean): void {
    this.#answersIPv6 = answersIPv6;
    this.#isOn = settings !== undefined;
    this.#signers = settings === undefined ? [] : buildSigners(settings);
    this.#judging.configure(settings && { signers: this.#signers, verifyWith: settings.verifyWith });
    if (settings === undefined) return;
    const site = buildChallenges(settings);
    if (this.#method === undefined)
      this.#method = new Challenge(site, randomBytes(secretLength), this.#startedAt());
    else this.#method.site = site;
  }

  /** @param packet that the kernel has picked out @param device index of the interface that it came in by */
  hear(packet: Packet, device: number): void {
    const { counters, memory } = this.#with;
    counters[packet.payload.length === helloLength ? 'hellos' : 'responses']++;
    if (this.#method !== undefined) this.#method.startedAt = this.#startedAt();
    const verdict = this.#method?.recognise(packet, this.#draw(), once => memory.isHeard(once));
    if (verdict === undefined) counters['challenges malformed']++;
    else if (verdict.outcome === 'answer') this.#answer(verdict, packet, device);
    else if (verdict.outcome === 'claim') this.#judging.judge(verdict);
    else this.#tellRefusal(verdict, this.#strangersQuotas.get(verdict.reason));
  }

  /** What came of a claim, after admission. */
  conclude(decision: Knock | Refusal): void {
    if (decision.outcome === 'refused') {
      this.#tellRefusal(decision, this.#with.quota);
      return;
    }
    this.#with.counters.knocks++;
    const { source, at: value, door, client, serial = '' } = decision;
    this.#with.tell(encodeFrame('open', { value, source, door, client, serial }));
  }

  /** A machine may begin with a clock that is hours ahead, or in 1970, and be told the time afterwards. */
  #startedAt(): number {
    return Date.now() - Math.ceil(performance.now() - this.#begunAt);
  }

  #answer({ payload }: Answer, packet: Packet, device: number): void {
    const { sockets, counters } = this.#with;
    const isIPv4 = isIPv4Mapped(packet.source);
    const fd = isIPv4 ? sockets.ipv4 : sockets.ipv6;
    if (fd === undefined || !(isIPv4 || this.#answersIPv6)) return;
    // Heard before the kernel has looked at it: it could be answered to a whole network.
    if (!isUnicast(packet.source) || packet.sourcePort === 0) return;
    try {
      reply(fd, packet, device, payload);
      counters['challenges sent']++;
    } catch (error) {
      counters['challenges not sent']++;
      const errno = error instanceof SystemError ? constants.errno[error.code as 'EPERM'] : 0;
      this.#tellTrouble('unsent-challenge', errno ?? 0);
    }
  }

  #tellRefusal(refusal: Refusal, quota: Quota | undefined): void {
    const { reason, detail = 0, source, at: value, door = '', client = '', serial = '' } = refusal;
    this.#with.counters[`refused ${reason}`]++;
    if (quota?.take(value) !== true) return;
    const code = reasons.indexOf(reason);
    this.#with.tell(encodeFrame('challenge-refused', { code, detail, value, source, door, client, serial }));
  }

  #tellTrouble(what: Trouble, value = 1): void {
    const { counters, tell } = this.#with;
    if (what !== 'unsent-challenge') counters['signatory restarts']++;
    if (this.#troubleQuota.take(Date.now()))
      tell(encodeFrame('trouble', { code: troubles.indexOf(what), value }));
  }

  /** Random bytes for one packet. */
  #draw(): Uint8Array {
    if (this.#drawn === packetsDrawn) {
      randomFillSync(this.#random);
      this.#drawn = 0;
    }
    const at = this.#drawn++ * answerRandomLength;
    return this.#random.subarray(at, at + answerRandomLength);
  }
}
