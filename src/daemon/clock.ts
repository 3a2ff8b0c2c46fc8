/** The clocks of this machine, so that tests can have others. */

export interface Clock {
  /** Milliseconds since 1970; somebody may set it. */
  wall(): number;
  /** Milliseconds; nobody sets it. */
  steady(): number;
  /** @returns what calls it off */
  after(ms: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  steady: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
