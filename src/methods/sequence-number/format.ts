/**
 * Sequence numbers that only holders of a key know, one for each period (PROTOCOL.md section 7), as seqknock has them.
 *
 * A number depends on key, port and period alone: whoever sees one on the way can use it, if he is faster.
 */
import { type KeyedKmac128, Kmac128 } from '../../crypto/kmac.js';

/** How long a number is good, and how far clocks may differ; whole seconds, in milliseconds. */
export interface Periods {
  readonly periodMs: number;
  readonly toleranceMs: number;
}

export const shortestPeriodMs = 1000;
export const longestPeriodMs = 3_600_000;
export const longestToleranceMs = 3_600_000;
export const defaultPeriodMs = 30_000;
export const defaultToleranceMs = 30_000;

/** A span of periods, by their numbers, both ends included. */
export interface Steps {
  readonly first: number;
  readonly last: number;
}

/** A number that no connection begins with: the kernel takes one of its own instead. */
export const noNumber = 0;

/** The derivation for one port. @param port 0 to 65535, the one that a key's holder connects to */
export function derivationFor(port: number): Kmac128 {
  return new Kmac128(`seqknock-v1-${String(port).padStart(5, '0')}`, 4);
}

/** The numbers of one key for one port. */
export class NumberSeries {
  readonly #kmac: KeyedKmac128;

  /** @param psk the key's bytes @param port as for `derivationFor`, or what that has made: for many keys, a third of the work */
  constructor(psk: Uint8Array, port: number | Kmac128) {
    this.#kmac = (typeof port === 'number' ? derivationFor(port) : port).withKey(psk);
  }

  /** The sequence number of a period, 0 to 2^32 − 1; `noNumber` is neither sent nor let in. */
  at(step: number): number {
    const message = Buffer.alloc(8);
    message.writeBigUInt64BE(BigInt(step));
    const [a, b, c, d] = this.#kmac.mac(message);
    return ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
  }
}

/** Which period a moment lies in. @param timeMs milliseconds since 1970 */
export function stepAt(timeMs: number, periodMs: number): number {
  return Math.floor(timeMs / periodMs);
}

/** The periods whose numbers a server takes at a moment: those that the clock of a client may be in. */
export function stepsTaken(nowMs: number, { periodMs, toleranceMs }: Periods): Steps {
  return {
    first: Math.max(0, stepAt(nowMs - toleranceMs, periodMs)),
    last: stepAt(nowMs + toleranceMs, periodMs),
  };
}

/** When a server with the right clock stops to take the number of a period, in milliseconds since 1970. */
export function endOfStep(step: number, { periodMs, toleranceMs }: Periods): number {
  return (step + 1) * periodMs + toleranceMs;
}
