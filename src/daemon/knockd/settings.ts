/**
 * knockd.conf → Config: what knockd's doors are to this daemon. How the file is written is knockd/grammar.ts's.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAddress } from '../../net/address.js';
import { findAccount } from '../../system/account.js';
import { errorCode, OperatorError } from '../../system/error.js';
import type { Command, CommandDoor, Commands, Config } from '../config.js';
import { readOneTime } from '../onetime.js';
import { defaultStateDirectory, defaultUser } from '../schema.js';
import { noSequences } from '../turn.js';
import { sequenceWarnings } from '../weakness.js';
import { type KnockdConf, type KnockdDoor, readKnockdConf, requireSequence } from './grammar.js';

export const defaultKnockdConf = '/etc/knockd.conf';

/** What a command line says beside the file. */
export interface KnockdOptions {
  readonly interface?: string | undefined;
  readonly ipv4Only?: boolean;
  readonly scanGuard?: boolean;
  readonly user?: string | undefined;
  readonly stateDirectory?: string | undefined;
  readonly tellsPackets?: boolean;
  /** Where relative paths begin; where we are, by default. */
  readonly folder?: string;
  /** What cannot change while it runs, as it was at the start. */
  readonly started?: { readonly interface: string; readonly user: string } | undefined;
}

/** A configuration of knockd's, and what is not the daemon's business. */
export interface KnockdSettings {
  readonly config: Config;
  readonly conf: KnockdConf;
  /** What the file calls each door. */
  readonly titles: ReadonlyMap<string, string>;
}

const defaultInterface = 'eth0';
const defaultListener = 'nobody';

/** @param debug told what knockd -D says @throws OperatorError with knockd's words */
export function readKnockd(
  path: string,
  options: KnockdOptions = {},
  debug: (line: string) => void = () => {},
): KnockdSettings {
  const file = resolve(options.folder ?? '', path);
  const warnings: string[] = [];
  const nextOneTime = (named: string) =>
    readOneTime(resolve(options.folder ?? '', named), text => warnings.push(text)) ?? [];
  const surroundings = { interfaceIsGiven: options.interface !== undefined, nextOneTime };
  const text = readText(file);
  if (text.includes('\ufffd'))
    warnings.push(`${file}: not all of it is UTF-8: commands get ? for other bytes`);
  const conf = readKnockdConf(text, file, debug, surroundings);
  const wanted = options.interface ?? conf.interface ?? defaultInterface;
  const interfaceName = options.started?.interface ?? wanted;
  if (wanted !== interfaceName)
    warnings.push(`${file}: to listen at ${wanted} portknockd must be started anew`);
  const names = doorNames(conf.doors);
  for (const door of conf.doors) {
    const { oneTimeSequences: oneTime, name, sequence } = door;
    if (oneTime === undefined) requireSequence(door, file);
    else if (sequence.length === 0) warnings.push(`${file}:${oneTime.line}: ${noSequences(name)}`);
  }
  const doors = conf.doors.map((door, index) => toDoor(door, names[index]!, file, options, warnings));
  const config: Config = {
    file,
    stateDirectory: options.stateDirectory ?? join(defaultStateDirectory, `knockd-${interfaceName}`),
    user: options.started?.user ?? listenerUser(options.user, warnings),
    capture: { from: 'interface', interface: interfaceName, ipv6: options.ipv4Only !== true },
    group: 0,
    ...ours,
    doors,
    tellsStages: true,
    tellsPackets: options.tellsPackets === true,
    warnings: [...warnings, ...guardWarning(doors, options), ...sequenceWarnings(doors)],
  };
  return { config, conf, titles: new Map(conf.doors.map((door, index) => [names[index]!, door.name])) };
}

/** What knockd knows nothing of. */
const ours = {
  portSequence: undefined,
  sequenceNumber: undefined,
  datagram: undefined,
  challenge: undefined,
  firewall: { backend: 'nftables', rules: [] },
  alwaysAllow: [],
  clients: [],
} as const;

/** Reads it as often as wanted: for the daemon, which keeps to the place where it was started. */
export function knockdReader(
  path: string,
  options: KnockdOptions,
  debug?: (line: string) => void,
): () => KnockdSettings {
  let started: KnockdOptions['started'];
  return () => {
    const settings = readKnockd(path, { ...options, started }, debug);
    const { capture, user } = settings.config;
    if (capture.from === 'interface') started ??= { interface: capture.interface, user };
    return settings;
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT';
    throw new OperatorError(
      'no-config',
      `${file}: ${missing ? 'No such file or directory' : `cannot be read (${errorCode(error)})`}`,
      { hint: missing ? 'say where it is with -c' : 'run as the user who owns it' },
    );
  }
}

function listenerUser(given: string | undefined, warnings: string[]): string {
  if (given !== undefined) return given;
  if (findAccount(defaultUser) !== undefined) return defaultUser;
  warnings.push(
    `there is no user "${defaultUser}": the packets are read as "${defaultListener}"; give them a user of their own: adduser --system --group --no-create-home ${defaultUser}`,
  );
  return defaultListener;
}

function guardWarning(doors: readonly CommandDoor[], { scanGuard }: KnockdOptions): string[] {
  if (doors.length === 0 || scanGuard === true) return [];
  return [
    'scan_guard is off, as knockd has none: a port scan can knock by itself; turn it on with --scan-guard',
  ];
}

/** Names that fit into frames and journals, each once. */
function doorNames(doors: readonly KnockdDoor[]): string[] {
  const taken = new Set<string>();
  return doors.map(({ name }) => {
    const plain = name.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
    const base = (plain === '' ? 'door' : plain).slice(0, 28);
    let unique = base;
    for (let count = 2; taken.has(unique); count++) unique = `${base}.${count}`;
    taken.add(unique);
    return unique;
  });
}

function toDoor(
  door: KnockdDoor,
  name: string,
  file: string,
  { scanGuard, folder = '' }: KnockdOptions,
  warnings: string[],
): CommandDoor {
  const { oneTimeSequences: oneTime } = door;
  const target = targetOf(door, file, warnings);
  return {
    kind: 'command',
    name,
    command: undefined,
    // sleep(3) takes it without a sign.
    openForMs: (door.cmdTimeoutSeconds >>> 0) * 1000,
    sequence: {
      steps: target === 'nowhere' ? [] : door.sequence,
      timeoutMs: door.seqTimeoutSeconds * 1000,
      flags: door.flags,
      target: target === 'nowhere' ? undefined : target,
      allowDuplicates: false,
      scanGuard: scanGuard === true,
      oneTimeFile: oneTime && resolve(folder, oneTime.path),
      turn: 0,
    },
    run: commandsOf(door.startCommand, door.startCommand6),
    closeRun: closingOf(door),
    runAs: undefined,
    timeLimitMs: undefined,
  };
}

/** An empty start command runs nothing. */
function commandsOf(four: string | undefined, six: string | undefined): Commands {
  return { ipv4: shell(four || undefined), ipv6: shell((six ?? four) || undefined) };
}

function closingOf({ stopCommand, stopCommand6 }: KnockdDoor): Commands | undefined {
  if (stopCommand === undefined && stopCommand6 === undefined) return undefined;
  return { ipv4: shell(stopCommand), ipv6: shell(stopCommand6 ?? stopCommand) };
}

function shell(text: string | undefined): Command | undefined {
  return text === undefined ? undefined : { shell: text };
}

/** knockd compares texts, so what is no address is never knocked at. */
function targetOf(
  { target, name, line }: KnockdDoor,
  file: string,
  warnings: string[],
): Uint8Array | 'nowhere' | undefined {
  if (target === undefined) return undefined;
  const address = parseAddress(target);
  if (address !== undefined) return address;
  warnings.push(`${file}:${line}: door "${name}": target ${target} is no address, so nobody can knock at it`);
  return 'nowhere';
}
