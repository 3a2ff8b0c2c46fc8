/**
 * A daemon whose doors open by plain sequences, and what knocks at it: the real knock, or segments from any address on
 * the client's link.
 */
import assert from 'node:assert/strict';
import { Daemon, type DaemonSettings, type NamedSettings, type Settings } from './daemon.js';
import { eventually } from './eventually.js';
import type { Family, Host } from './host.js';
import { project } from './isolation.js';
import { running } from './namespace.js';
import type { Network } from './network.js';
import type { Program, Scope } from './program.js';
import type { Segment } from './segments.js';
import { greeting, plain } from './service.js';
import type { Port } from './steps.js';

/** The server's end of the client's link. */
export const near = { ipv4: '10.77.1.1', ipv6: 'fd77:1::1' };
/** The interface there. */
export const nearInterface = 'down1';

export const usual: readonly Port[] = [7000, '8000:udp', 9000];
export const usualDoor = {
  name: 'ssh',
  sequence: ['7000/tcp', '8000/udp', '9000/tcp'],
  services: ['tcp/22'],
  open_for: '30s',
};

/** One port, knocked from an address of its own: when it has opened, all that came before has been dealt with. */
const fenceDoor = { name: 'fence', sequence: ['9/tcp'], scan_guard: false, run: ['/bin/true'] };
const fenceSource = '10.77.1.250';

/** From the interface of the client's link. */
export const fromInterface: Settings = { from: 'interface', interface: nearInterface };

const knockPath = '/usr/bin/knock';
const segmentsPath = `${project}/dist/test/e2e/harness/segments.js`;

export class Sequenced {
  readonly network: Network;
  readonly server: Host;
  readonly client: Host;
  readonly daemon: Daemon;
  /** So that no segment is another one again. */
  #sent = 0;

  private constructor(network: Network, client: Host, daemon: Daemon) {
    this.network = network;
    this.server = network.server;
    this.client = client;
    this.daemon = daemon;
  }

  /** A server with a service at tcp/22, a client, and a daemon with a door for the fence beside these. */
  static async start(
    scope: Scope,
    settings: Omit<DaemonSettings, 'doors'> = {},
    ...doors: readonly NamedSettings[]
  ): Promise<Sequenced> {
    const { network, server, client } = await plain(scope);
    await running(server.namespace, nearInterface);
    const daemon = new Daemon(scope, server);
    const sequenced = new Sequenced(network, client, daemon);
    sequenced.configure(settings, ...doors);
    await daemon.run();
    return sequenced;
  }

  configure(settings: Omit<DaemonSettings, 'doors'> = {}, ...doors: readonly NamedSettings[]): void {
    const some = doors.length === 0 ? [usualDoor] : doors;
    this.daemon.configure({ clients: [], ...settings, doors: [...some, fenceDoor] });
  }

  /** Writes another configuration, and waits until it is in force. */
  async reload(settings: Omit<DaemonSettings, 'doors'>, ...doors: readonly NamedSettings[]): Promise<void> {
    this.program.forget();
    this.configure(settings, ...doors);
    this.program.signal('SIGHUP');
    await this.program.line(/ reloaded: /);
  }

  get program(): Program {
    const { program } = this.daemon;
    assert(program);
    return program;
  }

  get log(): string {
    return this.program.stderr;
  }

  /** With the real knock, from the client's own address. */
  async knock(
    ports: readonly Port[],
    { address = near.ipv4, options = [] }: { address?: string; options?: readonly string[] } = {},
  ): Promise<void> {
    await this.client.namespace.exec(knockPath, [...options, address, ...ports.map(String)]);
  }

  /** SYNs to these ports from any address of the client's link, or whole segments. */
  async send(source: string, ...wanted: readonly (number | Segment)[]): Promise<void> {
    const segments = wanted.map(port => ({
      source,
      destination: near.ipv4,
      sequence: ++this.#sent,
      ...(typeof port === 'number' ? { flags: 'syn', port } : port),
    }));
    await this.client.namespace.exec(process.execPath, [segmentsPath, JSON.stringify(segments)]);
  }

  /** All that has been knocked has been dealt with. */
  async fence(): Promise<void> {
    const before = this.#fences();
    await this.send(fenceSource, 9);
    await eventually('the fence opens', () => this.#fences() > before).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log}`);
    });
  }

  #fences(): number {
    return this.log.split('ran fence').length;
  }

  async isOpen(family: Family = 'ipv4'): Promise<boolean> {
    return (await this.client.greeting(near[family], 22, 150)) === greeting;
  }

  async opens(family: Family = 'ipv4'): Promise<void> {
    await eventually('tcp/22 opens', () => this.isOpen(family)).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log}`);
    });
  }

  async shuts(family: Family = 'ipv4'): Promise<void> {
    const state = async () => (await this.client.portState(near[family], 22, 150)) === 'silent';
    await eventually('tcp/22 is shut', state);
  }

  /** Closes by hand what the client has open. */
  async close(door = 'ssh', address = this.client.ipv4): Promise<void> {
    const command = this.daemon.command(['close', door, address]);
    assert.deepEqual(await command.end(), { status: 0, signal: null }, command.output);
    await this.shuts();
  }

  /** What was knocked opened nothing. */
  async stayedShut(): Promise<void> {
    await this.fence();
    assert.doesNotMatch(this.log, / opened /);
    await this.shuts();
  }

  async status(): Promise<{
    last_knocks: { outcome: string; door?: string; source: string }[];
    openings: { door: string; client: string; source: string; service: string }[];
  }> {
    const command = this.daemon.command(['status', '--json']);
    assert.deepEqual(await command.end(), { status: 0, signal: null }, command.output);
    return JSON.parse(command.stdout);
  }
}
