/** A door that lets in who connects with a sequence number, and an open port beside it on the same machine. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { NumberSeries, noNumber, stepAt } from '../src/methods/sequence-number/format.js';
import { Daemon } from '../test/e2e/harness/daemon.js';
import { writeSecret } from '../test/e2e/harness/folder.js';
import { project } from '../test/e2e/harness/isolation.js';
import type { Scope } from '../test/e2e/harness/program.js';
import type { Contender, KnockPacket } from './contender.js';
import { doorPort, makePlace, type Place } from './namespaces.js';
import { folderOnDisk } from './portknock.js';
import { RunningDaemon } from './running.js';
import type { Command } from './stopwatch.js';

/** Long, so that all that is measured lies in one period or two. */
const periodMs = 600_000;
/** A whole run takes a fraction of what they have at once. */
const clientCount = 2000;
/** One source makes all connections of a run. */
const guessesPerSecond = 10;

export class Numbered extends RunningDaemon implements Contender {
  readonly name = 'number';
  readonly place: Place;
  readonly garbage = { ports: [doorPort] };
  /** A port that nothing guards. */
  readonly openPort = 80;
  protected readonly daemon: Daemon;
  readonly #folder: string;
  readonly #keys: readonly string[];
  readonly #series: readonly NumberSeries[];
  #used = 0;

  static async create(scope: Scope): Promise<Numbered> {
    const numbered = new Numbered(scope, await makePlace(scope), folderOnDisk(scope));
    await numbered.place.server.serve(numbered.openPort, 'open');
    return numbered;
  }

  private constructor(scope: Scope, place: Place, folder: string) {
    super();
    this.place = place;
    this.#folder = folder;
    this.#keys = Array.from({ length: clientCount }, () => randomBytes(32).toString('hex'));
    this.#series = this.#keys.map(key => new NumberSeries(Buffer.from(key), doorPort));
    const clients = this.#keys.map((_, index) => ({
      name: `client-${index}`,
      psk_file: `client-${index}.psk`,
    }));
    this.daemon = new Daemon(scope, place.server, {
      top: { state_directory: join(folder, 'state') },
      sequenceNumber: {
        period: `${periodMs / 1000}s`,
        tolerance: `${periodMs / 1000}s`,
        guesses_per_second: guessesPerSecond,
      },
      doors: [{ name: 'bench', services: [`tcp/${doorPort}`], sequence_number: true }],
      clients,
    });
    for (const [index, key] of this.#keys.entries()) {
      writeSecret(this.daemon.folder, `client-${index}.psk`, `${key}\n`);
    }
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(() => []);
  }

  /** Numbers that nobody has used, each for one connection to the door. */
  takeNumbers(count: number): number[] {
    const step = stepAt(Date.now(), periodMs);
    const numbers: number[] = [];
    while (numbers.length < count) {
      const series = this.#series[this.#used++];
      if (series === undefined) throw new Error('there are more connections than numbers');
      const number = series.at(step);
      if (number !== noNumber) numbers.push(number);
    }
    return numbers;
  }

  /** The client's whole program, with a key of its own each time. The service says a line and hangs up. */
  takeClientCommand(): Command {
    const file = join(this.daemon.folder, `client-${this.#used++}.psk`);
    const periods = ['--period', `${periodMs / 1000}s`, '--tolerance', `${periodMs / 1000}s`];
    return {
      argv: [
        ...[process.execPath, `${project}/dist/src/client/portknock.cjs`],
        ...['connect', this.place.server.ipv4, String(doorPort), '--psk-file', file, ...periods],
      ],
      env: { XDG_STATE_HOME: join(this.#folder, 'client') },
    };
  }
}

/** A configuration with many clients at many ports, in a folder on the disk. @returns its path */
export function writeManyClients(scope: Scope, clients: number, ports: number): string {
  const folder = folderOnDisk(scope);
  const services = Array.from({ length: ports }, (_, index) => `"tcp/${1000 + index}"`).join(', ');
  const tables = Array.from({ length: clients }, (_, index) => {
    const file = writeSecret(folder, `${index}.psk`, `${randomBytes(32).toString('hex')}\n`);
    return `[[client]]\nname = "client-${index}"\npsk_file = "${file}"\ndoors = ["bench"]\n`;
  });
  const door = `[[door]]\nname = "bench"\nservices = [${services}]\nsequence_number = true\n`;
  return writeSecret(folder, 'portknockd.toml', `state_directory = "state"\n${door}${tables.join('')}`);
}
