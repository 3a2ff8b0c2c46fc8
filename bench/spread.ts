/** What many measurements of one thing come to. */

/** Of values in rising order, the nearest-rank percentiles: each is one that was measured. */
export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly p99: number;
  readonly max: number;
}

/** @throws RangeError where there are no values */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('"values" expected at least one, got none');
  const rising = values.toSorted((a, b) => a - b);
  const at = (percent: number) => rising[Math.max(0, Math.ceil((percent / 100) * rising.length) - 1)]!;
  return {
    count: rising.length,
    min: at(0),
    p25: at(25),
    p50: at(50),
    p75: at(75),
    p99: at(99),
    max: at(100),
  };
}
