/** `portknock challenge HOST DOOR`, and profiles of challenges: what they say, as the request that it is. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type ChallengeProfile,
  isChallengeDoor,
  isSiteName,
  type SigningKey,
} from '../system/challengeprofile.js';
import { dashed } from '../system/command-line.js';
import { OperatorError } from '../system/error.js';
import { readKeyFile } from '../system/secret.js';
import { profilesDirectory } from './folders.js';
import { type ClientOptions, type Invocation, portArgument } from './invocation.js';
import { findPassword } from './password.js';
import type { ChallengeRequest } from './request.js';
import type { ChallengeKey } from './signing/key.js';

type Challenge = Extract<Invocation, { form: 'challenge' }>;

const example =
  'such as: portknock challenge HOST ssh --port 62201 --site-key-file site.key --user "John Doe"';

/** @throws OperatorError */
export function challengeArguments({ door, options }: Challenge): ChallengeRequest {
  const { port, siteKeyFile, site } = options;
  if (port === undefined) throw new OperatorError('usage', 'missing: --port', { hint: example });
  if (!isChallengeDoor(door)) {
    throw new OperatorError('usage', `DOOR expected the name of a door, got "${door}"`, {
      hint: 'at most 32 letters, digits, ".", "_" and "-", as it is called on the server',
    });
  }
  return {
    method: 'challenge',
    port: portArgument('--port', port),
    ...serverArgument(siteKeyFile, site),
    door,
    sign: keyArgument(options),
  };
}

function serverArgument(
  siteKeyFile: string | undefined,
  site: string | undefined,
): Pick<ChallengeRequest, 'siteKey' | 'site'> {
  if ((siteKeyFile === undefined) === (site === undefined)) {
    const problem =
      site === undefined ? 'missing: --site-key-file' : '--site does not go with --site-key-file';
    throw new OperatorError('usage', problem, {
      hint: 'the key that all clients of the server have; or --site NAME where it has none (stealth = false)',
    });
  }
  if (siteKeyFile !== undefined) return { siteKey: readKeyFile(siteKeyFile) };
  if (isSiteName(site!)) return { site };
  throw new OperatorError(
    'usage',
    `--site expected 1 to 64 letters, digits, ".", "_" and "-", got "${site}"`,
  );
}

const keyOptions = ['user', 'keyFile', 'sshKey', 'ssh'] as const;

function keyArgument(options: ClientOptions): ChallengeKey {
  const { user, keyFile, sshKey, ssh, passwordFile } = options;
  const given = keyOptions.filter(name => options[name] !== undefined && options[name] !== false);
  if (given.length !== 1) {
    const problem =
      given.length === 0 ? 'no key to sign with' : `${given.map(dashed).join(' and ')} exclude each other`;
    throw new OperatorError('usage', problem, {
      hint: '--user UID for gpg, --key-file FILE for an OpenPGP key, --ssh for ssh-agent, or --ssh-key FILE',
    });
  }
  if (passwordFile !== undefined && keyFile === undefined) {
    throw new OperatorError('usage', '--password-file is about --key-file', {
      hint: 'gpg, ssh-agent and ssh-keygen ask for themselves',
    });
  }
  if (user !== undefined) return { gpg: user };
  if (keyFile !== undefined) return withPassword(keyFile, passwordFile);
  return ssh ? { ssh: 'agent' } : { ssh: sshPath(sshKey!) };
}

/** A file that has the name of the other way is one all the same. */
function sshPath(path: string): string {
  return path === 'agent' ? './agent' : path;
}

function withPassword(keyFile: string, passwordFile: string | undefined): ChallengeKey {
  return { keyFile, password: () => findPassword(passwordFile, keyFile) };
}

/** A door of a profile. @throws OperatorError `usage` */
export function challengeRequest(
  { method, port, server, sign }: ChallengeProfile,
  door: string,
  options: ClientOptions,
): ChallengeRequest {
  for (const name of ['address', 'raw', 'delay'] as const) {
    if (options[name] === undefined || options[name] === false) continue;
    throw new OperatorError('usage', `${dashed(name)} has no meaning for a challenge`, {
      hint: name === 'address' ? 'the server signs for the address that it sees' : undefined,
    });
  }
  return { method, port, ...server, door, sign: foundKey(sign, options.passwordFile) };
}

function foundKey(sign: SigningKey, passwordFile: string | undefined): ChallengeKey {
  const path = keyPath(sign);
  if (path === undefined) return sign as ChallengeKey;
  return 'ssh' in sign ? { ssh: path } : withPassword(path, passwordFile);
}

/** Where the key of a profile is; undefined where it is in no file of ours. */
export function keyPath(sign: SigningKey): string | undefined {
  if ('gpg' in sign || ('ssh' in sign && sign.ssh === 'agent')) return undefined;
  const path = 'ssh' in sign ? sign.ssh : sign.keyFile;
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(profilesDirectory(), path);
}

/** What a user should know who keeps this profile. */
export function challengeWarnings({ sign }: ChallengeProfile): string[] {
  const path = keyPath(sign);
  if (path === undefined || existsSync(path) || existsSync(`${path}.pub`)) return [];
  return [`there is no ${path}, with which it signs`];
}
