/** The user's profiles: one file each, readable by the user alone. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closestMatch } from 'leven';
import { errorCode, OperatorError } from '../system/error.js';
import { formatProfile, isProfileName, type Profile, parseProfile } from '../system/profile.js';
import { readSecretFile } from '../system/secret.js';
import { replaceFile } from './files.js';
import { profilesDirectory } from './folders.js';

const extension = '.json';
const subcommands = [
  'import',
  'proxy',
  'connect',
  'profiles',
  'sequence',
  'datagram',
  'challenge',
  'ca',
  'socket-service',
];
/** Far more than the doors of any server take. */
export const longestProfile = 65_536;

/** Where the profile of a name is kept. @param folder the user's own, or that of the socket service */
export function profilePath(name: string, folder = profilesDirectory()): string {
  return join(folder, `${name}${extension}`);
}

/** The names of all profiles, sorted. @throws OperatorError */
export function profileNames(): string[] {
  try {
    return readdirSync(profilesDirectory())
      .filter(file => file.endsWith(extension))
      .map(file => file.slice(0, -extension.length))
      .filter(isProfileName)
      .sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    const message = `${profilesDirectory()}: cannot be read (${errorCode(error)})`;
    throw new OperatorError('unreadable-profiles', message, { hint: 'run as the user who owns it' });
  }
}

/** @throws OperatorError, OperatorErrors */
export function loadProfile(name: string): Profile {
  const path = profilePath(name);
  if (!isProfileName(name)) throw unknownProfile(name);
  let text: string;
  try {
    text = readSecretFile(path, {}, longestProfile);
  } catch (error) {
    throw error instanceof OperatorError && error.code === 'no-secret' ? unknownProfile(name) : error;
  }
  // The file's name is what the user calls it, whatever the server called it.
  return { ...parseProfile(text, { file: path }), name };
}

/** Keeps a profile under its name, also after a power cut. @throws OperatorError */
export function saveProfile(profile: Profile, folder?: string): void {
  const path = profilePath(profile.name, folder);
  try {
    replaceFile(path, formatProfile(profile), true);
  } catch (error) {
    const message = `${path}: cannot be written (${errorCode(error)})`;
    throw new OperatorError('unwritable-profile', message, {
      hint:
        folder === undefined
          ? 'see that the folder is yours and has room, or set XDG_CONFIG_HOME to another'
          : 'run as root, or give another folder with --profiles',
    });
  }
}

function unknownProfile(name: string): OperatorError {
  const names = profileNames();
  const near = closestMatch(name, [...names, ...subcommands], { maxDistance: 2 });
  const mended = near === undefined ? '' : `did you mean "${near}"? `;
  const there = names.length === 0 ? 'there is none yet' : `there are: ${names.join(', ')}`;
  return new OperatorError('no-profile', `no profile "${name}"`, {
    hint: `${mended}${there}; keep a new one with: portknock import FILE`,
  });
}
