/** What was heard of late, in a table that does not grow: when it is full, the older half goes. */

export class Recent {
  readonly #half: number;
  #newer = new Set<string>();
  #older: ReadonlySet<string> = new Set<string>();

  /** @param size how many it holds, an even number; the last half of that many are always known */
  constructor(size: number) {
    this.#half = size / 2;
  }

  /** Whether it was not there; it is from now on. */
  add(bytes: Uint8Array): boolean {
    const key = Buffer.from(bytes).toString('latin1');
    if (this.#newer.has(key) || this.#older.has(key)) return false;
    if (this.#newer.size >= this.#half) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
    return true;
  }
}
