/** So many in a span of time, and no more: what keeps a log short when somebody repeats himself a thousand times. */
export class Quota {
  readonly #most: number;
  readonly #spanMs: number;
  #start = 0;
  #taken = 0;

  constructor(most: number, spanMs: number) {
    this.#most = most;
    this.#spanMs = spanMs;
  }

  /** Whether there is one left at this moment, in milliseconds. */
  take(now: number): boolean {
    if (now - this.#start >= this.#spanMs || now < this.#start) {
      this.#start = now;
      this.#taken = 0;
    }
    return this.#taken++ < this.#most;
  }
}
