/** What signs the answers to challenges, whichever way it is kept. */
import type { SignatureKind } from '../../methods/challenge/site.js';
import type { SigningKey } from '../../system/challengeprofile.js';
import { KnockError } from '../failure.js';

/** A signature of the text of a challenge. */
export interface ChallengeSignature {
  readonly kind: SignatureKind;
  /** 1 to 1114 bytes, binary: of OpenPGP a detached signature, of SSH what `ssh-keygen -Y sign` makes, without armour. */
  readonly signature: Uint8Array;
}

/**
 * Signs the text of a challenge: for keys that are kept where no program of ours finds them. SSH signs in the namespace
 * `portknock`. The challenge is good for 30 s; where this takes longer, it is called once more, for another.
 * @param text some 250 bytes of ASCII, in lines that say what the signature is good for
 * @param signal ends the signing, where the knock has one
 * @returns the signature; what it throws, `knock` throws
 */
export type SignText = (text: Uint8Array, signal?: AbortSignal) => Promise<ChallengeSignature>;

/** A key of which the request says more than a profile does. */
export type ChallengeKey =
  | Exclude<SigningKey, { readonly keyFile: string }>
  | {
      /** The path of a file with an OpenPGP secret key, armoured or not, that its owner alone can read. */
      readonly keyFile: string;
      /** The passphrase of that key, or what asks for it; called only where it has one. */
      readonly password?: string | (() => Promise<string>) | undefined;
    };

/** A key that is there, as far as can be told without using it. */
export interface OpenedKey {
  /** What --verbose and messages call it. */
  readonly name: string;
  /** What a person has to do each time: touch it; what it says itself; or perhaps something. */
  readonly asks: 'touch' | 'itself' | 'maybe';
  readonly sign: (text: Uint8Array, signal: AbortSignal | undefined) => Promise<ChallengeSignature>;
}

/** Told what a person who waits should know, and what only those who want to see every step. */
export interface Tell {
  readonly say: (message: string) => void;
  readonly note: (message: string) => void;
}

/** What did not sign, and what to do. */
export function notSigned(message: string, hint?: string): KnockError {
  return new KnockError('not-signed', message, { hint });
}
