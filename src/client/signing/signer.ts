/** Which key signs the answers to challenges, and the ways to it. Each is loaded when it is needed. */
import { OperatorError } from '../../system/error.js';
import { KnockError } from '../failure.js';
import { type ChallengeKey, notSigned, type OpenedKey, type SignText, type Tell } from './key.js';

/**
 * Finds a key, and unlocks it where that is for us to do: before anything is sent, so that no challenge is kept waiting.
 * @throws KnockError `not-signed`; the signal's reason
 */
export async function openKey(
  key: ChallengeKey | SignText,
  tell: Tell,
  signal: AbortSignal | undefined,
): Promise<OpenedKey> {
  try {
    return await open(key, tell, signal);
  } catch (error) {
    // Of a file, such as that others can read it.
    if (error instanceof OperatorError && !(error instanceof KnockError)) {
      throw notSigned(error.message, error.hint);
    }
    throw error;
  }
}

async function open(
  key: ChallengeKey | SignText,
  tell: Tell,
  signal: AbortSignal | undefined,
): Promise<OpenedKey> {
  if (typeof key === 'function') {
    return { name: 'a function', asks: 'maybe', sign: async (text, signal) => key(text, signal) };
  }
  if ('gpg' in key) return (await import('./gpg.js')).openGpg(key.gpg, tell);
  if ('ssh' in key) return (await import('./ssh.js')).openSsh(key.ssh, tell, signal);
  return (await import('../keyfile.js')).openFile(key.keyFile, key.password);
}
