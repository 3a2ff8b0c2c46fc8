/**
 * Units of systemd from examples/, run by hand: what they start, and of their sandbox what a test can build without
 * systemd (capabilities, no new privileges, a file system to read only, a /proc without others' processes).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { int32, libc, SystemError } from '../../src/net/libc.js';
import { temporaryFolder } from './harness/folder.js';
import { project } from './harness/isolation.js';
import type { Scope } from './harness/program.js';
import { clientProgram } from './harness/socketed.js';

/** The settings of a unit's file, each with all of its values. */
export type Unit = ReadonlyMap<string, readonly string[]>;

export const unitFolder = `${project}/examples/systemd`;
export const programPath = '/usr/local/bin/portknockd';
const clientPath = '/usr/local/bin/portknock';
const daemonPath = `${project}/dist/src/daemon/portknockd.cjs`;

export function readUnit(name: string): Unit {
  const unit = new Map<string, string[]>();
  for (const line of readFileSync(join(unitFolder, name), 'utf8').split('\n')) {
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) unit.set(key, [...(unit.get(key) ?? []), value!]);
  }
  return unit;
}

/** The only value of a setting. @throws where there is none, or more than one */
export function only(unit: Unit, key: string): string {
  const [value, ...others] = unit.get(key) ?? [];
  if (value === undefined || others.length > 0) throw new Error(`${key}: expected one value`);
  return value;
}

/** The command that a unit starts, with this build and this configuration in the place of the installed ones. */
export function commandOf(unit: Unit, configFile: string): string[] {
  const [program, ...args] = only(unit, 'ExecStart').split(' ');
  if (program !== programPath) throw new Error(`starts ${program}`);
  const at = args.indexOf('--config');
  return [process.execPath, daemonPath, ...args.with(at + 1, configFile)];
}

/** The same of a unit of the client's. @param further arguments */
export function clientCommandOf(unit: Unit, further: readonly string[]): string[] {
  const [program, ...args] = only(unit, 'ExecStart').split(' ');
  if (program !== clientPath) throw new Error(`starts ${program}`);
  return [process.execPath, clientProgram, ...args, ...further];
}

/** `setpriv` and its options for a unit's capabilities. */
export function capabilities(unit: Unit): string[] {
  const names = only(unit, 'CapabilityBoundingSet').split(' ');
  const set = names.map(name => `+${name.replace('CAP_', '').toLowerCase()}`);
  const privileges = only(unit, 'NoNewPrivileges') === 'yes' ? ['--no-new-privs'] : [];
  return ['setpriv', `--bounding-set=-all,${set.join(',')}`, '--inh-caps=-all', ...privileges, '--'];
}

/**
 * The start of a command line that builds the rest of the sandbox, in the mount namespace that `ip netns exec` made:
 * nothing can be written but below the folder for temporary files, which is a file system of its own.
 */
export const readOnly = [
  'sh',
  '-c',
  'mount -o remount,ro,bind / && mount -t proc -o hidepid=invisible proc /proc && exec "$@"',
  'sandbox',
];

/** Copies of units, with programs in them that are there. @returns their paths */
export function copyUnits(scope: Scope, units: readonly string[]): string[] {
  const folder = temporaryFolder(scope, 'units');
  const program = join(folder, 'program');
  copyFileSync('/bin/true', program);
  return units.map(unit => {
    const path = join(folder, unit);
    const text = readFileSync(join(unitFolder, unit), 'utf8');
    writeFileSync(path, text.replaceAll(programPath, program).replaceAll(clientPath, program));
    return path;
  });
}

/** What systemd finds in units. */
export function mistakesIn(paths: readonly string[]): string[] {
  const args = ['verify', '--man=no', ...paths];
  const { stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  // It also reads units of this machine, which are not ours to judge.
  return stderr.split('\n').filter(line => line.includes('portknock'));
}

/** The names in a unit's SystemCallFilter: groups that systemd knows, those after "~" taken out. */
export function allowedCalls(unit: Unit): Set<string> {
  const calls = new Set<string>();
  for (const line of unit.get('SystemCallFilter') ?? []) {
    const groups = line.replace('~', '').split(' ');
    const names = groups.flatMap(group => callsOf(group));
    for (const name of names) line.startsWith('~') ? calls.delete(name) : calls.add(name);
  }
  return calls;
}

function callsOf(group: string): string[] {
  if (!group.startsWith('@')) return [group];
  const text = execFileSync('systemd-analyze', ['syscall-filter', group], { encoding: 'utf8' });
  const names = text.split('\n').map(line => line.trim());
  return names.slice(1).flatMap(name => (/^[#]/.test(name) || name === '' ? [] : callsOf(name)));
}

const unixFamily = 1;
const datagram = 2;
const closeOnExec = 0o2000000;
const doNotWait = 0x40;
const longest = 4096;

/** A service manager's notification socket. */
export class Notifications {
  readonly path: string;
  readonly #fd: number;
  readonly #all: string[] = [];

  constructor(scope: Scope, folder: string) {
    this.path = join(folder, 'notify');
    this.#fd = libc().socket(unixFamily, datagram | closeOnExec, 0);
    const address = Buffer.concat([Uint8Array.of(unixFamily, 0), Buffer.from(`${this.path}\0`)]);
    libc().bind(this.#fd, address, address.length);
    libc().setsockopt(this.#fd, 1, 8, int32(1 << 20), 4);
    scope.after(() => {
      libc().close(this.#fd);
    });
  }

  /** Every message until now, in order. */
  get all(): readonly string[] {
    const buffer = Buffer.alloc(longest);
    try {
      for (;;) this.#all.push(buffer.toString('utf8', 0, libc().recv(this.#fd, buffer, longest, doNotWait)));
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'EAGAIN') throw error;
    }
    return this.#all;
  }
}
