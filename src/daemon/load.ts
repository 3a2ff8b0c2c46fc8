/**
 * When to have the kernel gather packets: one by one while it is quiet, for the shortest way from knock to door; in
 * batches while it is busy, when reading costs a fifth. No timer runs while it is quiet.
 */

const windowMs = 100;
/** Packets in one window: above the first it becomes busy, below the second quiet again. */
const busyAbove = 200;
const quietBelow = 100;

export class Load {
  readonly #changed: (busy: boolean) => void;
  #windowStart = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(changed: (busy: boolean) => void) {
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
    if (this.#count > busyAbove) this.#becomeBusy();
  }

  #becomeBusy(): void {
    this.#changed(true);
    this.#count = 0;
    this.#timer = setInterval(() => {
      if (this.#count < quietBelow) {
        clearInterval(this.#timer);
        this.#timer = undefined;
        this.#changed(false);
      }
      this.#count = 0;
    }, windowMs);
  }
}
