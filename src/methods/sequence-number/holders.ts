/**
 * Whose a number is: the numbers of several keys for one port, period by period, made when they are first asked for.
 *
 * It does not say whether a number is good.
 */
import { derivationFor, NumberSeries, noNumber } from './format.js';

/** One who may have made a number, and for which door. */
export interface Holder {
  readonly client: string;
  readonly door: string;
  readonly psk: Uint8Array;
  readonly revoked: boolean;
}

/** A number that has been found. */
export interface Found {
  readonly holder: Holder;
  readonly step: number;
}

/** How many numbers a search may make; it takes from it. */
export interface Allowance {
  numbers: number;
}

export class Holders {
  readonly #holders: readonly Holder[];
  readonly #port: number;
  /** Made with the first number. */
  #series: readonly NumberSeries[] | undefined;
  /** By step, in the order of the holders. */
  readonly #numbers = new Map<number, Uint32Array>();
  /** By number: among so many, two are the same now and then. */
  readonly #found = new Map<number, readonly Found[]>();
  /** The last search that made all there was to make. */
  #whole = { around: -1, reach: -1 };

  /** @param port the one that the numbers are derived for */
  constructor(holders: readonly Holder[], port: number) {
    this.#holders = holders;
    this.#port = port;
  }

  /** How many numbers there are in a step. */
  get count(): number {
    return this.#holders.length;
  }

  /** How many numbers are kept now. */
  get kept(): number {
    return this.#numbers.size * this.#holders.length;
  }

  /**
   * Looks for a number among those of the steps around one.
   * @param reach how many steps each way; the nearest are made first
   */
  find(number: number, around: number, reach: number, allowance: Allowance): Found | undefined {
    const known = this.#nearest(number, around, reach);
    if (known !== undefined || this.#holders.length === 0) return known;
    if (this.#whole.around === around && this.#whole.reach >= reach) return undefined;
    for (let distance = 0; distance <= reach; distance++) {
      for (const step of distance === 0 ? [around] : [around + distance, around - distance]) {
        if (step < 0 || this.#numbers.has(step)) continue;
        if (allowance.numbers <= 0) return undefined;
        allowance.numbers -= this.#holders.length;
        const made = this.#make(step).indexOf(number);
        if (made >= 0) return { holder: this.#holders[made]!, step };
      }
    }
    this.#whole = { around, reach };
    return undefined;
  }

  /** Drops what is further from a step than that. */
  forget(around: number, reach: number): void {
    this.#whole = { around: -1, reach: -1 };
    for (const [step, numbers] of this.#numbers) {
      if (Math.abs(step - around) <= reach) continue;
      this.#numbers.delete(step);
      for (const number of numbers) {
        const rest = this.#found.get(number)?.filter(found => found.step !== step) ?? [];
        if (rest.length === 0) this.#found.delete(number);
        else this.#found.set(number, rest);
      }
    }
  }

  #nearest(number: number, around: number, reach: number): Found | undefined {
    let nearest: Found | undefined;
    let least = reach + 1;
    for (const found of this.#found.get(number) ?? []) {
      const distance = Math.abs(found.step - around);
      if (distance >= least) continue;
      nearest = found;
      least = distance;
    }
    return nearest;
  }

  #make(step: number): Uint32Array {
    if (this.#series === undefined) {
      const derivation = derivationFor(this.#port);
      this.#series = this.#holders.map(({ psk }) => new NumberSeries(psk, derivation));
    }
    const numbers = Uint32Array.from(this.#series, series => series.at(step));
    this.#numbers.set(step, numbers);
    numbers.forEach((number, index) => {
      if (number === noNumber) return;
      const found = { holder: this.#holders[index]!, step };
      this.#found.set(number, [...(this.#found.get(number) ?? []), found]);
    });
    return numbers;
  }
}
