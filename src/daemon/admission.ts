/**
 * Knock → opening, the listener's half: a knock that is good is remembered durably, then asked for.
 *
 * The order is the promise: what the ledger could not keep does not open.
 */
import type { Knock, Once, Reason, Refusal } from '../methods/knock.js';

/** The part of the ledger that admission needs. */
export interface KnockMemory {
  isHeard(once: Once): boolean;
  /** @throws where it cannot be kept */
  accept(once: Once): void;
}

/** The knock itself once it may open its door, or why it may not after all. */
export function admit(knock: Knock, memory: KnockMemory): Knock | Refusal {
  if (knock.once === undefined) return knock;
  // Another may have been accepted since this one was recognised.
  if (memory.isHeard(knock.once)) return refuse(knock, 'replayed');
  try {
    memory.accept(knock.once);
    return knock;
  } catch {
    return refuse(knock, 'not-recorded');
  }
}

function refuse({ method, door, client, source, at, service, serial }: Knock, reason: Reason): Refusal {
  const named = serial === undefined ? {} : { service, serial };
  return { outcome: 'refused', method, reason, door, client, source, at, detail: undefined, ...named };
}

/** A memory that lasts as long as the process: for reading captures. */
export class TransientMemory implements KnockMemory {
  readonly #times = new Map<number, number>();
  readonly #digests = new Set<string>();

  /** 0 for a client that has not knocked yet. */
  lastAccepted(clientId: number): number {
    return this.#times.get(clientId) ?? 0;
  }

  isHeard(once: Once): boolean {
    if ('clientId' in once) return once.time <= this.lastAccepted(once.clientId);
    return this.#digests.has(Buffer.from(once.digest).toString('latin1'));
  }

  accept(once: Once): void {
    if ('clientId' in once) this.#times.set(once.clientId, once.time);
    else this.#digests.add(Buffer.from(once.digest).toString('latin1'));
  }
}
