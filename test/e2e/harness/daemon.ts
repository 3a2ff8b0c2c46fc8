/**
 * The real portknockd in a server's namespace, with a configuration, keys and state of its own in a temporary folder;
 * and the real portknock that knocks at it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spelling } from '../../../src/methods/port-sequence/spelling.js';
import { temporaryFolder, writeSecret } from './folder.js';
import type { Host } from './host.js';
import { listenerUser, project } from './isolation.js';
import type { Program, Scope } from './program.js';

const daemonPath = `${project}/dist/src/daemon/portknockd.cjs`;
const clientPath = `${project}/dist/src/client/portknock.cjs`;

/** The keys of a table in the configuration file, as they are spelled there. */
export type Settings = Readonly<Record<string, string | number | boolean | readonly string[]>>;
export type NamedSettings = Settings & { readonly name: string };

/** What differs from a door "ssh" (command 1, tcp/22, 30 s) and a client "laptop" (id 7) who may use every door. */
export interface DaemonSettings {
  readonly doors?: readonly NamedSettings[];
  readonly clients?: readonly NamedSettings[];
  readonly capture?: Settings;
  readonly portSequence?: Settings;
  readonly sequenceNumber?: Settings;
  readonly datagram?: Settings;
  readonly guard?: Settings;
  readonly firewall?: Settings;
  /** Files of rules.d, by name. */
  readonly rules?: Readonly<Record<string, string>>;
  readonly basePort?: number;
  /** How its clients knock; `spread` by default. */
  readonly spelling?: Spelling;
  /** Lines that stand before the first table. */
  readonly top?: Settings;
}

/** The psk of a client of this name. */
export function pskOf(client: string): string {
  return `${client}'s own secret, long enough`;
}

export class Daemon {
  readonly host: Host;
  readonly folder: string;
  readonly configFile: string;
  readonly siteKeyFile: string;
  readonly basePort: number;
  readonly spelling: Spelling;
  program: Program | undefined;
  /** Which portknockd it is. */
  path = daemonPath;

  /** Writes the configuration and the keys; starts nothing. */
  constructor(scope: Scope, host: Host, settings: DaemonSettings = {}) {
    this.host = host;
    this.folder = temporaryFolder(scope, 'portknockd', 0o755);
    this.basePort = settings.basePort ?? 40_000;
    this.spelling = settings.spelling ?? 'spread';
    this.configFile = join(this.folder, 'portknockd.toml');
    this.siteKeyFile = this.#writeKey('site.key');
    mkdirSync(join(this.folder, 'state'), { mode: 0o755 });
    this.configure(settings);
  }

  /** Writes the configuration and starts the daemon. @returns it when it is ready */
  static async start(scope: Scope, host: Host, settings: DaemonSettings = {}): Promise<Daemon> {
    const daemon = new Daemon(scope, host, settings);
    await daemon.run();
    return daemon;
  }

  /** Writes the configuration anew, with new keys for its clients; a running daemon hears of it by SIGHUP. */
  configure(settings: DaemonSettings): void {
    this.writeRules(settings.rules ?? {});
    const doors = settings.doors ?? [{ name: 'ssh', command: 1, services: ['tcp/22'], open_for: '30s' }];
    const clients = settings.clients ?? [{ name: 'laptop', id: 7, address: 'required' }];
    const everyDoor = doors.map(door => door.name);
    writeFileSync(
      this.configFile,
      [
        ...lines({ state_directory: 'state', user: listenerUser(), ...settings.top }),
        ...table('[capture]', { from: 'nflog', group: 5, ...settings.capture }),
        ...table('[port_sequence]', {
          base_port: this.basePort,
          spelling: this.spelling,
          site_key_file: 'site.key',
          ...settings.portSequence,
        }),
        ...(settings.sequenceNumber === undefined ? [] : table('[sequence_number]', settings.sequenceNumber)),
        ...(settings.datagram === undefined ? [] : table('[datagram]', settings.datagram)),
        ...(settings.firewall === undefined ? [] : table('[firewall]', settings.firewall)),
        ...(settings.guard === undefined ? [] : table('[guard]', settings.guard)),
        ...doors.flatMap(door => table('[[door]]', door)),
        ...clients.flatMap(client => table('[[client]]', this.#withKey({ doors: everyDoor, ...client }))),
        '',
      ].join('\n'),
    );
  }

  /** These files and no others. */
  writeRules(rules: Readonly<Record<string, string>>): void {
    const folder = join(this.folder, 'rules.d');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const [name, text] of Object.entries(rules)) writeFileSync(join(folder, name), text);
  }

  /** Starts the daemon, also again. @returns when it is ready */
  async run(): Promise<Program> {
    const program = this.command(['run']);
    this.program = program;
    await program.line(/ready/);
    return program;
  }

  /** Starts a command of portknockd with this configuration, such as `['status', '--json']`. */
  command(argv: readonly string[]): Program {
    return this.host.namespace.start(process.execPath, [this.path, ...argv, '--config', this.configFile]);
  }

  /** Knocks from a host. @param options further ones, such as `--wait`; a later one replaces an earlier one */
  knock(
    from: Host,
    options: readonly string[] = [],
    { address = this.host.ipv4, command = 1, client = 'laptop', id = 7, spelling = this.spelling } = {},
  ): Program {
    const keys = ['--site-key-file', this.siteKeyFile, '--key-file', join(this.folder, `${client}.key`)];
    const own = address.includes(':') ? from.ipv6 : from.ipv4;
    const bound = options.includes('--address') ? [] : ['--address', own];
    return from.namespace.start(process.execPath, [
      clientPath,
      ...[address, String(this.basePort), String(command), '--client-id', String(id)],
      ...keys,
      ...['--spelling', spelling],
      ...bound,
      ...options,
    ]);
  }

  #withKey(client: NamedSettings): Settings {
    const { psk_file: pskFile } = client;
    if (typeof pskFile === 'string') writeSecret(this.folder, pskFile, `${pskOf(client.name)}\n`);
    if ('psk_file' in client || 'key_file' in client || 'classic_passphrase_file' in client) return client;
    const keyFile = `${client.name}.key`;
    this.#writeKey(keyFile);
    return { ...client, key_file: keyFile };
  }

  #writeKey(name: string): string {
    return writeSecret(this.folder, name, `${randomBytes(32).toString('hex')}\n`);
  }
}

function table(heading: string, settings: Settings): string[] {
  return ['', heading, ...lines(settings)];
}

/** Of the texts, numbers, truth values and lists that settings are made of, TOML is spelled as JSON is. */
function lines(settings: Settings): string[] {
  return Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
}
