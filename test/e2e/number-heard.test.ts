/**
 * What the listener hears of sequence numbers, from a real kernel: its rules log with a prefix what they made of a SYN.
 * The rules are as few as can be: nothing is tested here of the daemon's own.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tcp } from '../../src/net/packet.js';
import { numberOf } from '../methods/sequence-number/sending.js';
import { ipv4, syn } from '../net/made.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { frame, writeChecksum } from './harness/frames.js';
import { listenerUser, notIsolated, project } from './harness/isolation.js';
import type { Told } from './harness/listenprogram.js';
import { Network } from './harness/network.js';
import type { Program, Scope } from './harness/program.js';
import { Sender } from './harness/sender.js';

const minute = 60_000;

const rules = `table inet numbered {
  set numbers { typeof tcp dport . tcp sequence; flags dynamic,timeout; timeout 60s; }
  chain in {
    type filter hook prerouting priority raw; policy accept;
    tcp flags & (fin|syn|rst|ack) == syn tcp dport 22 jump number
    tcp dport 7000 log group 5 drop
    tcp dport 7001 log prefix "something else" group 5 drop
  }
  chain number {
    tcp dport . tcp sequence @numbers goto admit
    log prefix "number refused" group 5 snaplen 256 drop
  }
  chain admit {
    delete @numbers { tcp dport . tcp sequence } log prefix "number admitted" group 5 snaplen 256 drop
  }
}`;

class Scene {
  readonly #program: Program;
  readonly #sender: Sender;
  readonly #network: Network;
  readonly #told: Told[] = [];

  private constructor(network: Network, program: Program, sender: Sender) {
    this.#network = network;
    this.#program = program;
    this.#sender = sender;
    program.onLine(line => this.#told.push(JSON.parse(line) as Told));
  }

  static async create(scope: Scope): Promise<Scene> {
    const network = await Network.create(scope);
    const client = await network.addClient();
    await network.server.namespace.nft(rules);
    const argv = [
      `${project}/dist/test/e2e/harness/listenprogram.js`,
      temporaryFolder(scope, 'listener'),
      listenerUser(),
    ];
    const program = network.server.namespace.start(process.execPath, argv);
    const scene = new Scene(network, program, new Sender(client.namespace));
    await scene.hears('ready');
    return scene;
  }

  /** Puts the number into the kernel's set. */
  async allow(number: number): Promise<void> {
    await this.#network.server.namespace.nft(`add element inet numbered numbers { 22 . ${number} }`);
  }

  async send(sequence: number, sourcePort: number, port = 22): Promise<void> {
    const segment = syn({ sourcePort, port, sequence });
    await this.#sender.frame('uplink', frame(writeChecksum(ipv4(tcp, segment))));
  }

  async forgetClients(gone: readonly string[]): Promise<number> {
    this.#program.write(`${JSON.stringify({ gone })}\n`);
    return (await this.hears('configured')).detail ?? 0;
  }

  /** Waits for one thing that is told, the next of all but what tells of the load. */
  async hears(kind: string): Promise<Told> {
    const told = await eventually(`told: ${kind}`, () => {
      while (['summary', 'gather', 'stage'].includes(this.#told[0]?.kind ?? '')) this.#told.shift();
      return this.#told.shift();
    });
    assert.equal(told.kind, kind, JSON.stringify(told));
    return told;
  }
}

const source = '192.0.2.7';

describe('sequence numbers', { skip: notIsolated }, () => {
  test('who was let in, who was not and why, and what is for other methods', async t => {
    const scene = await Scene.create(t);
    const now = Date.now();
    const number = numberOf('laptop', 22, now);
    await scene.allow(number);
    await scene.send(12_345, 1);
    await scene.send(number, 2);
    const who = { client: 'laptop', door: 'ssh', source };
    assert.deepEqual(await scene.hears('admitted'), { kind: 'admitted', detail: number, ...who });
    // The same SYN again, then another with its number.
    await scene.send(number, 2);
    await scene.send(number, 3);
    const refused = { kind: 'refused', ...who };
    assert.deepEqual(await scene.hears('refused'), { ...refused, reason: 'replayed', detail: number });
    await scene.send(numberOf('laptop', 22, now - 10 * minute), 4);
    const { detail = 0, ...stale } = await scene.hears('refused');
    assert.deepEqual(stale, { ...refused, reason: 'stale' });
    assert.ok(detail > 9 * minute, `${detail}`);
    await scene.send(numberOf('lost', 22, now), 5);
    assert.equal((await scene.hears('refused')).reason, 'revoked');
    await scene.send(1, 6, 7000);
    await scene.send(2, 7, 7001);
    assert.equal((await scene.hears('open')).door, 'plain');
  });

  test('another configuration is heard of, and what was used before stays known', async t => {
    const scene = await Scene.create(t);
    const [number, other] = ['laptop', 'phone'].map(name => numberOf(name, 22, Date.now())) as [
      number,
      number,
    ];
    await scene.allow(number);
    await scene.send(number, 1);
    assert.equal((await scene.hears('admitted')).client, 'laptop');
    assert.equal(await scene.forgetClients(['phone']), 1);
    await scene.allow(other);
    await scene.send(number, 1);
    await scene.send(other, 2);
    // Whoever it was, the kernel has let him in.
    assert.deepEqual(await scene.hears('admitted'), {
      kind: 'admitted',
      detail: other,
      source,
      door: '',
      client: '',
    });
    await scene.send(number, 3);
    assert.equal((await scene.hears('refused')).reason, 'replayed');
    assert.equal(await scene.forgetClients([]), 4);
    await scene.allow(other);
    await scene.send(other, 4);
    assert.equal((await scene.hears('admitted')).client, 'phone');
  });
});
