/** portknockd and portknock as contenders: the real programs, with the ledger on the disk that the project lies on. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { composeSealed } from '../src/methods/port-sequence/compose.js';
import { type Spelling, windowLength } from '../src/methods/port-sequence/spelling.js';
import { parseAddress } from '../src/net/address.js';
import { Daemon, type NamedSettings } from '../test/e2e/harness/daemon.js';
import { writeSecret } from '../test/e2e/harness/folder.js';
import { project } from '../test/e2e/harness/isolation.js';
import type { Scope } from '../test/e2e/harness/program.js';
import type { DaemonContender, Garbage, KnockPacket } from './contender.js';
import { doorPort, makePlace, openForMs, type Place } from './namespaces.js';
import { RunningDaemon } from './running.js';
import type { Command } from './stopwatch.js';

/** How knocks are spelled in all that is measured: the one place to change it. */
export const spelling: Spelling = 'spread';

const name = 'laptop';
const clientId = 7;
const commandId = 1;
/** What every other configured client is given: whose key it is makes no difference to the work. */
const othersKeyFile = 'others.key';

export class Portknock extends RunningDaemon implements DaemonContender {
  readonly name = 'portknock';
  readonly place: Place;
  readonly readyPattern = ': ready';
  readonly garbage: Garbage;
  protected readonly daemon: Daemon;
  readonly #folder: string;
  #lastTime = 0;

  /** @param clients how many are configured, the one that knocks among them */
  static async create(scope: Scope, clients = 1): Promise<Portknock> {
    return new Portknock(scope, await makePlace(scope), folderOnDisk(scope), clients);
  }

  private constructor(scope: Scope, place: Place, folder: string, clients: number) {
    super();
    this.place = place;
    this.#folder = folder;
    this.daemon = new Daemon(scope, place.server, {
      top: { state_directory: join(folder, 'state') },
      spelling,
      doors: [{ name: 'ssh', command: commandId, services: [`tcp/${doorPort}`], open_for: `${openForMs}ms` }],
      clients: [{ name, id: clientId, address: 'required' }, ...others(clients - 1)],
    });
    writeSecret(this.daemon.folder, othersKeyFile, `${randomBytes(32).toString('hex')}\n`);
    const ports = Array.from(
      { length: windowLength[spelling] },
      (_, offset) => this.daemon.basePort + offset,
    );
    this.garbage = { ports };
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    const siteKey = keyIn(this.daemon.siteKeyFile);
    const key = keyIn(this.#clientKeyFile);
    const { basePort } = this.daemon;
    return sources.map(source => {
      this.#lastTime = Math.max(Date.now(), this.#lastTime + 1);
      const address = parseAddress(source)!;
      const request = {
        siteKey,
        key,
        clientId,
        commandId,
        time: this.#lastTime,
        basePort,
        address,
        spelling,
      };
      return composeSealed(request).map(port => ({ port }));
    });
  }

  get daemonCommand(): Command {
    const program = `${project}/dist/src/daemon/portknockd.cjs`;
    return { argv: [process.execPath, program, 'run', '--config', this.daemon.configFile] };
  }

  get clientCommand(): Command {
    const { basePort, siteKeyFile } = this.daemon;
    const { server, client } = this.place;
    return {
      argv: [
        ...[process.execPath, `${project}/dist/src/client/portknock.cjs`],
        ...[server.ipv4, String(basePort), String(commandId), '--client-id', String(clientId)],
        ...['--site-key-file', siteKeyFile, '--key-file', this.#clientKeyFile],
        ...['--address', client.ipv4],
        ...['--spelling', spelling],
      ],
      env: { XDG_STATE_HOME: join(this.#folder, 'client') },
    };
  }

  get #clientKeyFile(): string {
    return join(this.daemon.folder, `${name}.key`);
  }
}

function others(count: number): NamedSettings[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `other-${index}`,
    id: 1000 + index,
    key_file: othersKeyFile,
  }));
}

/** A folder that is not in memory, where there is one: what makes a ledger durable is part of the figure. */
export function folderOnDisk(scope: Scope): string {
  const folder = mkdtempSync(join(project, 'dist', 'bench-'));
  mkdirSync(join(folder, 'state'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function keyIn(path: string): Uint8Array {
  return Buffer.from(readFileSync(path, 'latin1').trim(), 'hex');
}
