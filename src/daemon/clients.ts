/** `portknockd client add`, `list`, `remove`: changes to the configuration's text that leave the rest of it as it is. */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { encodeKey, keyLength } from '../crypto/key.js';
import type { ProfileAccess } from '../system/document.js';
import { OperatorError } from '../system/error.js';
import type { SequenceNumberProfile } from '../system/numberprofile.js';
import { isProfileName, type PortSequenceProfile, type ProfileDoor } from '../system/profile.js';
import type { ClientSettings, Config, Door, SealedClientSettings } from './config.js';
import { createFile, replaceFile } from './files.js';
import { describeKeys } from './keynames.js';
import { formatService, namePattern } from './schema.js';
import { readConfig } from './settings.js';
import { readToml } from './toml.js';

export interface ClientRequest {
  readonly name: string;
  readonly doors: readonly string[];
  /** Where the client finds this server. */
  readonly host: string | undefined;
  readonly address: 'required' | 'optional';
  /** Whether it is to connect with sequence numbers where its doors can be knocked for too. */
  readonly sequenceNumber: boolean;
}

/**
 * Adds a client with a fresh secret: a psk for sequence numbers where that is wanted, or where no client can open its doors
 * otherwise; else a key. @returns its profile @throws OperatorError(s); then nothing has changed
 */
export function addClient(
  config: Config,
  request: ClientRequest,
): PortSequenceProfile | SequenceNumberProfile {
  requireNewClient(config, request);
  const doors = config.doors.filter(({ name }) => request.doors.includes(name));
  const cannot = doors.find(door => !takesNumbers(door));
  if (request.sequenceNumber && cannot !== undefined) {
    throw new OperatorError('usage', `door "${cannot.name}" takes no sequence numbers`, {
      hint: 'write sequence_number = true into its table, or leave out --sequence-number',
    });
  }
  return request.sequenceNumber || doors.every(isForNumbersAlone)
    ? addNumberClient(config, request, doors)
    : addSealedClient(config, request);
}

function takesNumbers(door: Door): boolean {
  return door.kind === 'services' && door.sequenceNumber;
}

function isForNumbersAlone(door: Door): boolean {
  return takesNumbers(door) && door.command === undefined;
}

function addNumberClient(
  config: Config,
  { name, host }: ClientRequest,
  doors: readonly Door[],
): SequenceNumberProfile {
  const psk = randomBytes(keyLength).toString('hex');
  const file = join(dirname(config.file), `${name}.psk`);
  const lines = [`psk_file = "${basename(file)}"`, doorsLine(doors)];
  addWithSecret(config, name, file, `${psk}\n`, lines);
  const { periodMs, toleranceMs, port } = config.sequenceNumber!;
  const services = doors.map((door): [string, ProfileAccess] => [
    door.name,
    { services: door.kind === 'services' ? door.services.map(formatService) : [], singleUse: false },
  ]);
  return {
    name: profileName(host ?? hostname()),
    host,
    method: 'sequence-number',
    psk,
    periodSeconds: periodMs / 1000,
    toleranceSeconds: toleranceMs / 1000,
    macPort: port,
    users: [],
    doors: new Map(services),
  };
}

function addSealedClient(config: Config, request: ClientRequest): PortSequenceProfile {
  const { name, doors, host, address } = request;
  requireSiteKey(config);
  const id = freeId(config);
  const key = randomBytes(keyLength);
  const file = join(dirname(config.file), `${name}.key`);
  addWithSecret(config, name, file, encodeKey(key), [
    `id = ${id}`,
    `key_file = "${basename(file)}"`,
    doorsLine(doors.map(name => ({ name }))),
    `address = "${address}"`,
  ]);
  const addressRequired = address === 'required';
  return profileOf(config, { kind: 'sealed', name, doors, revoked: false, id, key, addressRequired }, host);
}

export function doorsLine(doors: readonly { readonly name: string }[]): string {
  return `doors = [${doors.map(({ name }) => `"${name}"`).join(', ')}]`;
}

/** Makes a client's secret file, and its table in the configuration; both, or neither. */
function addWithSecret(config: Config, name: string, file: string, secret: string, lines: string[]): void {
  createFile(file, secret, 0o600);
  try {
    addTable(config, name, lines, () => {});
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}

/** Puts a client's table behind the configuration. @param check what the new one must come to, or it throws */
export function addTable(
  config: Config,
  name: string,
  lines: readonly string[],
  check: (config: Config) => void,
): void {
  const text = readFileSync(config.file, 'utf8').trimEnd();
  const table = ['[[client]]', `name = "${name}"`, ...lines].join('\n');
  replaceFile(config.file, `${text}\n\n${table}\n`, path => check(readConfig(path)));
}

export function requireNewClient(
  config: Config,
  { name, doors }: Pick<ClientRequest, 'name' | 'doors'>,
): void {
  if (!namePattern.test(name)) {
    throw new OperatorError(
      'usage',
      `"${name}" is no name for a client: at most 32 letters, digits, ".", "_" and "-"`,
    );
  }
  if (config.clients.some(client => client.name === name)) {
    throw new OperatorError('exists', `there is a client "${name}" already`, {
      hint: 'portknockd client list',
    });
  }
  const known = config.doors.map(door => door.name);
  const unknown = doors.find(door => !known.includes(door));
  const hint = `doors are: ${known.join(', ')}`;
  if (unknown !== undefined) throw new OperatorError('no-door', `there is no door "${unknown}"`, { hint });
  if (doors.length === 0) throw new OperatorError('usage', 'name at least one door with --door', { hint });
}

function requireSiteKey(config: Config): void {
  if (config.portSequence?.siteKey !== undefined) return;
  throw new OperatorError('no-site-key', 'the configuration has no [port_sequence] with "site_key_file"', {
    file: config.file,
  });
}

/** An id is never given twice, not even when its client is revoked. */
function freeId(config: Config): number {
  const taken = new Set(config.clients.map(client => (client.kind === 'sealed' ? client.id : -1)));
  for (let id = 1; id <= 0xffff; id++) if (!taken.has(id)) return id;
  throw new OperatorError('no-id', 'all 65535 client ids are taken');
}

function profileOf(
  config: Config,
  client: SealedClientSettings,
  host: string | undefined,
): PortSequenceProfile {
  const { basePort, spelling, siteKey } = config.portSequence!;
  const doors = config.doors
    .filter(({ name }) => client.doors.includes(name))
    .flatMap((door): [string, ProfileDoor][] => {
      const { name, command } = door;
      // What a client may not ask for is refused where the configuration is read.
      if (command === undefined) return [];
      if (door.kind === 'command') return [[name, { command, services: [], singleUse: false }]];
      return [[name, { command, services: door.services.map(formatService), singleUse: door.singleUse }]];
    });
  return {
    name: profileName(host ?? hostname()),
    host,
    method: 'port-sequence',
    basePort,
    spelling,
    identity: {
      clientId: client.id,
      siteKey: siteKey!,
      key: client.key,
      // A client that must bind its address binds the one that it has, private or not: the server may be next door.
      address: client.addressRequired ? 'local' : 'auto',
    },
    doors: new Map(doors),
  };
}

/** What the profile is called unless its owner says otherwise: the first word of the server's name. */
export function profileName(host: string): string {
  const isAddress = /^[\d.]+$|:/.test(host);
  const word = isAddress ? host.replaceAll(':', '-') : (host.split('.')[0] ?? '');
  const name = word
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 32);
  return isProfileName(name) ? name : 'server';
}

/** Refuses a client from now on. Its id stays taken, and its name is known when it tries. @throws OperatorError(s) */
export function removeClient(config: Config, name: string): void {
  const index = config.clients.findIndex(client => client.name === name);
  if (index < 0) {
    const known = config.clients.map(client => client.name).join(', ');
    const hint = known === '' ? 'there is none at all' : `clients are: ${known}`;
    throw new OperatorError('no-client', `there is no client "${name}"`, { hint });
  }
  if (config.clients[index]!.revoked)
    throw new OperatorError('revoked', `client "${name}" has been removed already`);
  const lines = readFileSync(config.file, 'utf8').split('\n');
  const document = readToml(lines.join('\n'), config.file);
  const given = (document.value['client'] as Record<string, unknown>[])[index]!;
  const line = document.lineOf(['client', index, 'revoked' in given ? 'revoked' : 'name']);
  if ('revoked' in given) lines[line - 1] = lines[line - 1]!.replace('false', 'true');
  else lines.splice(line, 0, `revoked = true # by "portknockd client remove", ${new Date().toISOString()}`);
  replaceFile(config.file, lines.join('\n'), path => {
    if (readConfig(path).clients[index]?.revoked !== true) {
      throw new OperatorError('not-revoked', `cannot revoke "${name}" in this file; write: revoked = true`, {
        file: config.file,
        line,
      });
    }
  });
}

/** One row a client, for people. */
export function listClients({ clients }: Config): string {
  const rows = [
    ['NAME', 'ID', 'DOORS', 'ADDRESS'],
    ...clients.map(client => [client.name, ...identity(client), client.revoked ? 'removed' : '']),
  ];
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(
      row =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function identity(client: ClientSettings): [id: string, doors: string, address: string] {
  const doors = client.doors.join(',');
  if (client.kind === 'classic') return ['-', doors, 'classic (can be replayed)'];
  if (client.kind === 'psk') return ['-', doors, 'sequence numbers'];
  if (client.kind === 'signer') return ['-', doors, describeKeys(client)];
  return [String(client.id), doors, client.addressRequired ? 'required' : 'optional'];
}
