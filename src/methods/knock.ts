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
  'expired',
  'crl-out-of-date',
] as const;

export type Reason = (typeof reasons)[number];

/**
 * What the ledger must remember of a knock before anything opens: the time that it carries, in milliseconds since 1970, and
 * either its client, of whom every later knock has a later time, or a digest of 32 bytes of what makes it this knock.
 */
export type Once =
  | { readonly clientId: number; readonly time: number }
  | {
      readonly digest: Uint8Array;
      readonly time: number;
      /** It answers what this process has asked: one from before its start is none. */
      readonly isAnswer?: boolean;
    };

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
  /** Undefined where the method cannot tell a replay. */
  readonly once: Once | undefined;
  /** The one service that is asked for; without it, all that the door has. */
  readonly service?: { readonly protocol: number; readonly port: number } | undefined;
  /** The serial number of its certificate, in hexadecimal. */
  readonly serial?: string | undefined;
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
   * sequence: the stage that was reached, from 1. For `replayed` of a sequence number: the number. For `bad-tag` and
   * `unknown-client` of a datagram: which flaw (methods/datagram/flaws.ts). Of a challenge: for `stale` of a hello as above;
   * for `timed-out` of a response how long ago the challenge expired, in milliseconds (negative: it is not due yet, the clock
   * was set back); for `bad-tag`, `unknown-client`, `expired` and `revoked` which flaw (methods/challenge/flaws.ts), undefined
   * where it is the client that is revoked.
   */
  readonly detail: number | undefined;
  /** The one service that was asked for, where it could still be told. */
  readonly service?: { readonly protocol: number; readonly port: number } | undefined;
  /** The serial number of its certificate, in hexadecimal, where it could still be told. */
  readonly serial?: string | undefined;
}

/** Undefined: just a packet. */
export type Verdict = Knock | Refusal | undefined;

/** Marks a knock as authenticated. For the authenticating step of a method, and nobody else. */
export function authenticate(fields: Omit<Knock, typeof authenticated | 'outcome'>): Knock {
  return { ...fields, outcome: 'knock' } as Knock;
}
