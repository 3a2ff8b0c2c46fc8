/** The seed of a test that draws: printed, so that what failed can be done again with PORTKNOCK_SEED. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

/** An integer, 0 to 2^32 − 1: a new one each time, or the one that is told. */
export function seedOf(t: TestContext): number {
  const seed = Number(process.env['PORTKNOCK_SEED'] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (PORTKNOCK_SEED)`);
  return seed;
}
