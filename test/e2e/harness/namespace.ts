/**
 * A network namespace of a test, and programs that run in it.
 *
 * Only within scripts/isolate: there `ip netns` leaves nothing on the host.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './eventually.js';
import { requireIsolation } from './isolation.js';
import { Program, type ProgramOptions, type Scope } from './program.js';

const run = promisify(execFile);
let made = 0;

export class Namespace {
  readonly name: string;
  readonly scope: Scope;

  private constructor(scope: Scope, name: string) {
    this.scope = scope;
    this.name = name;
  }

  /** Makes one with its loopback up; it is gone at the end of the scope. @param role part of its name, for people */
  static async create(scope: Scope, role: string): Promise<Namespace> {
    requireIsolation();
    made += 1;
    // Test files run side by side in the same place.
    const namespace = new Namespace(scope, `${role}-${process.pid}-${made}`);
    await run('ip', ['netns', 'add', namespace.name]);
    scope.after(() => namespace.delete());
    // First of all: no address of these may wait for a neighbour to object.
    await namespace.configure('ipv6/conf/all/accept_dad', '0');
    await namespace.configure('ipv6/conf/default/accept_dad', '0');
    await namespace.ip('link set lo up');
    return namespace;
  }

  async delete(): Promise<void> {
    await run('ip', ['netns', 'delete', this.name]);
  }

  /** Starts a program in it. */
  start(command: string, argv: readonly string[] = [], options: ProgramOptions = {}): Program {
    return new Program(this.scope, 'ip', ['netns', 'exec', this.name, command, ...argv], options);
  }

  /** Runs a program to its end. @returns its standard output @throws where its status is not 0 */
  async exec(command: string, argv: readonly string[] = [], options: ProgramOptions = {}): Promise<string> {
    const program = this.start(command, argv, { input: '', ...options });
    const { status, signal } = await program.end(30_000);
    if (status === 0) return program.stdout;
    throw new Error(`${program.name} ended with ${status ?? signal}\n${program.output}`);
  }

  /** `ip` with these arguments, separated by spaces, in it. @returns its standard output */
  async ip(line: string): Promise<string> {
    const { stdout } = await run('ip', ['-netns', this.name, ...line.split(' ')]);
    return stdout;
  }

  /** Loads rules of nftables in it. */
  async nft(rules: string): Promise<void> {
    await this.exec('nft', ['-f', '-'], { input: rules });
  }

  /** Writes a setting below /proc/sys/net. */
  async configure(setting: string, value: string): Promise<void> {
    await this.exec('tee', [`/proc/sys/net/${setting}`], { input: value });
  }
}

/** Waits until the kernel calls an interface running, which it does some time after it has brought it up. */
export async function running(namespace: Namespace, interfaceName: string): Promise<void> {
  await eventually(`${interfaceName} is running`, async () =>
    (await namespace.ip(`link show ${interfaceName}`)).includes('state UP'),
  );
}
