/**
 * Packets in; out comes the challenge that answers a hello, what a response claims, or a refusal: the server of PROTOCOL.md
 * section 9.6, the cheapest checks first. A claim becomes a knock when somebody else has judged its signature.
 *
 * Pure: the clock is the packet's, random bytes are an argument, and whether a challenge was answered before it asks. It
 * sends nothing itself.
 */
import { createHash } from 'node:crypto';
import { nonceLength as sealNonceLength } from '../../crypto/aead.js';
import { equalBytes, mac } from '../../crypto/mac.js';
import { type Packet, udp } from '../../net/packet.js';
import { authenticate, type Knock, type Once, type Reason, type Refusal } from '../knock.js';
import { Seals } from './derive.js';
import { detailOf, type Flaw } from './flaws.js';
import {
  challengeLifeMs,
  decodeHello,
  decodeResponse,
  encodeChallenge,
  encodeDoor,
  encodeTime,
  macLength,
  nonceLength,
  type Question,
  type Response,
  shapeOf,
} from './format.js';
import { Recent } from './recent.js';
import type { ChallengeSite, Claim, Judgement, SignatureFlaw, Signer } from './site.js';
import { signedText } from './text.js';

const method = 'challenge';

/** How many random bytes an answer takes. */
export const answerRandomLength: number = sealNonceLength + nonceLength;
export const secretLength = 32;

const macLabel = Buffer.from('portknock/challenge/1 mac\0', 'latin1');
/** How many hellos are known again. */
const helloPlaces = 65_536;
/** How many challenges are known to have been answered, apart from those that opened something. */
const responsePlaces = 16_384;

/** What goes back to where a hello came from, and from the address that it came to. */
export interface Answer {
  readonly outcome: 'answer';
  readonly door: string;
  /** 108 bytes: shorter than the hello. */
  readonly payload: Uint8Array;
}

/** What is known so far of a datagram: what a refusal can tell. */
type Account = Pick<Refusal, 'source' | 'at' | 'door' | 'client' | 'serial'>;

const reasonOf: Readonly<Partial<Record<SignatureFlaw, Reason>>> = {
  'unknown-key': 'unknown-client',
  'key-expired': 'expired',
  'key-revoked': 'revoked',
};

export class Challenge {
  #site: ChallengeSite;
  #seals: Seals;
  #doors: ReadonlySet<string>;
  readonly #secret: Uint8Array;
  /** Milliseconds since 1970, by the clock as it is now: hellos from before it may have been answered, and are not. */
  startedAt: number;
  readonly #hellos = new Recent(helloPlaces);
  readonly #responses = new Recent(responsePlaces);

  /**
   * @param secret 32 random bytes, which nobody else has and nothing keeps: what was made with another is not answered
   * @param startedAt milliseconds since 1970; whoever has a clock that may be set moves it along
   */
  constructor(site: ChallengeSite, secret: Uint8Array, startedAt: number) {
    if (secret.length !== secretLength) {
      throw new RangeError(`"secret" expected ${secretLength} bytes, got ${secret.length}`);
    }
    this.#secret = Uint8Array.from(secret);
    this.startedAt = startedAt;
    this.#site = site;
    this.#seals = new Seals(site.siteKey);
    this.#doors = new Set(site.doors);
  }

  get site(): ChallengeSite {
    return this.#site;
  }

  /** May be replaced at any time; challenges that are under way stay good under the same site key. */
  set site(site: ChallengeSite) {
    if (!equalBytes(site.siteKey, this.#site.siteKey)) this.#seals = new Seals(site.siteKey);
    this.#site = site;
    this.#doors = new Set(site.doors);
  }

  /** Whether a payload is looked at; of no other length is a hello or a response. */
  isCandidate(payload: Uint8Array): boolean {
    return shapeOf(payload) !== undefined;
  }

  /**
   * Undefined where the packet has not even the length of a hello or a response. The packet may be overwritten as soon as
   * this returns. Whatever is returned as a claim is never returned again.
   * @param random 28 random bytes, for this packet alone
   * @param isHeard whether this challenge has opened something
   */
  recognise(
    packet: Packet,
    random: Uint8Array,
    isHeard: (once: Once) => boolean,
  ): Answer | Claim | Refusal | undefined {
    const shape = packet.protocol === udp ? shapeOf(packet.payload) : undefined;
    if (shape === undefined) return undefined;
    const account = accountOf(packet);
    const plaintext = this.#seals.open(shape, packet.payload);
    if (plaintext === undefined) return refuse(account, 'bad-tag', 'unreadable');
    if (shape === 'hello') return this.#hear(plaintext, account, random);
    const response = decodeResponse(plaintext);
    if (response === undefined) return refuse(account, 'bad-tag', 'unreadable');
    if (!this.#isOurs(response)) return refuse({ ...account, door: response.door }, 'bad-tag', 'not-ours');
    return this.#open(response, account, isHeard);
  }

  /**
   * A response in all but what matters most: whether its challenge is ours. For whoever explains what others have captured;
   * nothing may open by it. Undefined where the packet has not even the length of a response.
   */
  examine(packet: Packet): Claim | Refusal | undefined {
    if (packet.protocol !== udp || shapeOf(packet.payload) !== 'response') return undefined;
    const account = accountOf(packet);
    const plaintext = this.#seals.open('response', packet.payload);
    const response = plaintext && decodeResponse(plaintext);
    if (response === undefined) return refuse(account, 'bad-tag', 'unreadable');
    return this.#open(response, account, () => false);
  }

  /** What comes of a claim, once its signature is judged. @param signers those that it was judged by */
  conclude(claim: Claim, judgement: Judgement, signers: readonly Signer[]): Knock | Refusal {
    const { door, source, at, digest, issuedAt } = claim;
    const { client, key: serial } = judgement;
    const account = { source, at, door, client, serial };
    if ('flaw' in judgement) {
      const { flaw } = judgement;
      return refuse(account, reasonOf[flaw] ?? 'bad-tag', flaw);
    }
    const signer = signers.find(({ client }) => client === judgement.client);
    if (signer === undefined) return refuse(account, 'unknown-client', 'unknown-key');
    if (signer.revoked) return refuse(account, 'revoked');
    if (!signer.doors.includes(door)) return refuse(account, 'not-allowed');
    const once = onceOf(digest, issuedAt);
    return authenticate({ method, door, client: signer.client, source, at, once, serial: judgement.key });
  }

  #hear(plaintext: Uint8Array, account: Account, random: Uint8Array): Answer | Refusal {
    const hello = decodeHello(plaintext);
    if (hello === undefined) return refuse(account, 'bad-tag', 'unreadable');
    const { time, exchange, door } = hello;
    const { at, source } = account;
    const asked = { ...account, door };
    const behindMs = at - time;
    if (Math.abs(behindMs) > this.#site.skewMs || time < this.startedAt) {
      return refuse(asked, 'stale', behindMs);
    }
    if (!this.#hellos.add(exchange)) return refuse(asked, 'replayed');
    if (!this.#doors.has(door)) return refuse(asked, 'unknown-command');
    const nonce = random.subarray(sealNonceLength, answerRandomLength);
    const expires = at + challengeLifeMs;
    const challenge = {
      expires,
      exchange,
      source,
      nonce,
      mac: this.#macOf(door, { expires, source, nonce }),
    };
    const sealNonce = random.subarray(0, sealNonceLength);
    return {
      outcome: 'answer',
      door,
      payload: this.#seals.seal('challenge', sealNonce, encodeChallenge(challenge)),
    };
  }

  #open(response: Response, account: Account, isHeard: (once: Once) => boolean): Claim | Refusal {
    const { door, source, expires, nonce, kind, signature } = response;
    const { at } = account;
    const asked = { ...account, door };
    // Further away than any challenge lives: the clock was set back since.
    if (at > expires || expires - at > challengeLifeMs) return refuse(asked, 'timed-out', at - expires);
    if (!equalBytes(source, account.source)) return refuse(asked, 'wrong-address');
    const digest = createHash('sha256').update(nonce).update(response.mac).digest();
    const issuedAt = expires - challengeLifeMs;
    if (!this.#responses.add(digest) || isHeard(onceOf(digest, issuedAt))) return refuse(asked, 'replayed');
    if (!this.#doors.has(door)) return refuse(asked, 'unknown-command');
    const text = signedText(this.#site.siteLine, door, response);
    return { outcome: 'claim', door, kind, signature, text, digest, issuedAt, source: account.source, at };
  }

  #isOurs(response: Response): boolean {
    return equalBytes(response.mac, this.#macOf(response.door, response));
  }

  #macOf(door: string, { expires, source, nonce }: Omit<Question, 'mac'>): Uint8Array {
    const covered = Buffer.concat([macLabel, encodeDoor(door), source, nonce, encodeTime(expires)]);
    return mac(this.#secret, macLength, covered);
  }
}

function onceOf(digest: Uint8Array, time: number): Once {
  return { digest, time, isAnswer: true };
}

function accountOf({ source, at }: Packet): Account {
  return { source: Uint8Array.from(source), at, door: undefined, client: undefined };
}

function refuse(account: Account, reason: Reason, detail?: Flaw | number): Refusal {
  const told = typeof detail === 'string' ? detailOf(detail) : detail;
  return { ...account, outcome: 'refused', method, reason, detail: told };
}
