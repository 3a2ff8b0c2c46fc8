/**
 * A network that loses, doubles, reorders and delays what it carries, the same way for the same seed.
 *
 * Pure: it moves values, not packets; what an item is, is not its business. Items that are carried in one call share
 * the line; a line is empty again before the next call.
 */
import { type Chance, chanceFrom } from './chance.js';

/** How bad a network is; nothing of all this unless told. */
export interface Conditions {
  /** The share of packets that never arrive, 0 to 1; of those that do, the shares that are doubled and held back. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  /** What every packet takes, and what each may take more, evenly spread. */
  readonly delayMs: number;
  readonly jitterMs: number;
}

export interface Carried<Item> {
  /** Milliseconds: when it is sent, or when it arrives. */
  readonly at: number;
  readonly item: Item;
}

/** How many of those behind it overtake a packet that is held back: 1 to this. */
export const mostOvertaking = 8;
/** Where nothing comes behind it, a packet is held back no longer than this. */
export const longestHoldMs = 50;

interface Copy<Item> extends Carried<Item> {
  /** Its place among those sent; two copies of a packet share one. */
  place: number;
  /** How many from behind it must still pass. */
  hold: number;
}

export class Network {
  readonly #chance: Chance;
  readonly #conditions: Conditions;

  /** @param seed an integer, 0 to 2^32 − 1 */
  constructor(seed: number, conditions: Partial<Conditions>) {
    this.#chance = chanceFrom(seed);
    this.#conditions = { loss: 0, duplication: 0, reordering: 0, delayMs: 0, jitterMs: 0, ...conditions };
    for (const [name, value] of Object.entries(this.#conditions)) {
      const highest = name.endsWith('Ms') ? Number.MAX_SAFE_INTEGER : 1;
      if (!(value >= 0 && value <= highest)) {
        throw new RangeError(`"${name}" expected 0 to ${highest}, got ${value}`);
      }
    }
  }

  /**
   * What arrives of what is sent, in order of arrival, with the time of arrival.
   * @param sent in order of sending; of two with the same time the first is sent first
   */
  carry<Item>(sent: readonly Carried<Item>[]): Carried<Item>[] {
    const line = new Line<Item>();
    for (const copy of this.#copies(sent)) line.take(copy);
    line.end();
    return line.arrived;
  }

  /** Every copy that will arrive, in the order in which they would if none were held back. */
  #copies<Item>(sent: readonly Carried<Item>[]): Copy<Item>[] {
    const copies: Copy<Item>[] = [];
    const { loss, duplication, reordering, delayMs, jitterMs } = this.#conditions;
    for (const { at, item } of sent) {
      if (this.#chance.happens(loss)) continue;
      const arrival = at + delayMs + this.#chance.fraction() * jitterMs;
      const hold = this.#chance.happens(reordering) ? 1 + this.#chance.below(mostOvertaking) : 0;
      const place = copies.length;
      copies.push({ at: arrival, item, place, hold });
      if (!this.#chance.happens(duplication)) continue;
      copies.push({ at: arrival, item, place, hold: hold + this.#chance.below(mostOvertaking + 1) });
    }
    // Sorting is stable: of two that arrive at once, the one sent first comes first.
    return copies.sort((one, other) => one.at - other.at);
  }
}

/** Where packets stand in a line, and some step aside until enough of those behind them have passed. */
class Line<Item> {
  readonly arrived: Carried<Item>[] = [];
  /** Those that stand aside, in the order in which they did. */
  readonly #aside: Copy<Item>[] = [];
  #now = Number.NEGATIVE_INFINITY;

  take(copy: Copy<Item>): void {
    this.#releaseOverdue(copy.at);
    if (copy.hold > 0) this.#aside.push(copy);
    else this.#deliver(copy, copy.at);
  }

  /** Nothing comes behind any more: who needs fewest to pass goes first. */
  end(): void {
    this.#releaseOverdue(Number.POSITIVE_INFINITY);
  }

  #deliver(copy: Copy<Item>, at: number): void {
    this.#now = Math.max(this.#now, at);
    this.arrived.push({ at: this.#now, item: copy.item });
    for (const other of this.#aside) if (other.place < copy.place) other.hold--;
    for (;;) {
      // The first in the line first: no packet is overtaken by more than it was held back for.
      const next = this.#aside.findIndex(({ hold }) => hold <= 0);
      if (next < 0) return;
      const [released] = this.#aside.splice(next, 1);
      this.#deliver(released!, this.#now);
    }
  }

  #releaseOverdue(before: number): void {
    for (;;) {
      const next = this.#aside.findIndex(({ at }) => at + longestHoldMs < before);
      if (next < 0) return;
      const [released] = this.#aside.splice(next, 1);
      this.#deliver(released!, released!.at + longestHoldMs);
    }
  }
}
