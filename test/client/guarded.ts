/**
 * A server whose kernel lets in connections by their sequence number, each once, and a client of it. The server knows
 * nothing of portknockd: it is a set of nftables and a program that listens.
 */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NumberSeries, stepAt } from '../../src/methods/sequence-number/format.js';
import { eventually } from '../e2e/harness/eventually.js';
import { writeSecret } from '../e2e/harness/folder.js';
import type { Host } from '../e2e/harness/host.js';
import { Network } from '../e2e/harness/network.js';
import type { Program, ProgramOptions } from '../e2e/harness/program.js';
import { clientPath, type Said, said, User } from './program.js';

export const servicePort = 2222;
export const psk = 'a key of the test';
/** Long, so that no period ends while a test goes on; one before and one after are good too. */
export const periodMs = 3_600_000;
const reflectorPath = fileURLToPath(new URL('reflector.js', import.meta.url));
const connectorPath = fileURLToPath(new URL('connector.js', import.meta.url));

const rules = `table inet guard {
  set numbers { typeof tcp dport . tcp sequence; size 64; flags dynamic; }
  counter refused { }
  chain in {
    type filter hook input priority 0; policy accept;
    tcp flags & (fin|syn|rst|ack) == syn tcp dport ${servicePort} jump number
  }
  chain number { tcp dport . tcp sequence @numbers goto admit; counter name refused drop; }
  chain admit { delete @numbers { tcp dport . tcp sequence } accept; }
}`;

/** One SYN as it was on the wire, from the header of IP. */
export type CapturedSyn = Buffer;

export class Guarded {
  readonly user: User;
  readonly network: Network;
  readonly client: Host;
  readonly pskFile: string;
  #reflector: Program | undefined;
  #capture: { readonly program: Program; readonly path: string } | undefined;

  private constructor(user: User, network: Network, client: Host) {
    this.user = user;
    this.network = network;
    this.client = client;
    this.pskFile = writeSecret(user.folder, 'psk', `${psk}\n`);
  }

  /** @param manner what the service does, see reflector.ts; nothing listens where it is `none` */
  static async create(t: TestContext, manner: 'echo' | 'bye' | 'reset' | 'none' = 'echo'): Promise<Guarded> {
    const network = await Network.create(t);
    const scene = new Guarded(new User(t), network, await network.addClient());
    await network.server.namespace.nft(rules);
    if (manner === 'none') return scene;
    const argv = [reflectorPath, manner, String(servicePort)];
    scene.#reflector = network.server.namespace.start(process.execPath, argv);
    await scene.#reflector.line(/^ready$/);
    return scene;
  }

  /** What the service heard, each connection on a line. */
  get heard(): readonly string[] {
    return this.#reflector!.lines.filter(line => line.startsWith('heard ')).map(line => line.slice(6));
  }

  /** Lets in the numbers of some periods, counted from the one that is now. */
  async admit(
    distances: readonly number[],
    { period = periodMs, port = servicePort }: { readonly period?: number; readonly port?: number } = {},
  ): Promise<void> {
    const series = new NumberSeries(Buffer.from(psk), port);
    const now = stepAt(Date.now(), period);
    const elements = distances.map(distance => `${servicePort} . ${series.at(now + distance)}`);
    await this.network.server.namespace.nft(`add element inet guard numbers { ${elements.join(', ')} }`);
  }

  start(argv: readonly string[], options: ProgramOptions = {}): Program {
    const env = { ...this.user.environment, ...options.env };
    return this.client.namespace.start(process.execPath, [clientPath, ...argv], { ...options, env });
  }

  /** The words of a connection with the key of the test, and its periods where they name none. */
  words(address: string, ...options: readonly string[]): string[] {
    const periods = options.includes('--period') ? [] : ['--period', '1h', '--tolerance', '1h'];
    return ['connect', address, String(servicePort), '--psk-file', this.pskFile, ...periods, ...options];
  }

  connect(address: string, input: string, ...options: readonly string[]): Promise<Said> {
    return said(this.start(this.words(address, ...options), { input }));
  }

  /** Runs a scenario of connector.ts on the client. */
  async library(
    scenario: string,
    options: Readonly<Record<string, unknown>>,
    wrapper: readonly string[] = [],
  ): Promise<unknown> {
    const given = { port: servicePort, psk, periodMs, toleranceMs: periodMs, ...options };
    const [command, ...argv] = [...wrapper, process.execPath, connectorPath, scenario, JSON.stringify(given)];
    const text = await this.client.namespace.exec(command!, argv, { env: this.user.environment });
    return JSON.parse(text);
  }

  /** From now on, SYNs that arrive at the server are captured. */
  async watch(): Promise<void> {
    const path = `${this.user.folder}/capture`;
    const filter = `tcp dst port ${servicePort} or (ip6 and dst port ${servicePort})`;
    const options = ['-i', 'down1', '-U', '--immediate-mode', '-n', '-Z', 'root', '-w', path];
    const program = this.network.server.namespace.start('tcpdump', [...options, filter]);
    await program.line(/listening on/);
    this.#capture = { program, path };
  }

  /** The SYNs that were captured, when there are so many. */
  async syns(count: number): Promise<CapturedSyn[]> {
    const { path } = this.#capture!;
    await eventually(`${count} SYNs`, () => synsOf(readFileSync(path)).length >= count);
    return synsOf(readFileSync(path));
  }
}

const fileHeaderLength = 24;
const recordHeaderLength = 16;
const ethernetLength = 14;

/** The SYNs of a capture file of Ethernet frames. */
function synsOf(file: Buffer): CapturedSyn[] {
  const found: CapturedSyn[] = [];
  for (let at = fileHeaderLength; at + recordHeaderLength <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const packet = file.subarray(at + recordHeaderLength + ethernetLength, at + recordHeaderLength + length);
    if (packet.length >= 60 && (tcpOf(packet)[13]! & 0x17) === 0x02) found.push(packet);
    at += recordHeaderLength + length;
  }
  return found;
}

/** A packet's part from the header of TCP on. */
export function tcpOf(packet: Buffer): Buffer {
  return packet.subarray(packet[0]! >> 4 === 4 ? 20 : 40);
}
