/** Signatures by an OpenPGP secret key in a file, for those who have no gpg. The library comes with a module of its own. */
import { createRequire } from 'node:module';
import { readSecretBytes } from '../../system/secret.js';
import { notSigned, type OpenedKey } from './signer.js';

const longestKeyFile = 262_144;

/** @throws KnockError `not-signed`, OperatorError for a file that cannot be read or that others can read */
export async function openFile(
  path: string,
  password: string | (() => Promise<string>) | undefined,
): Promise<OpenedKey> {
  const bytes = readSecretBytes(path, {}, longestKeyFile);
  requireNotSsh(path, bytes);
  // What scripts/bundle.mjs makes of openpgp.ts.
  const { readSecretKey } = createRequire(import.meta.url)('../signer.cjs') as typeof import('./openpgp.js');
  const found = await readSecretKey(bytes);
  if ('flaw' in found) throw unusable(path, found.flaw);
  if (found.isLocked) {
    if (password === undefined) throw notSigned(`${path}: this key has a passphrase`, 'give it');
    const isOpen = await found.unlock(typeof password === 'string' ? password : await password());
    if (!isOpen) throw notSigned(`${path}: the passphrase is wrong`);
  }
  return {
    name: `OpenPGP key ${found.fingerprint}`,
    asks: 'maybe',
    sign: async text => {
      const signed = await found.sign(text);
      if ('flaw' in signed) throw unusable(path, signed.flaw);
      return { kind: 'openpgp', signature: signed.signature };
    },
  };
}

function requireNotSsh(path: string, bytes: Buffer): void {
  const start = bytes.toString('latin1', 0, 64);
  if (!/^-----BEGIN (?:OPENSSH|RSA|EC|ENCRYPTED|DSA)? ?PRIVATE KEY/.test(start)) return;
  throw notSigned(`${path}: this is no OpenPGP key but one of SSH`, `sign with it by --ssh-key ${path}`);
}

function unusable(path: string, flaw: string): Error {
  return notSigned(`${path}: ${flaw}`, 'make one with: gpg --export-secret-keys UID');
}
