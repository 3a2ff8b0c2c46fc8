/** Changes that take their time, one after the other: the one that was asked for last has to be the last. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** @returns settles as the change does, which begins when no other is under way */
  take(change: () => Promise<void>): Promise<void> {
    const changed = this.#last.then(change);
    this.#last = changed.catch(() => {});
    return changed;
  }
}
