/**
 * The profiles that the socket service connects with, and who may have which: files of a folder that nobody but their
 * owner can change, as `portknock import --for` makes them.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findAccount } from '../system/account.js';
import { errorCode, OperatorError, OperatorErrors } from '../system/error.js';
import { isUserName, type SequenceNumberProfile } from '../system/numberprofile.js';
import { isProfileName, type Profile, parseProfile } from '../system/profile.js';
import { readSecretFile } from '../system/secret.js';
import { longestProfile } from './profiles.js';
import type { SocketRequest } from './socketrequest.js';

/** The folder of the profiles, unless told otherwise. */
export const defaultServedDirectory = '/etc/portknock/sockets';

const extension = '.json';
const othersMayWrite = 0o022;

/** Told of a profile that cannot be used; the others are. */
export type OnMistake = (error: OperatorError | OperatorErrors) => void;

/**
 * The profiles whose users include this one. Nothing else of any profile is looked at later: what is not for somebody
 * is to him as if it were not there.
 * @throws OperatorError where the folder cannot be used
 */
export function profilesFor(uid: number, folder: string, onMistake: OnMistake): SequenceNumberProfile[] {
  const isAsker = askerTest(uid);
  return profileFiles(folder).flatMap(file => {
    try {
      const profile = readServed(join(folder, file), file.slice(0, -extension.length));
      return profile.users.some(isAsker) ? [profile] : [];
    } catch (error) {
      if (!(error instanceof OperatorError) && !(error instanceof OperatorErrors)) throw error;
      onMistake(error);
      return [];
    }
  });
}

/** Which of the profiles serves a request: the first, by the names of their files. */
export function chooseServed(
  profiles: readonly SequenceNumberProfile[],
  { name, host, port }: SocketRequest,
): SequenceNumberProfile | undefined {
  return profiles.find(
    profile =>
      (name === undefined || name === profile.name) &&
      // ssh hands over the alias where its configuration says no more.
      (host === undefined || isSame(host, profile.host) || host === profile.name) &&
      [...profile.doors.values()].some(({ services }) => services.includes(`tcp/${port}`)),
  );
}

/** The users of `--for`. @throws OperatorError `usage` */
export function readUsers(list: string): string[] {
  const users = list.split(',');
  const wrong = users.find(user => !isUserName(user));
  if (wrong === undefined) return [...new Set(users)];
  throw new OperatorError('usage', `--for expected names or numbers of users, got "${wrong}"`, {
    hint: 'such as --for alice or --for alice,bob',
  });
}

/** A profile for the socket service, which connects these users with it and nobody else. @throws OperatorError */
export function servedTo(profile: Profile, users: readonly string[]): SequenceNumberProfile {
  if (profile.method !== 'sequence-number') throw wrongMethod(profile);
  const hasService = [...profile.doors.values()].some(({ services }) => services.length > 0);
  if (hasService) return { ...profile, users };
  throw new OperatorError(
    'no-service',
    `the profile "${profile.name}" does not say what is behind its doors`,
    {
      hint: 'the socket service connects to what is named there alone: add "services": ["tcp/22"] to a door',
    },
  );
}

/** The users of a profile that are not on this machine. */
export function unknownUsers({ users }: SequenceNumberProfile): string[] {
  return users.filter(user => !isNumber(user) && findAccount(user) === undefined);
}

function isSame(host: string, other: string | undefined): boolean {
  return host.toLowerCase() === other?.toLowerCase();
}

function askerTest(uid: number): (user: string) => boolean {
  // Asking for a name takes longer than all else here; profiles mostly have the same ones.
  const uids = new Map<string, number | undefined>();
  return user => {
    if (isNumber(user)) return Number(user) === uid;
    if (!uids.has(user)) uids.set(user, findAccount(user)?.uid);
    return uids.get(user) === uid;
  };
}

function isNumber(user: string): boolean {
  return /^\d+$/.test(user);
}

function profileFiles(folder: string): string[] {
  try {
    requireOurs(folder, othersMayWrite);
    return readdirSync(folder)
      .filter(file => file.endsWith(extension) && isProfileName(file.slice(0, -extension.length)))
      .sort();
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const hint = 'keep a profile there with: portknock import FILE --for USER';
    throw new OperatorError('unreadable-profiles', `${folder}: cannot be read (${errorCode(error)})`, {
      hint,
    });
  }
}

function readServed(path: string, name: string): SequenceNumberProfile {
  requireOurs(path, 0);
  const profile = parseProfile(readSecretFile(path, {}, longestProfile), { file: path });
  if (profile.method === 'sequence-number') return { ...profile, name };
  throw wrongMethod(profile, path);
}

function wrongMethod({ method }: Profile, file?: string): OperatorError {
  return new OperatorError('bad-profile', `"method" expected "sequence-number", got "${method}"`, {
    file,
    hint: 'other doors are knocked for without any privilege, by each user himself: portknock proxy',
  });
}

/** Refuses what somebody else may have put there. */
function requireOurs(path: string, forbidden: number): void {
  const { uid, mode } = statSync(path);
  if (uid !== 0 && uid !== process.geteuid?.()) {
    throw new OperatorError('open-secret', `${path}: belongs to user ${uid}`, { hint: `chown root ${path}` });
  }
  if ((mode & forbidden) === 0) return;
  throw new OperatorError('open-secret', `${path}: others than its owner may write to it`, {
    hint: `chmod 700 ${path}`,
  });
}
