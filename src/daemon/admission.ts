/**
 * Knock → opening, the listener's half: a knock that is good is remembered durably, then asked for.
 *
 * The order is the promise: what the ledger could not keep does not open.
 */
import type { Knock, Reason, Refusal } from '../methods/knock.js';

/** The part of the ledger that admission needs. */
export interface KnockMemory {
  lastAccepted(clientId: number): number;
  /** @throws where it cannot be kept */
  accept(clientId: number, time: number): void;
}

/** The knock itself once it may open its door, or why it may not after all. */
export function admit(knock: Knock, memory: KnockMemory): Knock | Refusal {
  if (knock.once === undefined || !('clientId' in knock.once)) return knock;
  const { clientId, time } = knock.once;
  // Another may have been accepted since this one was recognised.
  if (time <= memory.lastAccepted(clientId)) return refuse(knock, 'replayed');
  try {
    memory.accept(clientId, time);
    return knock;
  } catch {
    return refuse(knock, 'not-recorded');
  }
}

function refuse({ method, door, client, source, at }: Knock, reason: Reason): Refusal {
  return { outcome: 'refused', method, reason, door, client, source, at, detail: undefined };
}

/** A memory that lasts as long as the process: for reading captures. */
export class TransientMemory implements KnockMemory {
  readonly #times = new Map<number, number>();

  lastAccepted(clientId: number): number {
    return this.#times.get(clientId) ?? 0;
  }

  accept(clientId: number, time: number): void {
    this.#times.set(clientId, time);
  }
}
