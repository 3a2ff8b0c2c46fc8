/**
 * How often something that has a known chance may happen in so many trials: bounds that what is right hardly ever
 * leaves, however often the tests run.
 */
import assert from 'node:assert/strict';

/** The chance that counts within their bounds are outside them, on each side. */
export const outside = 1e-11;

/** The chances that of so many trials 0, 1, 2 … come out, each with this chance. */
export function binomial(trials: number, chance: number): Float64Array {
  const chances = new Float64Array(trials + 1);
  if (chance <= 0 || chance >= 1) {
    chances[chance <= 0 ? 0 : trials] = 1;
    return chances;
  }
  let logarithm = trials * Math.log1p(-chance);
  for (let count = 0; count <= trials; count++) {
    chances[count] = Math.exp(logarithm);
    logarithm += Math.log((trials - count) / (count + 1)) + Math.log(chance) - Math.log1p(-chance);
  }
  return chances;
}

/** The chance of so many or more of the trials. */
export function atLeast(count: number, trials: number, chance: number): number {
  return binomial(trials, chance)
    .subarray(count)
    .toReversed()
    .reduce((sum, each) => sum + each, 0);
}

/** The least and the most that may come out of the trials. */
export function bounds(trials: number, chance: number): { readonly least: number; readonly most: number } {
  const chances = binomial(trials, chance);
  let least = 0;
  for (let below = chances[0]!; below < outside; below += chances[least]!) least++;
  let most = trials;
  for (let above = chances[trials]!; above < outside; above += chances[most]!) most--;
  return { least, most };
}

/** Fails where a count is not what its chance lets expect. */
export function assertShare(count: number, trials: number, chance: number, what = ''): void {
  const { least, most } = bounds(trials, chance);
  const expected = `expected ${least} to ${most} of ${trials}`;
  assert.ok(count >= least && count <= most, `${what} ${count}, ${expected}`);
}
