/**
 * Keyrings of OpenPGP: files of public keys, armoured or not, and which of the keys somebody means.
 *
 * They are read in a thread of their own (keyringworker.ts): the library for it is slow to load, and such a file may
 * have thousands of signatures. gpg's own pubring.kbx is none of them, but a data base of gpg's.
 */
import { runApart } from './apart.js';
import { OperatorError, type Place } from './error.js';

/** A public key as it is at the moment of reading. */
export interface KeyringKey {
  /** Of the primary key, in hexadecimal, lower-case. */
  readonly fingerprint: string;
  /** Those that the key itself vouches for, and has not revoked. */
  readonly userIds: readonly string[];
  /** The whole transferable public key, binary. */
  readonly bytes: Uint8Array;
  /** `unusable`: too weak, or without any part that may make signatures. */
  readonly state: 'good' | 'expired' | 'revoked' | 'unusable';
  /** Of the file that it was found in first. */
  readonly path: string;
}

export interface KeyringFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What the thread is given. */
export interface KeyringTask {
  readonly files: readonly KeyringFile[];
  /** Milliseconds since 1970: the moment that the keys are judged at. */
  readonly at: number;
}

/** What the thread finds. */
export type KeyringContents =
  | { readonly keys: readonly KeyringKey[] }
  | { readonly mistake: keyof typeof mistakes; readonly path: string };

const toExport = 'write one: gpg --export > FILE';
const mistakes = {
  keybox: ["gpg's own data base, and no keyring", toExport],
  private: ['it holds secret keys, which have no place on a server', toExport],
  malformed: ['no keyring of OpenPGP, or a damaged one', toExport],
} as const;

/** Some thousand keys. */
const longestFile = 1 << 20;
const longestKeyring = 8 << 20;
const defaultDeadlineMs = 20_000;
const workerPath = new URL('../system/keyringworker.cjs', import.meta.url);

/**
 * Reads the keys of some files; one that is in several of them is put together. This thread waits.
 * @param place what names the keyring, for the message
 * @throws OperatorError `bad-keyring`, with the path of the file that is wrong
 */
export function readKeyring(
  files: readonly KeyringFile[],
  place: Place = {},
  deadlineMs = defaultDeadlineMs,
): KeyringKey[] {
  checkSizes(files, place);
  if (files.length === 0) return [];
  const task: KeyringTask = { files, at: Date.now() };
  const contents = runApart<KeyringContents>(workerPath, task, deadlineMs);
  if (contents === undefined) {
    throw new OperatorError(
      'bad-keyring',
      `the keyring cannot be read, or takes more than ${deadlineMs / 1000} s`,
      {
        ...place,
        hint: 'keep only the keys of clients in it',
      },
    );
  }
  if ('keys' in contents) return [...contents.keys];
  const [message, hint] = mistakes[contents.mistake];
  throw new OperatorError('bad-keyring', `${contents.path}: ${message}`, { ...place, hint });
}

function checkSizes(files: readonly KeyringFile[], place: Place): void {
  const hint = 'keep only the keys of clients in it';
  const long = files.find(({ bytes }) => bytes.length > longestFile);
  if (long !== undefined) {
    throw new OperatorError('bad-keyring', `${long.path}: more than 1 MiB`, { ...place, hint });
  }
  if (files.reduce((sum, { bytes }) => sum + bytes.length, 0) > longestKeyring) {
    throw new OperatorError('bad-keyring', 'the keyring has more than 8 MiB', { ...place, hint });
  }
}

/**
 * The key that is meant.
 *
 * By a user id that a good key has, keys that are expired, revoked or unusable are not meant; where there is no good
 * one, one of those is given back, whose signatures will be refused with the reason.
 * @param wanted a user id, its name alone (case as it is), its address alone (any case), or a whole fingerprint
 * @throws OperatorError `no-such-key`, `ambiguous-key`
 */
export function selectKey(keys: readonly KeyringKey[], wanted: string, place: Place = {}): KeyringKey {
  const digits = wanted
    .replace(/^\s*0x/i, '')
    .replace(/\s/g, '')
    .toLowerCase();
  const isFingerprint = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(digits);
  const fitting = isFingerprint
    ? keys.filter(({ fingerprint }) => fingerprint === digits)
    : keys.filter(({ userIds }) => userIds.some(userId => isMeant(userId, wanted)));
  const good = fitting.filter(({ state }) => state === 'good');
  if (good.length > 1) {
    throw new OperatorError('ambiguous-key', `"${wanted}" fits ${good.length} keys: ${listed(good)}`, {
      ...place,
      hint: 'give the fingerprint of the one that is meant',
    });
  }
  const found = good[0] ?? fitting.find(({ state }) => state === 'expired') ?? fitting[0];
  if (found !== undefined) return found;
  if (/^[0-9a-f]{8}(?:[0-9a-f]{8})?$/.test(digits)) throw shortId(wanted, place);
  throw new OperatorError('no-such-key', `"${wanted}" fits no key of the keyring`, {
    ...place,
    hint: keys.length === 0 ? 'the keyring is empty' : `there are: ${listed(keys)}`,
  });
}

function shortId(wanted: string, place: Place): OperatorError {
  return new OperatorError('no-such-key', `"${wanted}" is the short id of a key, which anybody can imitate`, {
    ...place,
    hint: 'give the whole fingerprint: gpg --fingerprint',
  });
}

const mostListed = 10;

function listed(keys: readonly KeyringKey[]): string {
  const shown = keys.slice(0, mostListed).map(({ fingerprint, userIds, state }) => {
    const name = userIds[0] === undefined ? '' : ` (${userIds[0]})`;
    return `${fingerprint}${name}${state === 'good' ? '' : `, ${state}`}`;
  });
  const more = keys.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** `Name (comment) <address>`, by custom alone (RFC 9580 section 5.11). */
function isMeant(userId: string, wanted: string): boolean {
  const [id, text] = [userId.normalize(), wanted.normalize()];
  const open = id.endsWith('>') ? id.lastIndexOf('<') : -1;
  const address = open < 0 ? id : id.slice(open + 1, -1);
  const named = open < 0 ? id : id.slice(0, open).trimEnd();
  const comment = named.endsWith(')') ? named.lastIndexOf('(') : -1;
  const name = comment < 0 ? named : named.slice(0, comment).trimEnd();
  if (text === '') return false;
  if (text === id || text === named || text === name) return true;
  const bare = text.startsWith('<') && text.endsWith('>') ? text.slice(1, -1) : text;
  return address.includes('@') && bare.toLowerCase() === address.toLowerCase();
}
