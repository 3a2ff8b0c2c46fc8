/** The datagrams of test/vectors/challenge.json, which a program has made that is not ours. */
import { readFileSync } from 'node:fs';
import type { KnownSite } from '../../../src/methods/challenge/compose.js';
import { openSiteKey } from '../../../src/methods/challenge/derive.js';
import type { ChallengeSite, SignatureKind } from '../../../src/methods/challenge/site.js';
import type { Reason } from '../../../src/methods/knock.js';

interface Sent {
  readonly name: string;
  readonly site: 'keyed' | 'named';
  readonly at: number;
  readonly source: string;
  readonly payload: string;
}

interface Refused {
  readonly outcome: 'refused';
  readonly reason: Reason;
  readonly detail?: number | 'unreadable' | 'not-ours';
  readonly door?: string;
}

type Expected<Accepted> = Accepted | Refused | { readonly outcome: 'nothing' };

export interface HelloVector extends Sent {
  /** The 28 random bytes of the server. */
  readonly random: string;
  readonly expect: Expected<{ readonly outcome: 'answer'; readonly door: string; readonly payload: string }>;
}

export interface ChallengeVector {
  readonly name: string;
  readonly site: 'keyed' | 'named';
  readonly door: string;
  readonly exchange: string;
  readonly payload: string;
  readonly expect: {
    readonly text: string;
    readonly expires: number;
    readonly source: string;
    readonly nonce: string;
    readonly mac: string;
  } | null;
}

export interface ResponseVector extends Sent {
  readonly expect: Expected<{
    readonly outcome: 'claim';
    readonly door: string;
    readonly kind: SignatureKind;
    readonly signature: string;
    readonly text: string;
    readonly digest: string;
    readonly issuedAt: number;
  }>;
}

interface Vectors {
  readonly server: {
    readonly secret: string;
    readonly startedAt: number;
    readonly skewMs: number;
    readonly doors: readonly string[];
  };
  readonly sites: Readonly<
    Record<
      'keyed' | 'named',
      { readonly siteKey: string | null; readonly name: string; readonly line: string }
    >
  >;
  /** Whose key has made the signature of the first response. */
  readonly signer: { readonly kind: SignatureKind; readonly blob: string };
  readonly hellos: readonly HelloVector[];
  readonly challenges: readonly ChallengeVector[];
  readonly responses: readonly ResponseVector[];
}

export const vectors = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/challenge.json', import.meta.url), 'utf8'),
) as Vectors;

/** A site as its clients know it. */
export function knownSite(name: 'keyed' | 'named'): KnownSite {
  const site = vectors.sites[name];
  return site.siteKey === null ? { name: site.name } : { siteKey: Buffer.from(site.siteKey, 'hex') };
}

/** A site as its server knows it. */
export function servedSite(name: 'keyed' | 'named'): ChallengeSite {
  const { skewMs, doors } = vectors.server;
  return {
    siteKey: knownSite(name).siteKey ?? openSiteKey,
    siteLine: vectors.sites[name].line,
    skewMs,
    doors,
  };
}

/** Where a payload stands in a larger buffer, as in the kernel's message. */
export function amidst(payload: Uint8Array): { readonly buffer: Buffer; readonly payload: Uint8Array } {
  const buffer = Buffer.alloc(payload.length + 64, 0xee);
  buffer.set(payload, 32);
  return { buffer, payload: buffer.subarray(32, 32 + payload.length) };
}
