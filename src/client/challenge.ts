/**
 * Knocks as answers to challenges: the server is asked for one, a key of the user's signs it, and the response is what is
 * sent. A response is good for as long as its challenge, so knocking again while it is sends the same.
 */
import { randomBytes } from 'node:crypto';
import {
  composeHello,
  composeResponse,
  helloRandomLength,
  type KnownSite,
  longestSignature,
  responseRandomLength,
} from '../methods/challenge/compose.js';
import { challengeLifeMs, shortestSignature } from '../methods/challenge/format.js';
import { signatureKinds } from '../methods/challenge/site.js';
import { signedText, siteLine } from '../methods/challenge/text.js';
import { formatAddress } from '../net/address.js';
import { udp } from '../net/packet.js';
import { isChallengeDoor, isOneLine, isSiteName } from '../system/challengeprofile.js';
import type { Composer, Composition, Warn } from './composer.js';
import { type Answer, type Asker, ask, type Limits, usualLimits } from './exchange.js';
import { KnockError } from './failure.js';
import { type ChallengeRequest, requireWithin } from './request.js';
import { isSeenOutside, type Target } from './resolve.js';
import { type ChallengeSignature, notSigned, type OpenedKey, type Tell } from './signing/key.js';
import { openKey } from './signing/signer.js';
import { settlesWithin } from './wait.js';

/** What composing depends on beyond the request. */
export interface ChallengeSetting {
  readonly tell: Tell;
  /** Whether one address is enough: each more is another signature, and perhaps another touch. */
  readonly isOneEnough: boolean;
  /** Milliseconds since 1970, for hellos. */
  readonly now: () => number;
  readonly limits: Limits;
}

const silent: Tell = { say: () => {}, note: () => {} };
/** For the way of the response, and for clocks that are not ours. */
const marginMs = 1500;
/** Before a person is told what is waited for. */
const patienceMs = 1000;

/** @throws TypeError, RangeError for a request that is none */
export function challenge(request: ChallengeRequest, setting: Partial<ChallengeSetting> = {}): Composer {
  requireChallenge(request);
  const usual = { tell: silent, isOneEnough: false, now: Date.now, limits: usualLimits };
  return new Challenges(request, { ...usual, ...setting });
}

function requireChallenge({ port, siteKey, site, door, sign }: ChallengeRequest): void {
  if (port === undefined) throw new TypeError('"port" expected integer 1 to 65535, got undefined');
  requireWithin('port', port, 1, 65535);
  if ((siteKey === undefined) === (site === undefined)) {
    throw new TypeError('"siteKey" or "site" expected, one of the two');
  }
  if (siteKey !== undefined && !(siteKey instanceof Uint8Array)) {
    throw new TypeError('"siteKey" expected 32 bytes');
  }
  if (siteKey !== undefined && siteKey.length !== 32) {
    throw new RangeError(`"siteKey" expected 32 bytes, got ${siteKey.length}`);
  }
  if (site !== undefined && !(typeof site === 'string' && isSiteName(site))) {
    throw new TypeError(
      `"site" expected 1 to 64 letters, digits, ".", "_" and "-", got ${JSON.stringify(site)}`,
    );
  }
  if (typeof door !== 'string' || !isChallengeDoor(door)) {
    throw new TypeError(
      `"door" expected the name of a door, at most 32 characters, got ${JSON.stringify(door)}`,
    );
  }
  requireKey(sign);
}

function requireKey(sign: unknown): void {
  if (typeof sign === 'function') return;
  if (typeof sign === 'object' && sign !== null) {
    const given = (['gpg', 'keyFile', 'ssh'] as const).filter(name => name in sign);
    const value = given.length === 1 ? (sign as Record<string, unknown>)[given[0]!] : undefined;
    if (typeof value === 'string' && isOneLine(value)) {
      requirePassword(sign);
      return;
    }
  }
  throw new TypeError(
    '"sign" expected a function, or an object with "gpg", "keyFile" or "ssh", one of the three',
  );
}

function requirePassword({ password }: { readonly password?: unknown }): void {
  if (password === undefined || typeof password === 'string' || typeof password === 'function') return;
  throw new TypeError('"sign.password" expected a text, or a function that gives one');
}

function siteOf({ siteKey, site = '' }: ChallengeRequest): KnownSite {
  return siteKey === undefined ? { name: site } : { siteKey };
}

interface Made {
  readonly places: string;
  readonly compositions: readonly Composition[];
  /** When its oldest challenge was asked for, by `performance.now()`. */
  readonly askedAt: number;
}

function isGood({ askedAt }: Made): boolean {
  return performance.now() - askedAt < challengeLifeMs - marginMs;
}

class Challenges implements Composer {
  readonly advice =
    'see on the server what became of the response: portknockd status; the key must be that of a client who may use this door';
  readonly closedMayRefuse = true;
  readonly #request: ChallengeRequest;
  readonly #setting: ChallengeSetting;
  readonly #warned = new Set<string>();
  #key: OpenedKey | undefined;
  #made: Made | undefined;

  constructor(request: ChallengeRequest, setting: ChallengeSetting) {
    this.#request = request;
    this.#setting = setting;
  }

  async compose(
    targets: readonly Target[],
    warn: Warn,
    signal?: AbortSignal,
  ): Promise<readonly Composition[]> {
    const places = targets.map(({ address }) => address).join(' ');
    if (this.#made?.places === places && isGood(this.#made)) return this.#made.compositions;
    this.#key ??= await openKey(this.#request.sign, this.#setting.tell, signal);
    for (let isAgain = false; ; isAgain = true) {
      const made = await this.#answer(targets, this.#key, warn, signal);
      if (made.askedAt === undefined) return made.compositions;
      this.#made = { ...made, places, askedAt: made.askedAt };
      if (isGood(this.#made)) return made.compositions;
      if (isAgain) throw tooSlow(this.#key);
      this.#setting.tell.say('signing took longer than a challenge is good for: asking for another');
    }
  }

  async #answer(targets: readonly Target[], key: OpenedKey, warn: Warn, signal: AbortSignal | undefined) {
    const { now, limits, isOneEnough, tell } = this.#setting;
    const { door, port } = this.#request;
    const onHello = ({ address }: Target) => tell.note(`hello to ${address}, UDP port ${port}`);
    const asking = { site: siteOf(this.#request), door, port, now, limits, isOneEnough, signal, onHello };
    const askers = await ask(targets, asking);
    requireAnswer(askers, port, now());
    const compositions: Composition[] = [];
    const answering = chosen(askers, isOneEnough);
    const count = answering.filter(({ answer }) => answer !== undefined).length;
    if (key.asks === 'touch' && count > 1) {
      tell.say(`${count} addresses are signed for, each with a touch; for one alone: -4, -6 or --wait PORT`);
    }
    for (const asker of answering) {
      compositions.push(await this.#composeFor(asker, key, warn, signal));
    }
    const times = askers.flatMap(({ answer }) => (answer === undefined ? [] : [answer.askedAt]));
    return { compositions, askedAt: times.length === 0 ? undefined : Math.min(...times) };
  }

  async #composeFor(
    { target, answer, failure }: Asker,
    key: OpenedKey,
    warn: Warn,
    signal: AbortSignal | undefined,
  ): Promise<Composition> {
    const nothing = { target, bound: undefined, time: undefined, hits: [], description: '' };
    // The system's word for what does not answer.
    if (answer === undefined) return { ...nothing, failure: failure ?? 'ETIMEDOUT' };
    const bound = formatAddress(answer.challenge.source);
    this.#compare(bound, answer, target, warn);
    const { kind, signature } = await this.#sign(answer, key, signal);
    const payload = composeResponse(answer.challenge, kind, signature, randomBytes(responseRandomLength));
    const { port, door } = this.#request;
    const until = new Date(answer.challenge.expires).toISOString();
    const description = `for ${door}, signed by ${key.name} for ${bound} until ${until}, to UDP port ${port} (${payload.length} bytes)`;
    const hits = [{ protocol: udp, port, payload }];
    return { ...{ target, bound, time: answer.time, hits, description }, failure: undefined };
  }

  /** Somebody on the way who had the challenge made for his own address would have us open the door to him. */
  #compare(bound: string, { local }: Answer, target: Target, warn: Warn): void {
    if (bound === local || !isSeenOutside(local) || this.#warned.has(bound)) return;
    this.#warned.add(bound);
    warn(`${target.address} sees ${bound}, and the own address is ${local}: it is opened for the former`);
  }

  async #sign(answer: Answer, key: OpenedKey, signal: AbortSignal | undefined): Promise<ChallengeSignature> {
    const { say } = this.#setting.tell;
    if (key.asks === 'touch') say(`touch the key: ${key.name}`);
    const signing = key.sign(answer.challenge.text, signal);
    if (key.asks === 'maybe') {
      // Heard of below.
      const isSigned = await settlesWithin(
        signing.catch(() => {}),
        patienceMs,
      );
      if (!isSigned) say(`waiting for ${key.name} to sign; it may ask for a passphrase, a PIN or a touch`);
    }
    const signed = await signing;
    requireSignature(signed, key);
    return signed;
  }
}

/** Those to be answered, or to be told of: with one that is enough, what did not answer before it was not waited for. */
function chosen(askers: readonly Asker[], isOneEnough: boolean): readonly Asker[] {
  const first = askers.find(({ answer }) => answer !== undefined);
  return isOneEnough && first !== undefined ? [first] : askers;
}

function requireAnswer(askers: readonly Asker[], port: number, time: number): void {
  if (askers.some(({ answer }) => answer !== undefined)) return;
  const silent = askers.filter(({ failure }) => failure === undefined);
  // That is told as for any knock.
  if (silent.length === 0) return;
  const addresses = silent.map(({ target, unsent }) => target.address + (unsent ? ` (${unsent})` : ''));
  throw new KnockError('no-answer', `no answer from ${addresses.join(', ')}, UDP port ${port}`, {
    hint: silent.every(({ unsent }) => unsent !== undefined)
      ? `nothing was sent: let UDP to port ${port} out of the firewall of this machine, and check the network`
      : `whatever is wrong, it looks like this: check --port, the site key, the name of the door and the clocks (here it is ${new Date(time).toISOString()}); on the server: portknockd status`,
  });
}

function requireSignature(
  signed: ChallengeSignature | null | undefined,
  { name }: OpenedKey,
): asserts signed {
  const { kind, signature } = signed ?? {};
  if (kind === undefined || !signatureKinds.includes(kind) || !(signature instanceof Uint8Array)) {
    throw new TypeError('"sign" expected to give { kind: "openpgp" or "ssh", signature: bytes }');
  }
  if (signature.length >= shortestSignature && signature.length <= longestSignature) return;
  throw notSigned(
    `${name}: the signature has ${signature.length} bytes, and a response has room for ${shortestSignature} to ${longestSignature}`,
    'Ed25519, ECDSA and RSA up to 4096 bits fit',
  );
}

function tooSlow({ name }: OpenedKey): KnockError {
  return notSigned(
    `${name} took longer to sign than a challenge is good for, twice`,
    'try again, and be quicker',
  );
}

/** What would be sent and signed. */
export interface RehearsedChallenge {
  readonly hello: string;
  /** What would be signed; what is not known yet in angle brackets. */
  readonly text: string;
}

/** @throws TypeError, RangeError for a request that is none */
export function rehearse(request: ChallengeRequest, time: number): RehearsedChallenge {
  requireChallenge(request);
  const site = siteOf(request);
  const { payload } = composeHello(site, request.door, time, randomBytes(helloRandomLength));
  const zeros = {
    expires: 0,
    source: new Uint8Array(16),
    nonce: new Uint8Array(16),
    mac: new Uint8Array(16),
  };
  const text = Buffer.from(
    signedText(siteLine(site.siteKey, site.name ?? ''), request.door, zeros),
  ).toString();
  const shown = text
    .replace(/^(source): .*/m, '$1: <own address, as the server sees it>')
    .replace(/^(challenge): .*/m, '$1: <64 digits of the server>')
    .replace(/^(expires): .*/m, '$1: <30 s after the server is asked>');
  return { hello: Buffer.from(payload).toString('hex'), text: shown };
}
