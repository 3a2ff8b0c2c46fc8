/** Which periods' numbers are to be in the kernel, and the spans of time that they stand for. */
import { endOfStep, type Steps, stepAt, stepsTaken } from '../methods/sequence-number/format.js';
import type { SequenceNumberSettings } from './config.js';
import type { Span } from './given.js';

/** How long before its period a number is put in, at most. */
const longestLeadMs = 5000;

/** A step comes into the kernel this long before the first clock is in it. */
export function leadOf({ periodMs }: SequenceNumberSettings): number {
  return Math.min(periodMs / 10, longestLeadMs);
}

/** The steps whose numbers are to be in the kernel. @param now milliseconds since 1970 */
export function stepsHeld(now: number, settings: SequenceNumberSettings): Steps {
  const { first } = stepsTaken(now, settings);
  return { first, last: stepAt(now + settings.toleranceMs + leadOf(settings), settings.periodMs) };
}

/** The end of the last period that can have been given by then, milliseconds since 1970. */
export function latestGiven(now: number, settings: SequenceNumberSettings): number {
  return endOfStep(stepsHeld(now, settings).last + 1, settings);
}

/** From the beginning of the first to the end of the last. */
export function spanOf(
  steps: readonly { readonly step: number }[],
  { periodMs }: SequenceNumberSettings,
): Span {
  const first = steps.reduce((least, { step }) => Math.min(least, step), Number.POSITIVE_INFINITY);
  const last = steps.reduce((most, { step }) => Math.max(most, step), 0);
  return { from: first * periodMs, to: (last + 1) * periodMs };
}
