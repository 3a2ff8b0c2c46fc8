/** Waiting for what must come true, within a bound. */
import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 10;

/**
 * Asks again and again until the answer is neither undefined nor false, and returns it.
 *
 * @param what named in the error, as in "did not happen within 5000 ms: the port opens"
 * @param check one that throws has not come true yet; its error becomes the cause
 */
export async function eventually<Answer>(
  what: string,
  check: () => Answer | Promise<Answer>,
  deadlineMs = 5000,
): Promise<Exclude<Answer, undefined | false>> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer as Exclude<Answer, undefined | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(pauseMs);
  } while (performance.now() < end);
  throw new Error(`did not happen within ${deadlineMs} ms: ${what}`, { cause });
}
