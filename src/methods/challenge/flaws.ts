/**
 * What is wrong with a hello or a response, beyond the word of its refusal: for whoever reads the log. The place in the
 * list, from 1, is the detail of the refusal; those of signatures come first, in their own order.
 */
import { signatureFlaws } from './site.js';

export const flaws = [
  ...signatureFlaws,
  /** It was made with another site key, or is damaged, or neither hello nor response. */
  'unreadable',
  /** The challenge that it answers was not made here, or before the last start. */
  'not-ours',
] as const;

export type Flaw = (typeof flaws)[number];

/** A flaw as the detail of a refusal. */
export function detailOf(flaw: Flaw): number {
  return flaws.indexOf(flaw) + 1;
}

const reasonsWithFlaw: ReadonlySet<string> = new Set(['bad-tag', 'unknown-client', 'expired', 'revoked']);

/** The flaw that the detail of a refusal tells, where its reason has one. */
export function flawOf(reason: string, detail = 0): Flaw | undefined {
  return reasonsWithFlaw.has(reason) ? flaws[detail - 1] : undefined;
}
