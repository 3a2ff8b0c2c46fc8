/**
 * PKCS #12 files (RFC 7292): a private key and its certificates under a password, as modern and as old programs write them.
 *
 * They are opened in a thread of their own, which has a deadline and a bound on its memory: such a file says itself how many
 * rounds its password is to be worked on, up to 2^31. The library for it is in that thread's program alone.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { runApart } from './apart.js';
import { errorCode, OperatorError, type Place } from './error.js';

/** What was in a PKCS #12 file; all of it DER. */
export interface Pfx {
  /** PKCS #8. */
  readonly key: Uint8Array;
  /** The certificate of that key. */
  readonly certificate: Uint8Array;
  /** The other certificates, in the order of the file. */
  readonly authorities: readonly Uint8Array[];
}

/** What the thread is given. */
export interface PfxTask {
  readonly bytes: Uint8Array;
  readonly password: string;
}

/** What the thread finds, DER, or one word why not. */
export type PfxContents =
  | { readonly keys: readonly Uint8Array[]; readonly certificates: readonly Uint8Array[] }
  | { readonly mistake: keyof typeof mistakes };

const mistakes = {
  'wrong-password': ['the password does not open it', 'give the one that it was exported with'],
  unsupported: [
    'it is protected in a way that is not supported',
    'export it again: openssl pkcs12 -export, which uses AES-256 and SHA-256',
  ],
  malformed: ['no PKCS #12 file, or a damaged one', 'such files end in .pfx or .p12'],
} as const;

/** Some hundred certificates. */
const longestPfx = 1 << 20;
const defaultDeadlineMs = 10_000;
const workerPath = new URL('../system/pfxworker.cjs', import.meta.url);

/** Opens a PKCS #12 file. @param place where it is named, for the message @throws OperatorError */
export function readPfxFile(path: string, password: string, place: Place = {}): Pfx {
  const bytes = readBytes(path, place);
  try {
    return readPfx(bytes, password, place);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError(error.code, `${path}: ${error.message}`, { ...place, hint: error.hint });
  }
}

function readBytes(path: string, place: Place): Uint8Array {
  try {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      if (stat.isFile() && stat.size <= longestPfx) return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'no such file' : `cannot be read (${errorCode(error)})`;
    throw new OperatorError('unreadable-pfx', `${path}: ${why}`, place);
  }
  throw new OperatorError('bad-pfx', `${path}: ${mistakes.malformed[0]}`, place);
}

/**
 * Opens the bytes of a PKCS #12 file. This thread waits.
 * @param password any text, the empty one too
 * @param place what is said to be wrong
 * @throws OperatorError `wrong-password`, `bad-pfx`
 */
export function readPfx(
  bytes: Uint8Array,
  password: string,
  place: Place = {},
  deadlineMs = defaultDeadlineMs,
): Pfx {
  const task: PfxTask = { bytes, password };
  const contents =
    bytes.length > longestPfx ? malformed : runApart<PfxContents>(workerPath, task, deadlineMs);
  if (contents === undefined) {
    throw new OperatorError('bad-pfx', `it takes more than ${deadlineMs / 1000} s to open`, {
      ...place,
      hint: 'export it again, with fewer rounds (-iter of openssl pkcs12)',
    });
  }
  if ('mistake' in contents) {
    const [message, hint] = mistakes[contents.mistake];
    const code = contents.mistake === 'wrong-password' ? contents.mistake : 'bad-pfx';
    throw new OperatorError(code, message, { ...place, hint });
  }
  return match(contents.keys, contents.certificates, place);
}

const malformed: PfxContents = { mistake: 'malformed' };

function match(keys: readonly Uint8Array[], certificates: readonly Uint8Array[], place: Place): Pfx {
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    const message = key === undefined ? 'it holds no private key' : `it holds ${keys.length} private keys`;
    throw new OperatorError('bad-pfx', message, { ...place, hint: 'export one key and its certificate' });
  }
  const own = certificatesOf(readKey(key, place), certificates, place);
  const [certificate] = own.sort((a, b) => endOf(b) - endOf(a));
  if (certificate === undefined) {
    const message =
      certificates.length === 0 ? 'it holds no certificate' : 'none of its certificates is that of its key';
    throw new OperatorError('bad-pfx', message, { ...place, hint: 'export the key and its certificate' });
  }
  const authorities = certificates.filter(other => !certificate.raw.equals(other));
  return { key, certificate: Uint8Array.from(certificate.raw), authorities };
}

/** Renewed certificates may have the same key: the one that is good for the longest is meant. */
function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}

function readKey(key: Uint8Array, place: Place): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
  } catch {
    throw new OperatorError('bad-pfx', 'its private key is none, or of an unknown kind', place);
  }
}

function certificatesOf(
  key: KeyObject,
  certificates: readonly Uint8Array[],
  place: Place,
): X509Certificate[] {
  try {
    return certificates.map(der => new X509Certificate(der)).filter(each => each.checkPrivateKey(key));
  } catch {
    throw new OperatorError('bad-pfx', 'one of its certificates is none', place);
  }
}
