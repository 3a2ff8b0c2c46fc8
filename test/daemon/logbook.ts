/** A log that keeps what it is told, for tests. */
import pino from 'pino';
import type { Log } from '../../src/daemon/log.js';

export interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export class Logbook {
  readonly entries: Entry[] = [];
  readonly log: Log = pino(
    { base: null },
    { write: (line: string) => void this.entries.push(JSON.parse(line) as Entry) },
  );

  /** What was said, a line each. */
  get lines(): string[] {
    return this.entries.map(({ msg }) => msg);
  }

  /** What was said as an error. */
  get errors(): string[] {
    return this.entries.filter(({ level }) => level >= 50).map(({ msg }) => msg);
  }
}

/** Waits until something is so. Fails after ten seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 2000) throw new Error(`not within ten seconds: ${isSo}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
