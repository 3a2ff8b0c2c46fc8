/** A server that answers hellos, clients of it, and what is made of what they send. */
import {
  type Asked,
  composeHello,
  composeResponse,
  type KnownSite,
  type ReadChallenge,
  readChallenge,
} from '../../../src/methods/challenge/compose.js';
import { openSiteKey } from '../../../src/methods/challenge/derive.js';
import { detailOf, type Flaw } from '../../../src/methods/challenge/flaws.js';
import { type Answer, Challenge } from '../../../src/methods/challenge/recognise.js';
import type { ChallengeSite, Claim, SignatureKind } from '../../../src/methods/challenge/site.js';
import { siteLine } from '../../../src/methods/challenge/text.js';
import type { Knock, Once, Reason, Refusal } from '../../../src/methods/knock.js';
import { parseAddress } from '../../../src/net/address.js';
import { newPacket, type Packet, udp } from '../../../src/net/packet.js';

export const started = 1_795_300_000_000;
export const now: number = started + 600_000;
export const skewMs = 300_000;
export const lifeMs = 30_000;
export const siteKey: Uint8Array = Buffer.alloc(32, 0x5a);
export const keyed: KnownSite = { siteKey };
export const client = '192.0.2.7';

export function siteOf(site: KnownSite = keyed, doors: readonly string[] = ['ssh', 'web']): ChallengeSite {
  const line = siteLine(site.siteKey, site.name ?? '');
  return { siteKey: site.siteKey ?? openSiteKey, siteLine: line, skewMs, doors };
}

let drawn = 0;
/** Bytes that never come twice; which ones does not matter. */
export function fresh(length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  drawn += 1;
  for (let at = 0; at < length; at += 4)
    bytes.writeUInt32BE((drawn * 0x9e3779b1) % 2 ** 32, Math.min(at, length - 4));
  return bytes;
}

export function packetOf(payload: Uint8Array, at: number = now, source: string = client): Packet {
  const packet = { ...newPacket(), at, protocol: udp, port: 4001, payload };
  packet.source.set(parseAddress(source)!);
  return packet;
}

/** A daemon from one start to the next. */
export class Server {
  readonly method: Challenge;
  /** What the ledger would say. */
  readonly heard: (once: Once) => boolean;

  constructor(
    site: ChallengeSite = siteOf(),
    secret: Uint8Array = Buffer.alloc(32, 1),
    heard = new Set<string>(),
  ) {
    this.method = new Challenge(site, secret, started);
    this.heard = once => 'digest' in once && heard.has(Buffer.from(once.digest).toString('hex'));
  }

  take(payload: Uint8Array, at?: number, source?: string): Answer | Claim | Refusal | undefined {
    return this.method.recognise(packetOf(payload, at, source), fresh(28), this.heard);
  }

  /** The challenge for a hello. */
  ask(
    site: KnownSite = keyed,
    door = 'ssh',
    { at = now, source = client }: { readonly at?: number; readonly source?: string } = {},
  ): ReadChallenge {
    const { payload, asked } = hello(door, at, site);
    return read(asked, this.take(payload, at, source));
  }
}

export function hello(
  door = 'ssh',
  time: number = now,
  site: KnownSite = keyed,
): { readonly payload: Uint8Array; readonly asked: Asked } {
  return composeHello(site, door, time, fresh(28));
}

/** The challenge in an answer. */
export function read(asked: Asked, answer: Answer | Claim | Refusal | undefined): ReadChallenge {
  const challenge = answer?.outcome === 'answer' ? readChallenge(asked, answer.payload) : undefined;
  if (challenge === undefined) throw new Error(`no challenge: ${said(answer)}`);
  return challenge;
}

/** A response whose signature nobody looks at. */
export function respond(challenge: ReadChallenge, length = 83, kind: SignatureKind = 'ssh'): Uint8Array {
  return composeResponse(challenge, kind, Buffer.alloc(length, 0xa5), fresh(12));
}

/** What came of a datagram, in a word or two. */
export function said(outcome: Answer | Claim | Refusal | Knock | undefined): string {
  if (outcome === undefined) return 'nothing';
  if (outcome.outcome !== 'refused') return outcome.outcome;
  return outcome.detail === undefined ? outcome.reason : `${outcome.reason} ${outcome.detail}`;
}

/** The words of a refusal with a flaw. */
export function flawed(reason: Reason, flaw: Flaw): string {
  return `${reason} ${detailOf(flaw)}`;
}
