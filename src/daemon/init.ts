/** `portknockd init`: a working configuration with fresh keys, in a folder that had none. */
import { randomBytes, randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { encodeKey, keyLength } from '../crypto/key.js';
import { highestBasePort, offsetIn, type Spelling, windowLength } from '../methods/port-sequence/spelling.js';
import { parseNetwork } from '../net/address.js';
import { makeFolders } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';
import { createFile } from './files.js';
import { namePattern, parseService } from './schema.js';
import { readConfig } from './settings.js';

/** Where a window is chosen by chance: above what is registered, below what Linux gives to clients. */
const lowestRandomBase = 10_000;
const highestRandomPort = 32_767;

export interface InitRequest {
  readonly directory: string;
  /** `ssh=tcp/22` or `web=tcp/80,tcp/443`. */
  readonly doors: readonly string[];
  readonly user: string;
  readonly basePort: number | undefined;
  /** Undefined: spread. */
  readonly spelling: Spelling | undefined;
  /** Whether doors are for sequence numbers, and not for knocks. */
  readonly sequenceNumber: boolean;
  /** Whether doors are for who answers challenges, and not for knocks; a port to answer them at, 0 for one by chance. */
  readonly challenge: number | undefined;
  /** Networks in text. */
  readonly alwaysAllow: readonly string[];
}

/** Writes portknockd.toml, and site.key for knocks. @returns the path of the first @throws OperatorError; then nothing is left over */
export function init(request: InitRequest): string {
  const text = configurationText(request);
  try {
    makeFolders(request.directory, 0o755);
  } catch (error) {
    throw new OperatorError('no-directory', `${request.directory}: cannot be made (${errorCode(error)})`, {
      hint: 'run as root, or name another with --directory',
    });
  }
  const file = join(request.directory, 'portknockd.toml');
  const keyFile = join(request.directory, 'site.key');
  // First, for it is the one that must not be there yet.
  createFile(file, text, 0o644);
  const made = [file];
  try {
    if (!request.sequenceNumber) {
      createFile(keyFile, encodeKey(randomBytes(keyLength)), 0o600);
      made.push(keyFile);
    }
    readConfig(file);
  } catch (error) {
    for (const path of made) rmSync(path);
    throw error;
  }
  return file;
}

function configurationText(request: InitRequest): string {
  const { doors, user, alwaysAllow, sequenceNumber, challenge } = request;
  const isNumbered = !sequenceNumber && challenge === undefined;
  const networks = alwaysAllow.map(text => {
    const network = parseNetwork(text);
    if (network !== undefined) return JSON.stringify(network.text);
    throw new OperatorError('usage', `--always-allow expected an address or a network, got "${text}"`);
  });
  return `# portknockd's configuration; portknockd.8 explains every key.
# Try a change with: portknockd check

user = "${user}"

${sectionText(request)}
[guard]
# These reach every service without knocking.
always_allow = [${networks.join(', ')}]
${doors.map((door, index) => doorText(door, isNumbered ? index + 1 : undefined, sequenceNumber)).join('')}
# Clients follow here: portknockd client add NAME --door DOOR --host THIS-HOST${challenge === undefined ? '' : clientText(doors)}
`;
}

function sectionText(request: InitRequest): string {
  if (request.challenge !== undefined) return challengeSection(request, request.challenge);
  return request.sequenceNumber ? numberSection(request) : windowSection(request);
}

function refuseWindow({ basePort, spelling }: InitRequest, option: string): void {
  if (basePort === undefined && spelling === undefined) return;
  const stray = basePort === undefined ? '--spelling' : '--base-port';
  throw new OperatorError('usage', `${stray} has no meaning with ${option}: nothing is knocked`);
}

function challengeSection(request: InitRequest, port: number): string {
  refuseWindow(request, '--challenge');
  if (request.sequenceNumber) {
    throw new OperatorError('usage', '--challenge and --sequence-number exclude each other', {
      hint: 'write the other section into the file',
    });
  }
  return `[challenge]
# Who answers a challenge with a signature of SSH or OpenPGP is let in. Nobody without the site key is answered.
port = ${port === 0 ? randomPort(request.doors) : port}
site_key_file = "site.key"
# keyring = "keyring.gpg" # gpg --export --output keyring.gpg NAME...
`;
}

/** Clear of the services that are to be opened. */
function randomPort(doors: readonly string[]): number {
  const taken = doors.flatMap(door => door.split(/[=,]/)).map(service => parseService(service)?.port);
  const ports = Array.from(
    { length: highestRandomPort - lowestRandomBase + 1 },
    (_, at) => lowestRandomBase + at,
  );
  const free = ports.filter(port => !taken.includes(port));
  return free[randomInt(free.length)]!;
}

function clientText(doors: readonly string[]): string {
  return `
# with --ssh-keys FILE-OR-KEY or --openpgp USER-ID; or by hand:
#
# [[client]]
# name = "john"
# ssh_keys = "/home/john/.ssh/authorized_keys"
# doors = ["${doors[0]?.split('=')[0]}"]`;
}

function numberSection(request: InitRequest): string {
  refuseWindow(request, '--sequence-number');
  return `[sequence_number]
# Each number is good for so long, and so much longer for clocks that differ.
period = "30s"
tolerance = "30s"
`;
}

function windowSection({ doors, basePort, spelling = 'spread' }: InitRequest): string {
  const base = basePort ?? randomBase(doors, spelling);
  const most = highestBasePort[spelling];
  if (base > most) {
    throw new OperatorError('usage', `--base-port expected 1 to ${most}, got ${base}`, {
      hint: `the window of the ${spelling} spelling has ${windowLength[spelling]} ports`,
    });
  }
  return `[port_sequence]
# A knock is ${spelling === 'spread' ? 'any 19 of 32 SYNs, in any order' : '16 SYNs in order'}; every client's profile says the same.
spelling = "${spelling}"
base_port = ${base}
site_key_file = "site.key"
`;
}

/** A window by chance, clear of the services that it is to open. */
function randomBase(doors: readonly string[], spelling: Spelling): number {
  const ports = doors.flatMap(door => door.split(/[=,]/)).map(service => parseService(service)?.port ?? 0);
  const last = highestRandomPort - windowLength[spelling] + 1;
  const bases = Array.from({ length: last - lowestRandomBase + 1 }, (_, index) => lowestRandomBase + index);
  const free = bases.filter(base => ports.every(port => offsetIn(spelling, port, base) < 0));
  if (free.length > 0) return free[randomInt(free.length)]!;
  const message = `the services leave no ${windowLength[spelling]} ports in a row between ${lowestRandomBase} and ${highestRandomPort}`;
  throw new OperatorError('usage', message, {
    hint: 'choose a window with --base-port, or --spelling ordered',
  });
}

/** @param command its number, for knocks; undefined: for sequence numbers, or for who is asked for signatures */
function doorText(text: string, command: number | undefined, sequenceNumber: boolean): string {
  const [name = '', list = ''] = text.split('=');
  const services = list.split(',');
  if (!namePattern.test(name) || !services.every(service => parseService(service) !== undefined)) {
    throw new OperatorError('usage', `--door expected something like ssh=tcp/22, got "${text}"`);
  }
  const way = sequenceNumber ? 'sequence_number = true' : command === undefined ? '' : `command = ${command}`;
  return `
[[door]]
name = "${name}"
${way === '' ? '' : `${way}\n`}services = [${services.map(service => `"${service}"`).join(', ')}]
${sequenceNumber ? '' : 'open_for = "30s"\n'}`;
}
