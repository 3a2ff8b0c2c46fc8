/**
 * portknockd.toml → Config. All mistakes are found at once, each with its line; nothing is half taken over.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { closestMatch } from 'leven';
import { highestBasePort, windowLength } from '../methods/port-sequence/spelling.js';
import { tcp } from '../net/packet.js';
import { errorCode, OperatorError, OperatorErrors } from '../system/error.js';
import { readKeyFile, readPassphraseFile } from '../system/secret.js';
import type { Capture, ClientSettings, Config, Door, PortSequenceSettings } from './config.js';
import { DoorReader } from './doors.js';
import { formatService, type Table, tables } from './schema.js';
import { isTable, quote } from './tables.js';
import { type Path, readToml } from './toml.js';
import { sequenceWarnings } from './weakness.js';

export const defaultConfigFile = '/etc/portknock/portknockd.toml';

/** @throws OperatorErrors with every mistake, or OperatorError where the file cannot be read at all */
export function readConfig(file: string): Config {
  const path = resolve(file);
  return new Reader(path, readToml(readText(path), path)).config();
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT';
    const hint = missing ? 'make one with: portknockd init --door ssh=tcp/22' : 'run as the user who owns it';
    throw new OperatorError(
      'no-config',
      `${file}: ${missing ? 'no such file' : `cannot be read (${errorCode(error)})`}`,
      {
        hint,
      },
    );
  }
}

/** What the tables mean, one by one and together. */
class Reader extends DoorReader {
  config(): Config {
    const { value } = this.document;
    const names = Object.keys(tables).filter(name => name !== '');
    this.checkKeys(value, [], [...names, ...Object.keys(tables[''].entries)]);
    const top = this.table('', value, []);
    const captureTable = this.section('capture');
    const capture = captureTable && this.#capture(captureTable);
    const guard = this.section('guard');
    const sequence = value['port_sequence'] === undefined ? undefined : this.section('port_sequence');
    const doors = this.readDoors();
    const clients = this.#clients(doors);
    const portSequence = sequence && this.#portSequence(sequence, clients);
    this.#checkTogether(sequence, doors, clients);
    if (
      top === undefined ||
      captureTable === undefined ||
      capture === undefined ||
      guard === undefined ||
      this.mistakes.length > 0
    ) {
      throw new OperatorErrors(this.mistakes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
    }
    return {
      file: this.file,
      stateDirectory: this.path(top.state_directory),
      user: top.user,
      capture,
      group: captureTable.group,
      portSequence,
      sequenceNumber: undefined,
      alwaysAllow: guard.always_allow,
      doors: doors.map(({ door }) => door),
      clients: clients.map(({ client }) => client),
      tellsStages: false,
      tellsPackets: false,
      warnings: [...this.warnings, ...sequenceWarnings(doors.map(({ door }) => door))],
    };
  }

  #capture({ from, group, interface: name }: Table<'capture'>): Capture | undefined {
    if ((from === 'interface') !== (name !== undefined)) {
      const message = name === undefined ? '"interface" is missing' : 'it goes with from = "interface" only';
      this.mistake(
        ['capture', 'interface'],
        `capture.interface: ${message}`,
        'write such as interface = "eth0", or "any"',
      );
      return undefined;
    }
    if (name !== undefined) return { from: 'interface', interface: name, ipv6: true };
    if (from === 'nflog') return { from, group };
    return from === 'stdin' ? { from } : { from: 'path', path: this.path(from) };
  }

  #portSequence(
    table: Table<'port_sequence'>,
    clients: readonly { readonly client: ClientSettings }[],
  ): PortSequenceSettings | undefined {
    const { spelling, base_port: basePort, site_key_file: file, skew: skewMs } = table;
    this.#requireWindowFits(table, clients);
    if (file === undefined) {
      if (clients.some(({ client }) => client.kind === 'sealed')) {
        this.mistake(
          ['port_sequence'],
          '[port_sequence]: "site_key_file" is missing',
          'make a key with: portknockd init',
        );
      }
      return { spelling, basePort, skewMs, siteKey: undefined };
    }
    const place = this.place(['port_sequence', 'site_key_file']);
    const siteKey = this.attempt(() => readKeyFile(this.path(file), place));
    return siteKey && { spelling, basePort, skewMs, siteKey };
  }

  #requireWindowFits(
    { spelling, base_port: basePort }: Table<'port_sequence'>,
    clients: readonly { readonly client: ClientSettings }[],
  ): void {
    const most = highestBasePort[spelling];
    if (basePort > most) {
      const message = `port_sequence.base_port: expected an integer from 1 to ${most}, got ${basePort}`;
      const hint = `spelling = "${spelling}" has a window of ${windowLength[spelling]} ports`;
      this.mistake(['port_sequence', 'base_port'], message, hint);
    }
    const classic = clients.find(({ client }) => client.kind === 'classic')?.client.name;
    if (spelling !== 'spread' || classic === undefined) return;
    this.warnings.push(
      `client "${classic}" knocks with classic blocks: with spelling = "spread" it needs portknock --spelling spread, and other programs are not heard`,
    );
  }

  #clients(doors: readonly { readonly door: Door }[]): { client: ClientSettings; path: Path }[] {
    return this.sections('client').flatMap(({ table, path }) => {
      this.#checkDoorsOf(table, path, doors);
      const client = this.#client(table, path);
      return client === undefined ? [] : [{ client, path }];
    });
  }

  #client(table: Table<'client'>, path: Path): ClientSettings | undefined {
    const { name, doors, revoked, id, key_file: keyFile, classic_passphrase_file: passphraseFile } = table;
    const at = (key: string) => this.place([...path, key]);
    if (passphraseFile !== undefined) {
      if (id !== undefined || keyFile !== undefined) {
        this.mistake(
          path,
          `client "${name}": expected either "id" and "key_file" or "classic_passphrase_file", got both`,
        );
        return undefined;
      }
      this.warnings.push(
        `client "${name}" knocks with classic blocks: whoever records one knock can repeat it at any time`,
      );
      const read = () => readPassphraseFile(this.path(passphraseFile), at('classic_passphrase_file'));
      const passphrase = this.attempt(read);
      return passphrase === undefined ? undefined : { kind: 'classic', name, doors, revoked, passphrase };
    }
    if (id === undefined || keyFile === undefined) {
      const missing = id === undefined ? 'id' : 'key_file';
      this.mistake(
        path,
        `client "${name}": "${missing}" is missing`,
        'make a client with: portknockd client add',
      );
      return undefined;
    }
    const key = this.attempt(() => readKeyFile(this.path(keyFile), at('key_file')));
    return (
      key && { kind: 'sealed', name, doors, revoked, id, key, addressRequired: table.address === 'required' }
    );
  }

  /** What no table can be wrong in alone. */
  #checkTogether(
    window: Table<'port_sequence'> | undefined,
    doors: readonly { readonly door: Door; readonly path: Path }[],
    clients: readonly unknown[],
  ): void {
    this.#requireUnique('door', 'name');
    this.#requireUnique('door', 'command');
    this.#requireUnique('client', 'name');
    this.#requireUnique('client', 'id');
    if (clients.length > 0 && this.document.value['port_sequence'] === undefined) {
      this.mistake(['client'], 'clients need a section [port_sequence] with "base_port" and "site_key_file"');
    }
    for (const { door, path } of doors) this.#checkWindow(window, door, path);
  }

  #requireUnique(name: 'door' | 'client', key: string): void {
    const tables: unknown = this.document.value[name];
    const first = new Map<unknown, number>();
    for (const [index, table] of (Array.isArray(tables) ? tables : []).entries()) {
      const value: unknown = isTable(table) ? table[key] : undefined;
      const path = [name, index, key];
      const earlier = first.get(value);
      if (value === undefined) continue;
      if (earlier === undefined) first.set(value, this.document.lineOf(path));
      else this.mistake(path, `${name}: ${key} ${quote(value)} is taken already, in line ${earlier}`);
    }
  }

  #checkWindow(window: Table<'port_sequence'> | undefined, door: Door, path: Path): void {
    if (window === undefined || door.kind !== 'services') return;
    const { base_port: basePort, spelling } = window;
    const last = basePort + windowLength[spelling] - 1;
    const inside = door.services.find(
      ({ protocol, port }) => protocol === tcp && port >= basePort && port <= last,
    );
    if (inside === undefined) return;
    const message = `door "${door.name}": ${formatService(inside)} lies in the window of ports ${basePort} to ${last}`;
    this.mistake([...path, 'services'], message, 'choose another base_port');
  }

  #checkDoorsOf(client: Table<'client'>, path: Path, doors: readonly { readonly door: Door }[]): void {
    const isSealed = client.classic_passphrase_file === undefined;
    const given = this.document.value['door'];
    const names = Array.isArray(given)
      ? given.map((door: unknown) => (isTable(door) ? door['name'] : undefined))
      : [];
    client.doors.forEach((doorName, index) => {
      const place = [...path, 'doors', index];
      const door = doors.find(entry => entry.door.name === doorName)?.door;
      if (!names.includes(doorName)) {
        const known = names.filter(known => typeof known === 'string');
        const near = closestMatch(doorName, known, { maxDistance: 3 });
        const hint = near === undefined ? `doors are: ${known.join(', ')}` : `did you mean "${near}"?`;
        this.mistake(place, `client "${client.name}": there is no door "${doorName}"`, hint);
      } else if (door !== undefined && door.command === undefined) {
        this.mistake(place, `client "${client.name}": door "${doorName}" has no "command" to ask for`);
      } else if (isSealed && door?.command !== undefined && door.command > 255) {
        const message = `client "${client.name}": door "${doorName}" has command ${door.command}, and a sealed block has room for 0 to 255`;
        this.mistake(place, message, 'give the door a command up to 255');
      }
    });
  }
}
