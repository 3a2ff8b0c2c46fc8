/**
 * A door in, a hello out; a challenge in, what is to be signed out; a signature in, a response out: the client of PROTOCOL.md
 * section 9.5. Signing is somebody else's business, and sending net's.
 */
import { nonceLength as sealNonceLength } from '../../crypto/aead.js';
import { equalBytes } from '../../crypto/mac.js';
import { openSiteKey, Seals } from './derive.js';
import {
  decodeChallenge,
  encodeHello,
  encodeResponse,
  exchangeLength,
  longestSignature,
  type Question,
} from './format.js';
import type { SignatureKind } from './site.js';
import { signedText, siteLine } from './text.js';

export { longestSignature };

/** How many random bytes a hello takes, and a response. */
export const helloRandomLength: number = sealNonceLength + exchangeLength;
export const responseRandomLength: number = sealNonceLength;

/** A server, as the client knows it: by its site key, or else by its name. */
export type KnownSite =
  | { readonly siteKey: Uint8Array; readonly name?: undefined }
  | { readonly siteKey?: undefined; readonly name: string };

/** What a hello asked, by which its challenge is known. */
export interface Asked {
  readonly site: KnownSite;
  readonly door: string;
  /** 16 bytes. */
  readonly exchange: Uint8Array;
}

/** A challenge that may be answered. */
export interface ReadChallenge extends Question {
  readonly site: KnownSite;
  readonly door: string;
  /** What is to be signed. */
  readonly text: Uint8Array;
}

/**
 * The datagram that asks for a challenge, 128 bytes, and what its challenge is read with. Each goes out once: a copy is not
 * answered.
 * @param time milliseconds since 1970 @param random 28 random bytes, for this hello alone
 * @throws RangeError where the door's name is none
 */
export function composeHello(
  site: KnownSite,
  door: string,
  time: number,
  random: Uint8Array,
): { readonly payload: Uint8Array; readonly asked: Asked } {
  requireLength(random, helloRandomLength);
  const exchange = Uint8Array.from(random.subarray(sealNonceLength));
  const plaintext = encodeHello({ time, exchange, door });
  const payload = sealsOf(site).seal('hello', random.subarray(0, sealNonceLength), plaintext);
  return { payload, asked: { site, door, exchange } };
}

/** The challenge in a datagram; undefined where it is none, or the answer to another hello. */
export function readChallenge(
  { site, door, exchange }: Asked,
  payload: Uint8Array,
): ReadChallenge | undefined {
  const plaintext = sealsOf(site).open('challenge', payload);
  const challenge = plaintext && decodeChallenge(plaintext);
  if (challenge === undefined || !equalBytes(challenge.exchange, exchange)) return undefined;
  const { expires, source, nonce, mac } = challenge;
  const question = { expires, source, nonce, mac };
  const line = siteLine(site.siteKey, site.name ?? '');
  return { ...question, site, door, text: signedText(line, door, question) };
}

/**
 * The datagram that answers a challenge.
 * @param signature detached, of `text`, binary; 64 to `longestSignature` bytes @param random 12 random bytes, for this alone
 * @throws RangeError where the signature is too long or too short
 */
export function composeResponse(
  challenge: ReadChallenge,
  kind: SignatureKind,
  signature: Uint8Array,
  random: Uint8Array,
): Uint8Array {
  requireLength(random, responseRandomLength);
  const { site, door, expires, source, nonce, mac } = challenge;
  const plaintext = encodeResponse({ kind, door, signature, expires, source, nonce, mac });
  return sealsOf(site).seal('response', random, plaintext);
}

function sealsOf({ siteKey = openSiteKey }: KnownSite): Seals {
  return new Seals(siteKey);
}

function requireLength(random: Uint8Array, length: number): void {
  if (random.length !== length) {
    throw new RangeError(`"random" expected ${length} bytes, got ${random.length}`);
  }
}
