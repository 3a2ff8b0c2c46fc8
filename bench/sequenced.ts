/**
 * Contenders that are knocked at with a plain sequence of ports, in equal namespaces: Debian's knockd; portknockd in its
 * stead, with the same configuration and options; and a door of portknockd's own, which opens a port. All of them hear at
 * the interface. The ports of the sequence answer nobody.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../test/e2e/harness/eventually.js';
import { temporaryFolder } from '../test/e2e/harness/folder.js';
import { listenerUser, project } from '../test/e2e/harness/isolation.js';
import type { Program, Scope } from '../test/e2e/harness/program.js';
import { tellingCommand } from './commandpipe.js';
import type { Contender, KnockPacket } from './contender.js';
import { doorPort, makePlace, openForMs, type Place } from './namespaces.js';
import { folderOnDisk } from './portknock.js';

/** Of Debian's own configuration. */
const sequence: readonly number[] = [7000, 8000, 9000];
const timeoutSeconds = 5;
/** Where most of a sequence's state is made: each source is one that has begun. */
export const firstKnocks = { ports: sequence.slice(0, 1) };

const portknockd: readonly string[] = [process.execPath, `${project}/dist/src/daemon/portknockd.cjs`];

/** What they have in common. */
abstract class Sequenced implements Contender {
  abstract readonly name: 'portknock' | 'native' | 'knockd';
  readonly place: Place;
  readonly garbage = { ports: sequence };
  #program: Program | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  abstract start(): Promise<void>;

  abstract processes(): Promise<number[]>;

  abstract lost(): Promise<number | undefined>;

  /** At once: a knockd that has been flooded hears no signal for a long time. */
  async stop(): Promise<void> {
    await this.#program?.kill();
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(() => sequence.map(port => ({ port })));
  }

  protected get pid(): number {
    return this.#program!.pid;
  }

  protected run(argv: readonly string[]): Program {
    const [command = '', ...args] = argv;
    this.#program = this.place.server.namespace.start(command, args);
    return this.#program;
  }
}

/** Debian's. */
class Knockd extends Sequenced {
  readonly name: 'portknock' | 'knockd' = 'knockd';
  readonly pipe: string;
  protected readonly configFile: string;
  readonly #logFile: string;

  constructor(place: Place, folder: string) {
    super(place);
    this.configFile = join(folder, 'knockd.conf');
    this.pipe = join(folder, 'pipe');
    this.#logFile = join(folder, 'log');
    execFileSync('mkfifo', [this.pipe]);
    writeFileSync(this.configFile, configuration(tellingCommand(this.pipe, '%IP%')));
  }

  async start(): Promise<void> {
    rmSync(this.#logFile, { force: true });
    this.run([...this.command, '-i', this.place.link, '-c', this.configFile, '-g', this.#logFile]);
    // Its log alone is flushed line by line.
    await eventually(`${this.name} listens`, () =>
      readFileSync(this.#logFile, 'latin1').includes('starting up, listening'),
    );
  }

  async processes(): Promise<number[]> {
    return [this.pid];
  }

  async lost(): Promise<number | undefined> {
    return undefined;
  }

  protected get command(): readonly string[] {
    return ['knockd'];
  }
}

/** Ours, in its stead. */
class Standin extends Knockd {
  override readonly name = 'portknock';
  readonly #state: readonly string[];

  constructor(place: Place, folder: string, stateFolder: string) {
    super(place, folder);
    this.#state = ['--state-directory', stateFolder];
  }

  override async processes(): Promise<number[]> {
    return processesOf(await this.#status());
  }

  override async lost(): Promise<number> {
    return (await this.#status()).counters.lost;
  }

  protected override get command(): readonly string[] {
    return [...portknockd, 'knockd', '--user', listenerUser(), ...this.#state];
  }

  #status(): Promise<Status> {
    const { link } = this.place;
    return askStatus(this.place, ['--knockd-conf', this.configFile, '--interface', link, ...this.#state]);
  }
}

/** A door of our own configuration's. */
class NativeDoor extends Sequenced {
  readonly name = 'native';
  readonly #configFile: string;

  constructor(place: Place, folder: string, stateFolder: string) {
    super(place);
    this.#configFile = join(folder, 'portknockd.toml');
    writeFileSync(this.#configFile, nativeConfiguration(place, stateFolder));
  }

  async start(): Promise<void> {
    await this.run([...portknockd, 'run', '--config', this.#configFile]).line(/ready/);
  }

  async processes(): Promise<number[]> {
    return processesOf(await this.#status());
  }

  async lost(): Promise<number> {
    return (await this.#status()).counters.lost;
  }

  #status(): Promise<Status> {
    return askStatus(this.place, ['--config', this.#configFile]);
  }
}

/** portknockd in knockd's stead first. */
export async function createSequenced(scope: Scope): Promise<readonly Contender[]> {
  return [
    new Standin(await makeSniffedPlace(scope), temporaryFolder(scope, 'standin', 0o755), stateFolder(scope)),
    new Knockd(await makeSniffedPlace(scope), temporaryFolder(scope, 'knockd')),
    new NativeDoor(
      await makeSniffedPlace(scope),
      temporaryFolder(scope, 'native', 0o755),
      stateFolder(scope),
    ),
  ];
}

function stateFolder(scope: Scope): string {
  return join(folderOnDisk(scope), 'state');
}

/** Knocks are for an address of the interface that is listened on, as they are where nobody routes. */
async function makeSniffedPlace(scope: Scope): Promise<Place> {
  const place = await makePlace(scope);
  const { namespace, ipv4 } = place.server;
  await namespace.ip(`address add ${ipv4}/32 dev ${place.link}`);
  await namespace.nft(`table inet bench {
  chain window {
    type filter hook prerouting priority raw; policy accept
    tcp dport { ${sequence.join(', ')} } drop
  }
}`);
  return place;
}

function configuration(command: string): string {
  return `[bench]
  Sequence = ${sequence.join(',')}
  Seq_Timeout = ${timeoutSeconds}
  TCPFlags = syn
  Start_Command = ${command}
`;
}

function nativeConfiguration({ link }: Place, stateDirectory: string): string {
  const steps = sequence.map(port => `"${port}/tcp"`).join(', ');
  return `state_directory = "${stateDirectory}"
user = "${listenerUser()}"

[capture]
from = "interface"
interface = "${link}"

[[door]]
name = "bench"
services = ["tcp/${doorPort}"]
open_for = "${openForMs}ms"
sequence = [${steps}]
sequence_timeout = "${timeoutSeconds}s"
`;
}

interface Status {
  readonly pid: number;
  readonly listener_pid: number;
  readonly counters: { readonly lost: number };
}

async function askStatus({ server }: Place, which: readonly string[]): Promise<Status> {
  const [command = '', ...args] = [...portknockd, 'status', '--json', ...which];
  return JSON.parse(await server.namespace.exec(command, args)) as Status;
}

function processesOf({ pid, listener_pid: listener }: Status): number[] {
  return [pid, listener];
}
