/**
 * What is wrong with a datagram or its certificate, beyond the word of its refusal: for whoever reads the log. The place in
 * the list, from 1, is the detail of the refusal.
 */
export const flaws = [
  /** It was made for another server's certificate, or is damaged, or no knock at all. */
  'unreadable',
  /** The signature is not by the key of its certificate. */
  'bad-signature',
  /** What stands in the certificate's place is none. */
  'malformed-certificate',
  /** None of the authorities has issued its certificate. */
  'other-authority',
  /** The certificate is not for clients: its key usage or extended key usage says otherwise, or it is an authority's. */
  'wrong-usage',
  /** Its key is not on the curve P-256, which the signature needs. */
  'wrong-key',
  /** Its authority has signed it with MD5 or SHA-1, which others can forge. */
  'weak-signature',
] as const;

export type Flaw = (typeof flaws)[number];

/** A flaw as the detail of a refusal. */
export function detailOf(flaw: Flaw): number {
  return flaws.indexOf(flaw) + 1;
}

/** The flaw that the detail of a refusal tells, where its reason has one. */
export function flawOf(reason: string, detail = 0): Flaw | undefined {
  return reason === 'bad-tag' || reason === 'unknown-client' ? flaws[detail - 1] : undefined;
}
