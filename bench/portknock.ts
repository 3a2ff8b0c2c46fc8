/** portknockd and portknock as contenders: the real programs, with the ledger on the disk that the project lies on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeSealed } from '../src/methods/port-sequence/compose.js';
import { parseAddress } from '../src/net/address.js';
import { Daemon } from '../test/e2e/harness/daemon.js';
import { project } from '../test/e2e/harness/isolation.js';
import type { Scope } from '../test/e2e/harness/program.js';
import type { Contender } from './contender.js';
import { doorPort, makePlace, openForMs, type Place } from './namespaces.js';
import type { Command } from './stopwatch.js';

const clientId = 7;
const commandId = 1;
const windowLength = 4096;

export class Portknock implements Contender {
  readonly name = 'portknock';
  readonly place: Place;
  readonly readyPattern = ': ready';
  readonly window: readonly number[];
  readonly #daemon: Daemon;
  readonly #folder: string;
  #lastTime = 0;

  /** @param folder on a disk: what is kept in memory is durable for nothing */
  static async create(scope: Scope, folder: string): Promise<Portknock> {
    return new Portknock(scope, await makePlace(scope), folder);
  }

  private constructor(scope: Scope, place: Place, folder: string) {
    this.place = place;
    this.#folder = folder;
    this.#daemon = new Daemon(scope, place.server, {
      top: { state_directory: join(folder, 'state') },
      doors: [{ name: 'ssh', command: commandId, services: [`tcp/${doorPort}`], open_for: `${openForMs}ms` }],
      clients: [{ name: 'laptop', id: clientId, address: 'required' }],
    });
    this.window = Array.from({ length: windowLength }, (_, offset) => this.#daemon.basePort + offset);
  }

  async start(): Promise<void> {
    await this.#daemon.run();
  }

  async stop(): Promise<void> {
    await this.#daemon.program?.stop();
  }

  async processes(): Promise<number[]> {
    const { pid, listener_pid: listener } = await this.#status();
    return [pid, listener];
  }

  async lost(): Promise<number> {
    return (await this.#status()).counters.lost;
  }

  knockPorts(): number[] {
    this.#lastTime = Math.max(Date.now(), this.#lastTime + 1);
    return composeSealed({
      siteKey: keyIn(this.#daemon.siteKeyFile),
      key: keyIn(this.#clientKeyFile),
      clientId,
      commandId,
      time: this.#lastTime,
      basePort: this.#daemon.basePort,
      spelling: this.#daemon.spelling,
      address: parseAddress(this.place.client.ipv4)!,
    });
  }

  get daemonCommand(): Command {
    const program = `${project}/dist/src/daemon/portknockd.cjs`;
    return { argv: [process.execPath, program, 'run', '--config', this.#daemon.configFile] };
  }

  get clientCommand(): Command {
    const { basePort, siteKeyFile } = this.#daemon;
    const { server, client } = this.place;
    return {
      argv: [
        ...[process.execPath, `${project}/dist/src/client/portknock.cjs`],
        ...[server.ipv4, String(basePort), String(commandId), '--client-id', String(clientId)],
        ...['--site-key-file', siteKeyFile, '--key-file', this.#clientKeyFile],
        ...['--address', client.ipv4],
      ],
      env: { XDG_STATE_HOME: join(this.#folder, 'client') },
    };
  }

  get #clientKeyFile(): string {
    return join(this.#daemon.folder, 'laptop.key');
  }

  async #status(): Promise<{ pid: number; listener_pid: number; counters: { lost: number } }> {
    const { stdout } = await ended(this.#daemon.command(['status', '--json']));
    return JSON.parse(stdout) as { pid: number; listener_pid: number; counters: { lost: number } };
  }
}

async function ended<P extends { end(): Promise<unknown> }>(program: P): Promise<P> {
  await program.end();
  return program;
}

function keyIn(path: string): Uint8Array {
  return Buffer.from(readFileSync(path, 'latin1').trim(), 'hex');
}
