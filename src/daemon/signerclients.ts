/** `portknockd client add` with --openpgp or --ssh-keys: somebody whose keys there are already, and no new secret. */
import { accessSync, constants } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { ChallengeProfile } from '../system/challengeprofile.js';
import type { ProfileAccess } from '../system/document.js';
import { errorCode, OperatorError } from '../system/error.js';
import { addTable, type ClientRequest, doorsLine, profileName, requireNewClient } from './clients.js';
import type { ChallengeSettings, Config, SignerClientSettings } from './config.js';
import { isSshKey } from './keyfiles.js';
import { formatService } from './schema.js';

export interface SignerRequest extends Pick<ClientRequest, 'name' | 'doors' | 'host'> {
  /** User ids and fingerprints in the keyring. */
  readonly openpgp: readonly string[];
  /** Paths from the current folder, and keys themselves. */
  readonly sshKeys: readonly string[];
}

/**
 * @param warn told what is odd about its keys
 * @returns its profile @throws OperatorError(s); then nothing has changed
 */
export function addSignerClient(
  config: Config,
  request: SignerRequest,
  warn: (text: string) => void,
): ChallengeProfile {
  const { name, openpgp } = request;
  requireNewClient(config, request);
  const challenge = requireChallenges(config);
  const ssh = request.sshKeys.map(text => (isSshKey(text) ? text.trim() : requireFile(resolve(text))));
  const lines = [
    ...(openpgp.length === 0 ? [] : [`openpgp = ${toml(openpgp)}`]),
    ...(ssh.length === 0 ? [] : [`ssh_keys = ${toml(ssh)}`]),
    doorsLine(request.doors.map(door => ({ name: door }))),
  ];
  const odd: string[] = [];
  let added: SignerClientSettings | undefined;
  addTable(config, name, lines, ({ clients, warnings }) => {
    const client = clients.find(each => each.name === name);
    if (client?.kind === 'signer') added = client;
    const start = `client "${name}": `;
    odd.push(...warnings.filter(text => text.includes(start)).map(text => text.slice(text.indexOf(start))));
    requireKeys(added, openpgp.length > 0, ssh.length > 0, odd[0]);
  });
  odd.forEach(warn);
  return profileOf(config, challenge, request, added!);
}

function requireChallenges({ challenge, file }: Config): ChallengeSettings {
  if (challenge !== undefined) return challenge;
  throw new OperatorError('no-challenge', 'the configuration has no section [challenge]', {
    file,
    hint: 'it says where signatures are asked for: [challenge], with "port" and "site_key_file"',
  });
}

/** What may be missing later must not be from the beginning. */
function requireFile(path: string): string {
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'no such file' : `cannot be read (${errorCode(error)})`;
    throw new OperatorError('no-keys', `${path}: ${why}`, { hint: 'ssh-keygen -t ed25519 makes a key' });
  }
}

function requireKeys(
  client: SignerClientSettings | undefined,
  wantsOpenpgp: boolean,
  wantsSsh: boolean,
  why: string | undefined,
): void {
  const lacksOpenpgp = wantsOpenpgp && client?.openpgp.length === 0;
  const lacksSsh = wantsSsh && client?.ssh.length === 0;
  if (!lacksOpenpgp && !lacksSsh) return;
  const what = `no ${lacksOpenpgp ? 'OpenPGP' : 'SSH'} key can be used`;
  throw new OperatorError('no-keys', why === undefined ? what : `${what}: ${why}`);
}

/** A basic string of TOML has the escapes of JSON's. */
function toml(texts: readonly string[]): string {
  return texts.length === 1
    ? JSON.stringify(texts[0])
    : `[${texts.map(text => JSON.stringify(text)).join(', ')}]`;
}

function profileOf(
  config: Config,
  { port, siteKey, site }: ChallengeSettings,
  { doors, host }: SignerRequest,
  { openpgp: [first] }: SignerClientSettings,
): ChallengeProfile {
  const opened = config.doors.filter(({ name }) => doors.includes(name));
  return {
    name: profileName(host ?? hostname()),
    host,
    method: 'challenge',
    port,
    server: siteKey === undefined ? { site } : { siteKey },
    sign: first === undefined ? { ssh: 'agent' } : { gpg: first.fingerprint.toUpperCase() },
    doors: new Map(
      opened.map((door): [string, ProfileAccess] => [
        door.name,
        door.kind === 'services'
          ? { services: door.services.map(formatService), singleUse: door.singleUse }
          : { services: [], singleUse: false },
      ]),
    ),
  };
}
