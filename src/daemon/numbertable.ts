/**
 * The sequence numbers that are in the kernel as far as we know, and which of them have been used: what to put back when
 * somebody takes them away. Which numbers those are to be is daemon/numbers.ts's.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { endOfStep, type Periods } from '../methods/sequence-number/format.js';
import { SystemError } from '../net/libc.js';
import type { PortNumber, TimedNumber } from '../net/numberset.js';
import type { Clock } from './clock.js';

/** The kernel's set, or what stands for it. */
export interface NumberStore {
  add(numbers: readonly TimedNumber[]): void;
  put(numbers: readonly TimedNumber[]): void;
  remove(numbers: readonly PortNumber[]): void;
  list(): readonly TimedNumber[];
  close(): void;
}

/** A number of one period, for whom it is. */
export interface Numbered extends PortNumber {
  readonly source: string;
  readonly step: number;
}

interface Entry extends Numbered {
  /** When the kernel ends it, by the steady clock. */
  until: number;
  used: boolean;
  /** Whether it was put in again: its use before that may not have been told yet. */
  isAgain: boolean;
}

/** At once to the kernel, before others have their turn: some 3 ms. */
const perBatch = 500;
/** Reading what the kernel holds takes a while, and its clock is slewed as ours is not. */
const sameEndMs = 5000;
/** Numbers that are good for longer were given by a clock that was wrong. */
const farthestMs = 86_400_000;

export class NumberTable {
  readonly #store: NumberStore;
  readonly #clock: Clock;
  readonly #entries = new Map<number, Entry>();
  /** Whether numbers may be missing in the kernel, or have other ends there. */
  isOwed = false;
  /** Whether there is no set to put anything in. */
  isPaused = false;

  constructor(store: NumberStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** What the kernel holds, as `keyOf` has it, and when by the steady clock it ends each. @throws SystemError */
  read(): Map<number, number> {
    const now = this.#clock.steady();
    return new Map(this.#store.list().map(number => [keyOf(number), now + number.timeoutMs]));
  }

  /** Remembers a number that is in the kernel. Where it is to end at another time, it is owed. */
  takeOver(number: Numbered, until: number, periods: Periods): void {
    this.remember(number, periods);
    const entry = this.#entries.get(keyOf(number))!;
    if (Math.abs(entry.until - until) > sameEndMs) this.isOwed = true;
  }

  /** A number is in the kernel, or about to be. Where two are alike, one connection is let in. */
  remember(number: Numbered, periods: Periods): void {
    const key = keyOf(number);
    if (this.#entries.has(key)) return;
    const until = this.#clock.steady() + this.#left(number, periods);
    this.#entries.set(key, { ...number, until, used: false, isAgain: false });
  }

  has(key: number): boolean {
    return this.#entries.has(key);
  }

  /** Forgets what the kernel has ended. */
  forget(): void {
    const now = this.#clock.steady();
    for (const [key, { until }] of this.#entries) if (until < now) this.#entries.delete(key);
  }

  /** @returns whether it is one that we know @throws SystemError */
  markUsed(number: PortNumber): boolean {
    const entry = this.#entries.get(keyOf(number));
    if (entry === undefined) return false;
    const mayBeThere = entry.isAgain && !entry.used;
    entry.used = true;
    if (mayBeThere) this.#isThere(() => this.#store.remove([number]));
    return true;
  }

  /** Puts in numbers, and remembers them even where that fails. @throws SystemError, and any may be missing then */
  async add(numbers: readonly Numbered[], periods: Periods): Promise<void> {
    const remember = (batch: readonly Numbered[]) => {
      for (const number of batch) this.remember(number, periods);
    };
    let done = 0;
    try {
      await this.#inBatches(numbers, batch => {
        remember(batch);
        done += batch.length;
        this.#store.add(this.#timed(batch, periods));
      });
    } finally {
      remember(numbers.slice(done));
    }
  }

  /** Takes out what is over. @throws SystemError */
  removeEnded(periods: Periods): void {
    this.remove([...this.#entries.values()].filter(entry => this.#left(entry, periods) <= 0));
  }

  /**
   * Puts all in again that are not used, with the time that they have left. What is over by a clock that has been set is
   * left alone: it may be set back, and the kernel ends it when it was to end before. @throws as `add`
   */
  async refill(periods: Periods): Promise<void> {
    const unused = [...this.#entries.values()].filter(({ used }) => !used);
    this.isOwed = false;
    const good = unused.filter(entry => this.#left(entry, periods) > 0);
    await this.#inBatches(good, batch => {
      // They may have been used, or have lost their owner, since.
      const still = batch.filter(entry => !entry.used && this.#entries.get(keyOf(entry)) === entry);
      const near = still.filter(entry => this.#left(entry, periods) < farthestMs);
      for (const entry of near) {
        entry.until = this.#clock.steady() + this.#left(entry, periods);
        entry.isAgain = true;
      }
      this.#store.put(this.#timed(near, periods));
    });
  }

  /** Takes out whatever is not of these sources. @throws SystemError */
  keepOnly(sources: { has(source: string): boolean }): void {
    this.remove([...this.#entries.values()].filter(({ source }) => !sources.has(source)));
  }

  /** @throws SystemError */
  remove(numbers: readonly PortNumber[]): void {
    for (const number of numbers) this.#entries.delete(keyOf(number));
    for (let at = 0; at < numbers.length; at += perBatch) {
      const batch = numbers.slice(at, at + perBatch);
      if (!this.#isThere(() => this.#store.remove(batch))) return;
    }
  }

  close(): void {
    this.isPaused = true;
    this.#store.close();
  }

  #left({ step }: Numbered, periods: Periods): number {
    return endOfStep(step, periods) - this.#clock.wall();
  }

  #timed(numbers: readonly Numbered[], periods: Periods): TimedNumber[] {
    return numbers
      .map(each => ({
        port: each.port,
        number: each.number,
        timeoutMs: Math.ceil(this.#left(each, periods)),
      }))
      .filter(({ timeoutMs }) => timeoutMs > 0);
  }

  async #inBatches<T>(numbers: readonly T[], action: (batch: readonly T[]) => void): Promise<void> {
    try {
      for (let at = 0; at < numbers.length && !this.isPaused; at += perBatch) {
        if (at > 0) await turn();
        if (this.isPaused || this.#isThere(() => action(numbers.slice(at, at + perBatch)))) continue;
        this.isOwed = true;
        return;
      }
    } catch (error) {
      this.isOwed = true;
      throw error;
    }
  }

  /** Who has taken the table away is found out, and it is put back, by daemon/guard.ts. @returns whether it is there */
  #isThere(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ENOENT') return false;
      throw error;
    }
  }
}

/** Port and number as one. */
export function keyOf({ port, number }: PortNumber): number {
  return port * 2 ** 32 + number;
}

export function numberOf(key: number): PortNumber {
  return { port: Math.floor(key / 2 ** 32), number: key % 2 ** 32 };
}
