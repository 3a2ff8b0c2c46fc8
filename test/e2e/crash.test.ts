/**
 * kill -9 of either process at random moments while knocks come in, two hundred times: no opening outlives its time, no
 * knock is accepted twice, every closing command runs.
 *
 * Several daemons, each in a namespace of its own, are killed side by side. What opened is read in the kernel, not in
 * the daemon's words: an element's timeout can only be what the door says, and is gone when it is over.
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { composeSealed } from '../../src/methods/port-sequence/compose.js';
import { parseAddress } from '../../src/net/address.js';
import { Daemon } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Scope } from './harness/program.js';

const lanes = 4;
const killsPerLane = 50;
const openForMs = 1000;
const longestDelayMs = 60;

/** A generator that gives the same moments for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Lane {
  readonly #scope: Scope;
  readonly #random: () => number;
  #server!: Host;
  #client!: Host;
  #daemon!: Daemon;
  #time = Date.now() - 30_000;
  accepted = 0;
  replays = 0;
  jobs = 0;

  constructor(scope: Scope, seed: number) {
    this.#scope = scope;
    this.#random = randomFrom(seed);
  }

  async run(): Promise<void> {
    const network = await Network.create(this.#scope);
    this.#server = network.server;
    this.#client = await network.addClient();
    await this.#server.serve(22, 'in');
    this.#daemon = new Daemon(this.#scope, this.#server);
    this.#configure();
    for (let kill = 0; kill < killsPerLane; kill++) await this.#round();
    await this.#settle();
  }

  #configure(): void {
    const script = (word: string) => {
      const path = join(this.#daemon.folder, word);
      writeFileSync(path, `#!/bin/sh\necho ${word} >> ${this.#events}\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const [run, close] = [script('run'), script('close')];
    this.#daemon.configure({
      doors: [
        { name: 'ssh', command: 1, services: ['tcp/22'], open_for: `${openForMs}ms` },
        {
          name: 'job',
          command: 2,
          run: [run, '{source}'],
          close_run: [close, '{source}'],
          open_for: '300ms',
        },
      ],
    });
  }

  /** What the job's two commands have done, in order: a word a line. */
  get #events(): string {
    return join(this.#daemon.folder, 'events');
  }

  /** Starts, knocks for both doors, kills one of the two at some moment; then plays the knocks again. */
  async #round(): Promise<void> {
    const program = await this.#daemon.run();
    const [first, second] = [this.#knock(1), this.#knock(2)];
    const knocking = this.#client.tap(this.#server.ipv4, [...first, ...second]);
    await sleep(this.#random() * longestDelayMs);
    if (this.#random() < 0.5) await program.kill();
    else await this.#killListener(program.pid);
    await knocking;
    await program.ended;
    await this.#requireBounded();
    if (this.#random() < 0.3) await this.#playAgain(first, program.stderr.includes('opened ssh'));
  }

  #knock(commandId: number): number[] {
    const key = (name: string) =>
      Buffer.from(readFileSync(join(this.#daemon.folder, name), 'utf8').trim(), 'hex');
    this.#time = Math.max(this.#time + 1, Date.now());
    return composeSealed({
      siteKey: key('site.key'),
      key: key('laptop.key'),
      clientId: 7,
      commandId,
      time: this.#time,
      basePort: this.#daemon.basePort,
      spelling: this.#daemon.spelling,
      address: parseAddress(this.#client.ipv4)!,
    });
  }

  async #killListener(monitor: number): Promise<void> {
    const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim().split(' ');
    const listener = children.find(pid => pid !== '' && isListener(pid));
    if (listener !== undefined) process.kill(Number(listener), 'SIGKILL');
    else process.kill(monitor, 'SIGKILL');
  }

  /** Right after the kill: whatever is open has no more time left than a door gives. */
  async #requireBounded(): Promise<void> {
    const text = await this.#server.namespace.exec('nft', [
      '--json',
      'list',
      'set',
      'inet',
      'portknock',
      'open4',
    ]);
    for (const [, timeout] of text.matchAll(/"timeout": (\d+)/g))
      assert(Number(timeout) * 1000 <= openForMs, text);
    if (text.includes('"expires"')) this.accepted++;
  }

  /** A knock that opened does not open a second time, whichever process was killed in between. */
  async #playAgain(ports: readonly number[], hadOpened: boolean): Promise<void> {
    await this.#shut();
    const program = await this.#daemon.run();
    const before = await this.#client.portState(this.#server.ipv4, 22, 50);
    assert.equal(before, 'silent');
    await this.#client.tap(this.#server.ipv4, ports);
    await program.line(/replayed|opened/);
    // Heard for the first time if the kill came before all of it had been sent; otherwise it is a replay.
    const isReplay = program.stderr.includes('replayed');
    assert(isReplay || !hadOpened, `opened twice:\n${program.stderr}`);
    if (isReplay) this.replays++;
    else await this.#again(ports);
    await program.kill();
  }

  async #again(ports: readonly number[]): Promise<void> {
    await this.#client.tap(this.#server.ipv4, ports);
    await this.#daemon.program?.line(/replayed/);
    this.replays++;
  }

  async #shut(): Promise<void> {
    const shut = async () => (await this.#client.portState(this.#server.ipv4, 22, 100)) === 'silent';
    await eventually('shut', shut, openForMs + 2000);
  }

  /** After the last start nothing is owed, nothing is open. */
  async #settle(): Promise<void> {
    await this.#daemon.run();
    const status = async () => {
      const command = this.#daemon.command(['status', '--json']);
      await command.end();
      return JSON.parse(command.stdout) as { openings: { service: string }[] };
    };
    await eventually('nothing is open or owed', async () => (await status()).openings.length === 0, 10_000);
    const events = readFileSync(this.#events, 'utf8').trim().split('\n');
    this.jobs = events.filter(word => word === 'run').length;
    assert.equal(events.at(-1), 'close', events.join(' '));
    await this.#shut();
  }
}

function isListener(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('listener.js');
  } catch {
    return false;
  }
}

describe('kill -9', { skip: notIsolated }, () => {
  test(`${lanes * killsPerLane} times at random moments`, { timeout: 400_000 }, async t => {
    const seed = Number(process.env['PORTKNOCK_SEED'] ?? Date.now() % 2 ** 31);
    t.diagnostic(`seed ${seed} (PORTKNOCK_SEED)`);
    const runs = Array.from({ length: lanes }, (_, at) => new Lane(t, seed + at));
    await Promise.all(runs.map(lane => lane.run()));
    const accepted = runs.reduce((sum, lane) => sum + lane.accepted, 0);
    const replays = runs.reduce((sum, lane) => sum + lane.replays, 0);
    t.diagnostic(`${accepted} knocks had opened when the kill came, ${replays} replays were refused`);
    // Otherwise the moments were chosen badly, and the test shows nothing.
    assert(
      accepted > 10 && accepted < lanes * killsPerLane,
      `${accepted} of ${lanes * killsPerLane} had opened`,
    );
    assert(replays > 10 && runs.every(({ jobs }) => jobs > 5));
  });
});
