/**
 * Which sources are scanning: who has hit more than a few different ports that belong to no sequence.
 */

/** Different ports that anybody may hit beside a knock: the service itself, a web page, a mistake. */
const most = 3;

export class Scans {
  /** Different ports of each slot, the first few. */
  readonly #ports: Uint32Array;
  /** How many, up to one more than there is room for. */
  readonly #counts: Uint8Array;
  readonly #lasts: Float64Array;

  /** @param sources slots, as many as the table of sources has */
  constructor(sources: number) {
    this.#ports = new Uint32Array(sources * most);
    this.#counts = new Uint8Array(sources);
    this.#lasts = new Float64Array(sources);
  }

  /** A source has hit a port outside. @param quietMs after so long without another, what it hit before is forgotten */
  note(slot: number, protocol: number, port: number, at: number, quietMs: number): void {
    if (at - this.#lasts[slot]! >= quietMs) this.#counts[slot] = 0;
    this.#lasts[slot] = at;
    const count = this.#counts[slot]!;
    if (count > most) return;
    const hit = (protocol << 16) | port;
    const first = slot * most;
    for (let i = 0; i < count; i++) if (this.#ports[first + i] === hit) return;
    if (count < most) this.#ports[first + count] = hit;
    this.#counts[slot] = count + 1;
  }

  isScanner(slot: number, at: number, quietMs: number): boolean {
    // The clock may have been set back: what he did is not in times to come.
    if (at < this.#lasts[slot]!) this.#lasts[slot] = at;
    return this.#counts[slot]! > most && at - this.#lasts[slot]! < quietMs;
  }

  /** Another source has this slot now. */
  clear(slot: number): void {
    this.#counts[slot] = 0;
  }
}
