/** Which key signs the answers to challenges, and the ways to it. Each is loaded when it is needed. */
import type { SignatureKind } from '../../methods/challenge/site.js';
import type { SigningKey } from '../../system/challengeprofile.js';
import { KnockError } from '../failure.js';

/** A signature of the text of a challenge. */
export interface ChallengeSignature {
  readonly kind: SignatureKind;
  /** 1 to 1114 bytes, binary: of OpenPGP a detached signature, of SSH what `ssh-keygen -Y sign` makes, without armour. */
  readonly signature: Uint8Array;
}

/** Signs the text of a challenge: for keys that are kept where no program of ours finds them. */
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

/**
 * Finds a key, and unlocks it where that is for us to do: before anything is sent, so that no challenge is kept waiting.
 * @throws KnockError `not-signed`; the signal's reason
 */
export async function openKey(
  key: ChallengeKey | SignText,
  tell: Tell,
  signal: AbortSignal | undefined,
): Promise<OpenedKey> {
  if (typeof key === 'function') {
    return { name: 'a function', asks: 'maybe', sign: async (text, signal) => key(text, signal) };
  }
  if ('gpg' in key) return (await import('./gpg.js')).openGpg(key.gpg, tell);
  if ('ssh' in key) return (await import('./ssh.js')).openSsh(key.ssh, tell, signal);
  return (await import('./file.js')).openFile(key.keyFile, key.password);
}

/** What did not sign, and what to do. */
export function notSigned(message: string, hint?: string): KnockError {
  return new KnockError('not-signed', message, { hint });
}
