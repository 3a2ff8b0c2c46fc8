/**
 * What every method turns packets into: a knock that has proved itself, or one word why not.
 * PROTOCOL.md section 4 lists the words.
 */

/** The ways of knocking; one folder each beside this file. */
export type MethodName = 'port-sequence' | 'plain-sequence' | 'sequence-number' | 'datagram' | 'challenge';

/** Why a knock was refused: closed, so that no stranger's byte ever reaches a log or a label. */
export const reasons = [
  'unknown-client',
  'unknown-command',
  'not-allowed',
  'revoked',
  'stale',
  'replayed',
  'bad-tag',
  'wrong-address',
  'timed-out',
  'wrong-port',
  'scan',
  'not-recorded',
] as const;

export type Reason = (typeof reasons)[number];

declare const authenticated: unique symbol;

/** A knock that is right: its sender holds the client's key, or knows the sequence. Only `authenticate` of a method makes one. */
export interface Knock {
  readonly [authenticated]: true;
  readonly outcome: 'knock';
  readonly method: MethodName;
  readonly door: string;
  /** Empty where the method knows no clients. */
  readonly client: string;
  /** Who sent it, 16 bytes (net/address.ts), the knock's own copy. */
  readonly source: Uint8Array;
  /** Milliseconds since 1970 of the packet that completed it. */
  readonly at: number;
  /** What the ledger must remember before anything opens; undefined where the method cannot tell a replay. */
  readonly once: { readonly clientId: number; readonly time: number } | undefined;
}

/** A knock that was meant as one and is not good. Its names are those that the refusal could still tell. */
export interface Refusal {
  readonly outcome: 'refused';
  readonly method: MethodName;
  readonly reason: Reason;
  readonly door: string | undefined;
  readonly client: string | undefined;
  readonly source: Uint8Array;
  readonly at: number;
  /**
   * For `stale`: how far the knock's clock is behind ours, in milliseconds (negative: ahead), not authenticated. For a plain
   * sequence: the stage that was reached, from 1. For `replayed` of a sequence number: the number.
   */
  readonly detail: number | undefined;
}

/** Undefined: just a packet. */
export type Verdict = Knock | Refusal | undefined;

/** Marks a knock as authenticated. For the authenticating step of a method, and nobody else. */
export function authenticate(fields: Omit<Knock, typeof authenticated | 'outcome'>): Knock {
  return { ...fields, outcome: 'knock' } as Knock;
}
