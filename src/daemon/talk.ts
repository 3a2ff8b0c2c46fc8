/**
 * How much of what the listener tells is taken up: as much as a sound one says, so that one that has been taken over
 * cannot fill the disk with our log. What opens a door is never among it.
 */
import type { Frame } from './frames.js';
import { Quota } from './quota.js';

const spanMs = 10_000;
/** A sound listener says a thousand stages, some thirty refusals and troubles and one summary in that time. */
const most = 1100;

const told: ReadonlySet<Frame['kind']> = new Set([
  'refused',
  'datagram-refused',
  'challenge-refused',
  'stage',
  'summary',
  'trouble',
]);

export class Talk {
  readonly #quota = new Quota(most, spanMs);

  /** @param now milliseconds since 1970 */
  isTaken({ kind }: Pick<Frame, 'kind'>, now: number): boolean {
    return !told.has(kind) || this.#quota.take(now);
  }
}
