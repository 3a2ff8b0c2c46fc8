/** `portknock import` and `portknock profiles`: how profiles come in, and what there is. */
import { existsSync, readFileSync } from 'node:fs';
import type { DatagramProfile } from '../system/datagramprofile.js';
import { isHost } from '../system/document.js';
import { errorCode, OperatorError, OperatorErrors, report } from '../system/error.js';
import { isClassic, isProfileName, type Profile, parseProfile } from '../system/profile.js';
import { challengeWarnings } from './challengejob.js';
import { KnockError } from './failure.js';
import type { ClientOptions, Invocation } from './invocation.js';
import { loadProfile, longestProfile, profileNames, profilePath, saveProfile } from './profiles.js';
import { defaultServedDirectory, readUsers, servedTo, unknownUsers } from './served.js';

type Import = Extract<Invocation, { form: 'import' }>;

/** @returns the exit status @throws OperatorError, OperatorErrors */
export async function importProfile({ file, options }: Import): Promise<number> {
  const text = file === '-' ? await readInput() : readText(file);
  const named = renamed(parseProfile(text, { file: file === '-' ? 'standard input' : file }), options);
  const profile = options.for === undefined ? named : servedTo(named, readUsers(options.for));
  const folder = options.for === undefined ? undefined : (options.profiles ?? defaultServedDirectory);
  if (existsSync(profilePath(profile.name, folder)) && !options.force) {
    throw new OperatorError('profile-exists', `there is a profile "${profile.name}" already`, {
      hint: '--force replaces it, --name NAME keeps both',
    });
  }
  saveProfile(profile, folder);
  if (options.quiet) return 0;
  process.stdout.write(`imported ${summary(profile)}\n`);
  if (file !== '-') process.stderr.write(`portknock: hint: ${file} still holds the keys; delete it\n`);
  for (const warning of await warningsFor(profile)) process.stderr.write(`portknock: warning: ${warning}\n`);
  return 0;
}

async function warningsFor(profile: Profile): Promise<string[]> {
  switch (profile.method) {
    case 'port-sequence':
      return isClassic(profile.identity) ? ['whoever sees a classic knock can repeat it'] : [];
    case 'plain-sequence': {
      const isRepeatable = [...profile.doors.values()].some(({ sequence }) => sequence !== undefined);
      return isRepeatable ? ['whoever sees a plain sequence can repeat it'] : [];
    }
    case 'sequence-number':
      return unknownUsers(profile).map(
        user => `there is no user "${user}" here: nobody is given a connection by it`,
      );
    case 'datagram':
      return datagramWarnings(profile);
    case 'challenge':
      return challengeWarnings(profile);
  }
}

async function datagramWarnings(profile: DatagramProfile): Promise<string[]> {
  const { flawsOf, readCredentials } = await import('./credentials.js');
  const services = [...profile.doors.values()].flatMap(door => door.services);
  try {
    return flawsOf(readCredentials(profile), services, Date.now()).map(({ message }) => message);
  } catch (error) {
    if (error instanceof KnockError) return [error.message];
    throw error;
  }
}

function renamed(profile: Profile, { name = profile.name, host = profile.host }: ClientOptions): Profile {
  if (!isProfileName(name)) {
    throw new OperatorError('usage', `--name expected letters, digits, ".", "_" and "-", got "${name}"`, {
      hint: 'at most 63 of them, and not the name of a subcommand',
    });
  }
  if (host === undefined) {
    throw new OperatorError('usage', 'the profile names no host', { hint: 'add --host NAME-OR-ADDRESS' });
  }
  if (!isHost(host)) {
    throw new OperatorError('usage', `--host expected a name or an address, got "${host}"`);
  }
  return { ...profile, name, host };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, longestProfile);
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'no such file' : `cannot be read (${errorCode(error)})`;
    throw new OperatorError('unreadable-import', `${file}: ${why}`, {
      hint: 'make one on the server with: portknockd client add NAME --door DOOR',
    });
  }
}

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > longestProfile) break;
  }
  return text;
}

/** Lists the profiles. @returns the exit status: 1 where one cannot be read */
export function listProfiles({ json }: Pick<ClientOptions, 'json'>): number {
  let status = 0;
  const profiles = profileNames().flatMap(name => {
    try {
      return [loadProfile(name)];
    } catch (error) {
      if (!(error instanceof OperatorError) && !(error instanceof OperatorErrors)) throw error;
      status = report('portknock', error);
      return [];
    }
  });
  if (json) process.stdout.write(`${JSON.stringify(profiles.map(toDocument))}\n`);
  else for (const profile of profiles) process.stdout.write(`${summary(profile)}\n`);
  if (profiles.length === 0 && status === 0 && !json) {
    process.stderr.write('portknock: hint: no profile yet; keep one with: portknock import FILE\n');
  }
  return status;
}

function summary({ name, host, doors }: Profile): string {
  return `${name} (${host ?? 'no host'}): ${[...doors.keys()].join(', ')}`;
}

/** A profile without its secrets. */
function toDocument(profile: Profile): Record<string, unknown> {
  const { name, host, method, doors } = profile;
  const basePort = method === 'port-sequence' ? { base_port: profile.basePort } : {};
  return { name, host: host ?? null, method, ...basePort, doors: [...doors.keys()] };
}
