/** What the listener does with hellos and responses: what it sends, what it tells the monitor, and what it only counts. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChallengeWatch } from '../../src/daemon/challengewatch.js';
import { newCounters } from '../../src/daemon/counters.js';
import { decodeFrame, type Frame, troubles } from '../../src/daemon/frames.js';
import { Quota } from '../../src/daemon/quota.js';
import {
  composeHello,
  composeResponse,
  helloRandomLength,
  type ReadChallenge,
  readChallenge,
  responseRandomLength,
} from '../../src/methods/challenge/compose.js';
import { reasons, type Verdict } from '../../src/methods/knock.js';
import { parseAddress } from '../../src/net/address.js';
import { libc } from '../../src/net/libc.js';
import { newPacket, udp } from '../../src/net/packet.js';
import { openReplySockets, takePort } from '../../src/net/replysocket.js';
import { until } from './logbook.js';

const skip = process.platform !== 'linux' && 'Linux only';
const thread = fileURLToPath(new URL('./hesitant.js', import.meta.url));
const siteKey = randomBytes(32);
const own = '127.0.0.77';

class Bench {
  readonly frames: Frame[] = [];
  readonly counters = newCounters();
  readonly client: Socket;
  readonly watch: ChallengeWatch;
  source = '127.0.0.1';

  private constructor(t: TestContext, client: Socket, port: number) {
    this.client = client;
    const sockets = openReplySockets();
    takePort(sockets, 'ipv4', port);
    const quota = new Quota(20, 10_000);
    const surroundings = {
      ...{ sockets, counters: this.counters, quota, summarise: () => {} },
      memory: { isHeard: () => false },
      decide: (verdict: NonNullable<Verdict>) => this.watch.conclude(verdict),
      tell: (frame: Buffer) => void this.frames.push(decodeFrame(Buffer.from(frame))!),
    };
    this.watch = new ChallengeWatch(surroundings, thread);
    const signer = { client: 'john', doors: ['ssh', 'flawed'], revoked: false, openpgp: [], ssh: [] };
    const settings = { port, site: '', verifyWith: 'openpgpjs', skewMs: 60_000 } as const;
    const doors = ['ssh', 'flawed', 'web'];
    this.watch.configure({ ...settings, siteKey: siteKey.toString('hex'), doors, signers: [signer] }, false);
    t.after(() => {
      this.watch.configure(undefined, false);
      for (const fd of Object.values(sockets)) if (fd !== undefined) libc().close(fd);
    });
  }

  static async start(t: TestContext): Promise<Bench> {
    const [client, free] = [createSocket('udp4'), createSocket('udp4')];
    t.after(() => client.close());
    for (const socket of [client, free]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const { port } = free.address();
    free.close();
    await once(free, 'close');
    return new Bench(t, client, port);
  }

  hear(payload: Uint8Array): void {
    const packet = { ...newPacket(), at: Date.now(), protocol: udp, payload };
    packet.source.set(parseAddress(this.source)!);
    packet.destination.set(parseAddress(own)!);
    this.watch.hear({ ...packet, sourcePort: this.client.address().port }, 0);
  }

  hello(door = 'ssh') {
    return composeHello({ siteKey }, door, Date.now(), randomBytes(helloRandomLength));
  }

  async challenge(door = 'ssh'): Promise<ReadChallenge> {
    const { payload, asked } = this.hello(door);
    const answer = once(this.client, 'message') as Promise<[Buffer, { address: string }]>;
    this.hear(payload);
    const [bytes, { address }] = await answer;
    assert.equal(address, own);
    return readChallenge(asked, bytes)!;
  }

  async respond(door = 'ssh'): Promise<void> {
    const challenge = await this.challenge(door);
    this.hear(composeResponse(challenge, 'ssh', randomBytes(100), randomBytes(responseRandomLength)));
  }

  /** What was refused, in words. */
  get refused(): string[] {
    const frames = this.frames.filter(({ kind }) => kind === 'challenge-refused');
    return frames.map(({ code, client, door }) => `${reasons[code]} ${client} ${door}`);
  }
}

test('a response that is right is asked to be opened, with the key', { skip }, async t => {
  const bench = await Bench.start(t);
  await bench.respond();
  await until(() => bench.frames.length > 0);
  const [{ kind, door, client, serial, source } = assert.fail()] = bench.frames;
  assert.deepEqual([kind, door, client, serial], ['open', 'ssh', 'john', '4f'.repeat(20)]);
  assert.deepEqual(source, parseAddress('127.0.0.1'));
  const { hellos, responses, knocks, 'challenges sent': sent } = bench.counters;
  assert.deepEqual([hellos, sent, responses, knocks], [1, 1, 1, 1]);
});

test('one that is not is told with its door, its client and its flaw', { skip }, async t => {
  const bench = await Bench.start(t);
  await bench.respond('flawed');
  await bench.respond('web');
  await until(() => bench.frames.length === 2);
  assert.deepEqual(bench.refused, ['bad-tag john flawed', 'not-allowed john web']);
  assert.equal(bench.frames[0]?.detail, 7);
});

test('noise and what was heard before uses up no words for others', { skip }, async t => {
  const bench = await Bench.start(t);
  const { payload } = bench.hello();
  for (let count = 0; count < 50; count++) {
    bench.hear(payload);
    bench.hear(randomBytes(128));
    bench.hear(randomBytes(300));
  }
  await once(bench.client, 'message');
  const said = new Map(['bad-tag', 'replayed'].map(word => [word, count(bench.refused, word)]));
  assert.deepEqual(
    [...said],
    [
      ['bad-tag', 5],
      ['replayed', 5],
    ],
  );
  assert.deepEqual([bench.counters['refused bad-tag'], bench.counters['refused replayed']], [100, 49]);
  assert.equal(bench.counters['challenges sent'], 1);
  for (let times = 0; times < 3; times++) await bench.respond('flawed');
  await until(() => count(bench.refused, 'bad-tag') === 8);
});

test('of a length that is none, it is counted', { skip }, async t => {
  const bench = await Bench.start(t);
  bench.hear(randomBytes(130));
  assert.deepEqual([bench.counters['challenges malformed'], bench.frames], [1, []]);
});

test('what cannot be sent is said a few times, with why', { skip }, async t => {
  const bench = await Bench.start(t);
  // Nothing from the loopback interface leaves it.
  bench.source = '192.0.2.1';
  for (let times = 0; times < 9; times++) bench.hear(bench.hello().payload);
  assert.deepEqual([bench.counters['challenges sent'], bench.counters['challenges not sent']], [0, 9]);
  assert.equal(bench.frames.length, 5);
  const { kind, code, value } = bench.frames[0]!;
  assert.deepEqual([kind, troubles[code]], ['trouble', 'unsent-challenge']);
  assert.ok(value > 0, 'an errno');
});

test('what is no host is not answered', { skip }, async t => {
  const bench = await Bench.start(t);
  for (const source of ['224.0.0.1', '255.255.255.255', '0.0.0.1', 'ff02::1']) {
    bench.source = source;
    bench.hear(bench.hello().payload);
  }
  assert.deepEqual([bench.counters['challenges sent'], bench.counters['challenges not sent']], [0, 0]);
  assert.deepEqual(bench.frames, []);
});

test('over IPv6 nothing is sent where this machine has none', { skip }, async t => {
  const bench = await Bench.start(t);
  bench.source = '::1';
  bench.hear(bench.hello().payload);
  assert.deepEqual([bench.counters['challenges sent'], bench.counters['challenges not sent']], [0, 0]);
});

function count(lines: readonly string[], word: string): number {
  return lines.filter(line => line.startsWith(`${word} `)).length;
}

test('a clock that is set locks nobody out, and brings no hello from before the start back', {
  skip,
}, async t => {
  const bench = await Bench.start(t);
  const { payload: old } = bench.hello();
  await bench.challenge();
  const now = Date.now.bind(Date);
  const hourMs = 3_600_000;
  for (const aheadMs of [-hourMs, hourMs, 0]) {
    t.mock.method(Date, 'now', () => now() + aheadMs);
    await bench.challenge();
  }
  const counted = bench.counters['refused stale'];
  t.mock.method(Date, 'now', () => now() - hourMs);
  bench.hear(old);
  const before = composeHello({ siteKey }, 'ssh', Date.now() - 30_000, randomBytes(helloRandomLength));
  bench.hear(before.payload);
  assert.equal(bench.counters['refused stale'], counted + 2);
});
