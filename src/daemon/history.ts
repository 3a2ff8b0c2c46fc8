/** The last knocks, for `status`: so many, whatever they were. */

export interface KnockRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly source: string;
  readonly door: string | undefined;
  readonly client: string | undefined;
  /** `opened`, `extended`, `ran`, or the reason of a refusal. */
  readonly outcome: string;
}

const most = 20;

export class History {
  readonly #records: KnockRecord[] = [];

  add(record: KnockRecord): void {
    this.#records.push(record);
    if (this.#records.length > most) this.#records.shift();
  }

  /** Oldest first. */
  list(): readonly KnockRecord[] {
    return [...this.#records];
  }
}
