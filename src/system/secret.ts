/**
 * Files that hold secrets: read whole, and refused where others than their owner could read them too.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { decodeKey } from '../crypto/key.js';
import { errorCode, OperatorError, type Place } from './error.js';

const othersMayReadOrWrite = 0o077;
const longestSecret = 4096;

/** The 32 bytes of a key file. @param place where the file is named, for the message @throws OperatorError */
export function readKeyFile(path: string, place: Place = {}): Uint8Array {
  const key = decodeKey(readSecretFile(path, place));
  if (key !== undefined) return key;
  throw new OperatorError('bad-key', `${path}: expected one line of 64 hexadecimal digits`, {
    ...place,
    hint: 'make a new one with: openssl rand -hex 32',
  });
}

/** The passphrase in a file: one line of UTF-8, without its newline. @throws OperatorError */
export function readPassphraseFile(path: string, place: Place = {}): string {
  const passphrase = readSecretFile(path, place).replace(/\r?\n$/, '');
  if (passphrase !== '' && !passphrase.includes('\n')) return passphrase;
  throw new OperatorError('bad-passphrase', `${path}: expected one line with the passphrase`, place);
}

/** The text of a file that its owner alone can read. @throws OperatorError, `no-secret` where there is none */
export function readSecretFile(path: string, place: Place = {}, longest = longestSecret): string {
  return readSecretBytes(path, place, longest).toString('utf8');
}

/** The bytes of a file that its owner alone can read. @throws as `readSecretFile` */
export function readSecretBytes(path: string, place: Place, longest: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw unreadable(path, error, place);
  }
  try {
    // Of the open file, so that what is checked is what is read.
    const stat = fstatSync(fd);
    // First: to be told to change the mode of a device would be bad advice.
    if (!stat.isFile() || stat.size > longest) {
      throw new OperatorError('bad-secret', `${path}: not a file with a secret`, place);
    }
    requirePrivate(path, stat, place);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function unreadable(path: string, error: unknown, place: Place): OperatorError {
  if (errorCode(error) === 'ENOENT') return new OperatorError('no-secret', `${path}: no such file`, place);
  const hint = 'run as the user who owns it, or change its owner';
  return new OperatorError('unreadable-secret', `${path}: cannot be read (${errorCode(error)})`, {
    ...place,
    hint,
  });
}

/** Refuses a file that others than its owner can use. @throws OperatorError `open-secret` */
export function requirePrivate(path: string, stat: { readonly mode: number }, place: Place): void {
  // Windows has no such bits: Node makes them up from one read-only flag.
  if (process.platform === 'win32' || (stat.mode & othersMayReadOrWrite) === 0) return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
  throw new OperatorError(
    'open-secret',
    `${path}: others than its owner may use this secret (mode ${mode})`,
    {
      ...place,
      hint: `chmod 600 ${path}`,
    },
  );
}
