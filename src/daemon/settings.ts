/**
 * portknockd.toml → Config. All mistakes are found at once, each with its line; nothing is half taken over.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { highestBasePort, windowLength } from '../methods/port-sequence/spelling.js';
import { tcp } from '../net/packet.js';
import { errorCode, OperatorError, OperatorErrors } from '../system/error.js';
import { readKeyFile } from '../system/secret.js';
import { BackendReader } from './backend.js';
import type { Capture, Config, Door, PortSequenceSettings, SequenceNumberSettings } from './config.js';
import type { Clients, Doors } from './identities.js';
import { formatService, type Table, tables } from './schema.js';
import { numberCapacity, numberedPorts, numberSources, stepsAtOnce } from './series.js';
import { isTable, quote } from './tables.js';
import { type Path, readToml } from './toml.js';
import { numberWarnings, sequenceWarnings } from './weakness.js';

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
class Reader extends BackendReader {
  config(): Config {
    const { value } = this.document;
    const top = this.#top(value);
    const captureTable = this.section('capture');
    const capture = captureTable && this.#capture(captureTable);
    const guard = this.section('guard');
    const sequence = value['port_sequence'] === undefined ? undefined : this.section('port_sequence');
    const doors = this.readDoors();
    const clients = this.readClients(doors);
    const portSequence = sequence && this.#portSequence(sequence, clients);
    const sequenceNumber = this.#sequenceNumber(captureTable, doors, clients);
    const datagram = this.readDatagram(capture, doors);
    const firewall = this.readFirewall(doors, clients);
    this.#checkTogether(sequence, doors, clients);
    this.mistakes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    const isWhole = top !== undefined && captureTable !== undefined && capture !== undefined;
    if (!isWhole || guard === undefined || this.mistakes.length > 0) throw new OperatorErrors(this.mistakes);
    const parts = {
      sequenceNumber,
      doors: doors.map(({ door }) => door),
      clients: clients.map(({ client }) => client),
    };
    return {
      ...parts,
      file: this.file,
      stateDirectory: this.path(top.state_directory),
      user: top.user,
      capture,
      group: captureTable.group,
      portSequence,
      datagram,
      challenge: undefined,
      firewall,
      alwaysAllow: guard.always_allow,
      tellsStages: false,
      tellsPackets: false,
      warnings: [...this.warnings, ...sequenceWarnings(parts.doors), ...numberWarnings(parts)],
    };
  }

  #top(value: object): Table<''> | undefined {
    const names = Object.keys(tables).filter(name => name !== '');
    this.checkKeys(value, [], [...names, ...Object.keys(tables[''].entries)]);
    return this.table('', value, []);
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

  #portSequence(table: Table<'port_sequence'>, clients: Clients): PortSequenceSettings | undefined {
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

  #requireWindowFits({ spelling, base_port: basePort }: Table<'port_sequence'>, clients: Clients): void {
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

  /** Undefined where no door takes numbers. */
  #sequenceNumber(
    capture: Table<'capture'> | undefined,
    doors: Doors,
    clients: Clients,
  ): SequenceNumberSettings | undefined {
    const table = this.section('sequence_number');
    if (table === undefined) return undefined;
    const ports = numberedPorts(doors.map(({ door }) => door));
    if (ports.length === 0) {
      if (this.document.value['sequence_number'] === undefined || doors.length === 0) return undefined;
      this.warnings.push('[sequence_number] means nothing: no door has sequence_number = true');
      return undefined;
    }
    const { period: periodMs, tolerance: toleranceMs, port, guesses_per_second: guessesPerSecond } = table;
    if (port !== undefined && ports.length > 1) {
      const list = ports.map(port => `tcp/${port}`).join(', ');
      const message = `sequence_number.port: expected one service with sequence numbers, got ${list}: a number seen at one would be good at the others`;
      this.mistake(['sequence_number', 'port'], message, 'clients can say which port with --mac-port');
    }
    if (capture !== undefined && capture.from !== 'nflog') this.#refuseDeaf(doors);
    const settings = { periodMs, toleranceMs, port, guessesPerSecond };
    this.#requireRoom(settings, doors, clients);
    return settings;
  }

  #refuseDeaf(doors: Doors): void {
    for (const { door, path } of doors) {
      if (door.kind !== 'services' || !door.sequenceNumber) continue;
      const message = `door "${door.name}": sequence numbers need [capture] from = "nflog", for who came in is heard there`;
      this.mistake([...path, 'sequence_number'], message);
    }
  }

  #requireRoom(sequenceNumber: SequenceNumberSettings, doors: Doors, clients: Clients): void {
    const sources = numberSources({
      sequenceNumber,
      doors: doors.map(({ door }) => door),
      clients: clients.map(({ client }) => client),
    }).length;
    // Those of the period that comes next are there before it begins.
    const steps = stepsAtOnce(sequenceNumber) + 1;
    if (sources * steps <= numberCapacity) return;
    const message = `[sequence_number]: ${steps} periods at once for ${sources} pairs of client and service make ${sources * steps} numbers, and there is room for ${numberCapacity}`;
    const hint = 'choose a longer period or a smaller tolerance, or give clients fewer doors';
    this.mistake(['sequence_number'], message, hint);
  }

  #requireOwnPsks(clients: Clients): void {
    const first = new Map<string, string>();
    for (const { client, path } of clients) {
      if (client.kind !== 'psk') continue;
      const psk = Buffer.from(client.psk).toString('latin1');
      const owner = first.get(psk);
      if (owner === undefined) {
        first.set(psk, client.name);
        continue;
      }
      const message = `client "${client.name}": its psk is that of client "${owner}"`;
      this.mistake([...path, 'psk_file'], message, 'make another with: openssl rand -hex 32');
    }
  }

  /** What no table can be wrong in alone. */
  #checkTogether(window: Table<'port_sequence'> | undefined, doors: Doors, clients: Clients): void {
    this.#requireUnique('door', 'name');
    this.#requireUnique('door', 'command');
    this.#requireUnique('client', 'name');
    this.#requireUnique('client', 'id');
    this.#requireOwnPsks(clients);
    const needsWindow = clients.some(({ client }) => client.kind !== 'psk');
    if (needsWindow && this.document.value['port_sequence'] === undefined) {
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
}
