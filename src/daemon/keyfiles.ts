/**
 * The public keys of clients who answer challenges: out of a keyring of OpenPGP, out of authorized_keys and .pub files of SSH,
 * or as they stand in portknockd.toml.
 *
 * Files of SSH are their users' own: what is wrong there costs that user his keys, and is never a mistake of the configuration.
 */
import { parseAuthorizedKeys } from '../crypto/authorizedkeys.js';
import { sshFingerprint } from '../crypto/sshkey.js';
import type { OpenpgpKey, SshKey } from '../methods/challenge/site.js';
import { OperatorError, type Place } from '../system/error.js';
import { type Keyring, readKeyring, selectKey } from '../system/keyring.js';
import { readTrustedFile } from '../system/trusted.js';
import type { KeySource, KeySources } from './config.js';

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

export interface ClientKeys {
  readonly openpgp: readonly OpenpgpKey[];
  readonly ssh: readonly SshKey[];
  readonly faults: readonly KeyFault[];
}

const longestFile = 1 << 20;
/** Of one file: nobody reads more of them. */
const mostWarnings = 10;

/** Whether it is a key rather than the path of a file with keys. */
export function isSshKey(text: string): boolean {
  return /(?:^|[\s,"])(?:ssh|ecdsa|sk)-[\w@.-]+\s+AAAA/.test(text);
}

/** What the keys of clients are read from; the keyring is read when somebody needs it, and once. */
export class KeyFiles {
  readonly #path: string | undefined;
  readonly #place: Place;
  #keyring: Keyring | undefined;

  /** @param place where the keyring is named */
  constructor(path: string | undefined, place: Place) {
    this.#path = path;
    this.#place = place;
  }

  /** @throws OperatorError(s) where the keyring cannot be read */
  read({ client, revoked, openpgp, ssh }: KeySource): ClientKeys {
    const faults: KeyFault[] = [];
    const found = {
      openpgp: openpgp.flatMap((text, index) => this.#openpgp(text, fault => faults.push({ ...fault, key: 'openpgp', index }))),
      ssh: ssh.flatMap((text, index) => readSsh(text, fault => faults.push({ ...fault, key: 'ssh_keys', index }))),
    };
    // Its keys serve to tell who it was; where they are gone, nothing is wrong.
    return { ...withoutDoubles(found), faults: revoked ? [] : faults };
  }
}
