/**
 * How many packets the kernel is to gather before it hands them over: one by one while it is quiet, for the shortest way
 * from knock to door; more at once the more there are, when reading costs a fifth. No timer runs while it is quiet.
 */

const windowMs = 100;

/** Packets gathered, and how many in one window make it so: above the first, and until they are fewer than the second. */
const levels = [
  { gathered: 1, above: 0, below: 0 },
  { gathered: 64, above: 200, below: 100 },
  { gathered: 256, above: 5000, below: 2500 },
] as const;

export class Load {
  readonly #changed: (gathered: number) => void;
  #windowStart = 0;
  #count = 0;
  #level = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param changed told how many packets are to be gathered from now on, 1 to 256 */
  constructor(changed: (gathered: number) => void) {
    this.#changed = changed;
  }

  add(packets: number): void {
    this.#count += packets;
    if (this.#timer !== undefined) return;
    const now = performance.now();
    if (now - this.#windowStart > windowMs) {
      this.#windowStart = now;
      this.#count = packets;
    }
    if (this.#count <= levels[1].above) return;
    this.#change(1);
    this.#timer = setInterval(() => this.#look(), windowMs);
  }

  /** At the end of a window. */
  #look(): void {
    let level = this.#level;
    while (level > 0 && this.#count < levels[level]!.below) level--;
    while (level < levels.length - 1 && this.#count > levels[level + 1]!.above) level++;
    if (level === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (level !== this.#level) this.#change(level);
    this.#count = 0;
  }

  #change(level: number): void {
    this.#level = level;
    this.#changed(levels[level]!.gathered);
  }
}
