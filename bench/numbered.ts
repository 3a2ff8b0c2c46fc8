/** A door that lets in who connects with a sequence number, and an open port beside it on the same machine. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { NumberSeries, noNumber, stepAt } from '../src/methods/sequence-number/format.js';
import { Daemon } from '../test/e2e/harness/daemon.js';
import { writeSecret } from '../test/e2e/harness/folder.js';
import { project } from '../test/e2e/harness/isolation.js';
import type { Program, Scope } from '../test/e2e/harness/program.js';
import type { Contender, KnockPacket } from './contender.js';
import { doorPort, makePlace, type Place } from './namespaces.js';
import { folderOnDisk } from './portknock.js';
import type { Command } from './stopwatch.js';

/** Long, so that all that is measured lies in one period or two. */
const periodMs = 600_000;
/** A whole run takes a fraction of what they have at once. */
const clientCount = 2000;
/** One source makes all connections of a run. */
const guessesPerSecond = 10;
const patienceMs = 60_000;

export class Numbered implements Contender {
  readonly name = 'number';
  readonly place: Place;
  readonly garbage = { ports: [doorPort] };
  /** A port that nothing guards. */
  readonly openPort = 80;
  readonly #daemon: Daemon;
  readonly #folder: string;
  readonly #keys: readonly string[];
  readonly #series: readonly NumberSeries[];
  #used = 0;
  #program: Program | undefined;

  static async create(scope: Scope): Promise<Numbered> {
    const numbered = new Numbered(scope, await makePlace(scope), folderOnDisk(scope));
    await numbered.place.server.serve(numbered.openPort, 'open');
    return numbered;
  }

  private constructor(scope: Scope, place: Place, folder: string) {
    this.place = place;
    this.#folder = folder;
    this.#keys = Array.from({ length: clientCount }, () => randomBytes(32).toString('hex'));
    this.#series = this.#keys.map(key => new NumberSeries(Buffer.from(key), doorPort));
    const clients = this.#keys.map((_, index) => ({
      name: `client-${index}`,
      psk_file: `client-${index}.psk`,
    }));
    this.#daemon = new Daemon(scope, place.server, {
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
      writeSecret(this.#daemon.folder, `client-${index}.psk`, `${key}\n`);
    }
  }

  async start(): Promise<void> {
    this.#program = this.#daemon.command(['run']);
    await this.#program.line(/ready/, patienceMs);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  async processes(): Promise<number[]> {
    const { pid, listener_pid: listener } = await this.#status();
    return [pid, listener];
  }

  async lost(): Promise<number> {
    return (await this.#status()).counters.lost;
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
    const file = join(this.#daemon.folder, `client-${this.#used++}.psk`);
    const periods = ['--period', `${periodMs / 1000}s`, '--tolerance', `${periodMs / 1000}s`];
    return {
      argv: [
        ...[process.execPath, `${project}/dist/src/client/portknock.cjs`],
        ...['connect', this.place.server.ipv4, String(doorPort), '--psk-file', file, ...periods],
      ],
      env: { XDG_STATE_HOME: join(this.#folder, 'client') },
    };
  }

  async #status(): Promise<{ pid: number; listener_pid: number; counters: { lost: number } }> {
    const program = this.#daemon.command(['status', '--json']);
    await program.end(patienceMs);
    return JSON.parse(program.stdout) as { pid: number; listener_pid: number; counters: { lost: number } };
  }
}
