/**
 * The public keys of clients who answer challenges: out of a keyring of OpenPGP, out of authorized_keys and .pub files of SSH,
 * or as they stand in portknockd.toml.
 *
 * Files of SSH are their users' own: what is wrong there costs that user his keys, and is never a mistake of the configuration.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readAuthorizedKey, readAuthorizedKeys } from '../methods/challenge/authorized.js';
import type { OpenpgpKey, SshKey } from '../methods/challenge/site.js';
import { errorCode, OperatorError, type Place } from '../system/error.js';
import { type KeyringFile, type KeyringKey, readKeyring, selectKey } from '../system/keyring.js';
import { readTrustedFile } from '../system/trusted.js';
import type { KeySource } from './config.js';

/** What is wrong with where a client's keys come from. */
export interface KeyFault {
  readonly key: 'openpgp' | 'ssh_keys';
  /** Which of the texts, from 0. */
  readonly index: number;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether only the administrator can mend it, in the configuration or the keyring. */
  readonly isMistake: boolean;
}

export interface FoundKeys<Key> {
  readonly keys: readonly Key[];
  readonly faults: readonly KeyFault[];
}

const longestFile = 1 << 20;
/** Of one file: nobody reads more of them. */
const mostWarnings = 10;

/** Whether it is a key rather than the path of a file with keys. */
export function isSshKey(text: string): boolean {
  return /(?:^|[\s,"])(?:ssh|ecdsa|sk)-[\w@.-]+\s+AAAA/.test(text);
}

/** Those of a client that the administrator wrote himself, rather than a file that may be the client's own. */
export function writtenKeys({ ssh }: KeySource): readonly SshKey[] {
  return ssh.filter(isSshKey).flatMap(text => keyItself(text).keys);
}

/** What the keys of clients are read from. The keyring is read once, and only where somebody needs it. */
export class KeyFiles {
  readonly #path: string | undefined;
  readonly #place: Place;
  readonly #read: ReadKeyring;
  #keyring: readonly KeyringKey[] | undefined;
  #hasFailed = false;

  /** @param place where the keyring is named */
  constructor(path: string | undefined, place: Place, read: ReadKeyring = readKeyring) {
    this.#path = path;
    this.#place = place;
    this.#read = read;
  }

  /** @throws OperatorError where the keyring cannot be read; later there are no keys in it, and nothing is wrong */
  openpgp({ openpgp, revoked }: KeySource): FoundKeys<OpenpgpKey> {
    const faults: KeyFault[] = [];
    const keyring = openpgp.length === 0 ? undefined : this.#open();
    if (keyring === undefined) return { keys: [], faults };
    const keys = openpgp.flatMap((text, index) => {
      const found = select(keyring, text);
      if (found.fault !== undefined) faults.push({ ...found.fault, key: 'openpgp', index });
      return found.key === undefined ? [] : [found.key];
    });
    // Its keys only tell who it was; where they are gone, all is well.
    return { keys: unique(keys, ({ fingerprint }) => fingerprint), faults: revoked ? [] : faults };
  }

  /** Whether the keyring could not be read. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  #open(): readonly KeyringKey[] | undefined {
    if (this.#path === undefined || this.#hasFailed) return undefined;
    if (this.#keyring !== undefined) return this.#keyring;
    this.#hasFailed = true;
    this.#keyring = openKeyring(this.#path, this.#place, this.#read);
    this.#hasFailed = false;
    return this.#keyring;
  }

  ssh({ ssh, revoked }: KeySource): FoundKeys<SshKey> {
    const faults: KeyFault[] = [];
    const keys = ssh.flatMap((text, index) => {
      const found = isSshKey(text) ? keyItself(text) : keysInFile(text);
      for (const fault of found.faults) faults.push({ ...fault, key: 'ssh_keys', index });
      return found.keys;
    });
    return {
      // One key may be in several lines, of which sshd too takes the first that lets it in.
      keys: unique(keys, ({ blob, ...line }) => Buffer.from(blob).toString('latin1') + JSON.stringify(line)),
      faults: revoked ? [] : faults,
    };
  }
}

export type ReadKeyring = (files: readonly KeyringFile[], place: Place) => readonly KeyringKey[];

/** Keys that have expired since are still found by their user ids until then; their signatures are refused all the same. */
const longestMemoryMs = 600_000;

/**
 * Reads a keyring that is as it was the last time only every ten minutes: that may take seconds, for which everybody
 * waits, and any user can have all keys read again by writing to his own.
 */
export function readingRarely(read: ReadKeyring = readKeyring): ReadKeyring {
  let last: { readonly digest: string; readonly at: number; readonly find: () => readonly KeyringKey[] };
  return (files, place) => {
    const hash = createHash('sha256');
    for (const { path, bytes } of files) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
    const digest = hash.digest('hex');
    if (last?.digest !== digest || performance.now() - last.at > longestMemoryMs) {
      const find = outcomeOf(() => read(files, place));
      last = { digest, at: performance.now(), find };
    }
    return last.find();
  };
}

/** What comes of it, again and again. */
function outcomeOf<Value>(act: () => Value): () => Value {
  try {
    const value = act();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

type Flaw = Omit<KeyFault, 'key' | 'index'>;

function openKeyring(path: string, place: Place, read: ReadKeyring): readonly KeyringKey[] {
  try {
    const paths = statSync(path).isDirectory() ? filesIn(path) : [path];
    return read(
      paths.map(file => ({ path: file, bytes: readTrustedFile(file, longestFile) })),
      place,
    );
  } catch (error) {
    if (error instanceof OperatorError) {
      throw new OperatorError(error.code, error.message, { ...place, hint: error.hint });
    }
    const isMissing = errorCode(error) === 'ENOENT';
    const why = isMissing ? 'no such file' : `cannot be read (${errorCode(error)})`;
    const hint = isMissing ? `write the keys of clients into it: gpg --export > ${path}` : undefined;
    throw new OperatorError('bad-keyring', `${path}: ${why}`, { ...place, hint });
  }
}

/** Not those that editors and copying leave behind. */
function filesIn(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true }).filter(
    entry => !entry.isDirectory() && !/^\.|~$/.test(entry.name),
  );
  return files.map(({ name }) => join(folder, name)).sort();
}

const states = {
  expired: 'has expired: its signatures are refused',
  revoked: 'is revoked: its signatures are refused',
  unusable: 'cannot be used: it is too weak (RSA needs 2048 bits), or no part of it may make signatures',
} as const;

function select(
  keyring: readonly KeyringKey[],
  text: string,
): { readonly key?: OpenpgpKey; readonly fault?: Flaw } {
  try {
    const { fingerprint, bytes, state } = selectKey(keyring, text);
    const key = { fingerprint, bytes };
    if (state === 'good') return { key };
    const message = `the key ${fingerprint.toUpperCase()} of "${text}" ${states[state]}`;
    return { key, fault: { message, isMistake: state === 'unusable' } };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { fault: { message: error.message, hint: error.hint, isMistake: true } };
  }
}

function keyItself(text: string): { readonly keys: readonly SshKey[]; readonly faults: readonly Flaw[] } {
  const found = readAuthorizedKey(text);
  if (typeof found === 'object') return { keys: [found], faults: [] };
  const message = `the key in "ssh_keys" cannot be used: ${found ?? 'it is a comment'}`;
  return { keys: [], faults: [{ message, isMistake: true }] };
}

function keysInFile(path: string): { readonly keys: readonly SshKey[]; readonly faults: readonly Flaw[] } {
  try {
    const { keys, odd } = readAuthorizedKeys(
      Buffer.from(readTrustedFile(path, longestFile)).toString('utf8'),
    );
    const shown = odd.slice(0, mostWarnings).map(({ line, why }) => `${path}:${line}: ${why}`);
    const more = odd.length - shown.length;
    const messages = [
      ...shown,
      ...(more > 0 ? [`${path}: and ${more} more lines that are no keys`] : []),
      ...(keys.length === 0 && odd.length === 0 ? [`${path}: holds no key`] : []),
    ];
    return { keys, faults: messages.map(message => ({ message, isMistake: false })) };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { keys: [], faults: [{ message: error.message, hint: error.hint, isMistake: false }] };
  }
}

function unique<Key>(keys: readonly Key[], nameOf: (key: Key) => string): Key[] {
  return [...new Map(keys.map(key => [nameOf(key), key])).values()];
}
