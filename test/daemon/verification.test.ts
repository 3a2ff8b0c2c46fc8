/** The thread that verifies: whatever becomes of it, those that come after are verified, and nothing grows. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mostDatagrams } from '../../src/daemon/backlog.js';
import type { DatagramSiteSettings } from '../../src/daemon/datagramsite.js';
import { Verification } from '../../src/daemon/verification.js';
import type { Verdict } from '../../src/methods/knock.js';
import { newPacket, udp } from '../../src/net/packet.js';
import { until } from './logbook.js';
import { die, exit, fill, hang } from './stubborn.js';

const program = fileURLToPath(new URL('./stubborn.js', import.meta.url));
const patience = { start: 20_000, batch: 300, restart: 5, longestRestart: 40 };
const settings: DatagramSiteSettings = {
  serverKey: '00',
  authorities: [],
  skewMs: 1000,
  allowOtherAddress: false,
  listRequired: false,
  doors: [],
  anyPort: false,
};

class Bench {
  readonly verdicts: NonNullable<Verdict>[] = [];
  readonly troubles: string[] = [];
  dropped = 0;
  sent = 0;
  readonly verification: Verification;

  constructor(t: TestContext, patienceMs = patience, file = program) {
    const events = {
      verdict: (verdict: NonNullable<Verdict>) => void this.verdicts.push(verdict),
      dropped: (count: number) => {
        this.dropped += count;
      },
      trouble: (what: string) => void this.troubles.push(what),
      heard: () => new Uint8Array(48),
    };
    this.verification = new Verification(file, events, Buffer.alloc(36, 1), patienceMs);
    this.verification.configure(settings);
    t.after(() => this.verification.configure(undefined));
  }

  /** From a source and with a point of its own. @param port what the thread is to do */
  send(port = 1): void {
    const packet = newPacket();
    const payload = Buffer.alloc(100);
    payload.writeUInt32BE(++this.sent, 40);
    packet.source.set(payload.subarray(40, 44), 12);
    Object.assign(packet, { at: 1000, protocol: udp, port, payload });
    this.verification.hear(packet);
    // As the listener's: it is filled again.
    packet.source.fill(0);
    payload.fill(0xff);
  }

  /** Whether all that was sent has come to something. */
  get isQuiet(): boolean {
    return this.verdicts.length + this.dropped === this.sent;
  }
}

test('each gets its verdict, in order, by the settings that were there', async t => {
  const bench = new Bench(t);
  for (let port = 1; port <= 50; port++) bench.send(port);
  await until(() => bench.isQuiet);
  assert.deepEqual(
    bench.verdicts.map(verdict => verdict.outcome === 'refused' && verdict.detail),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  assert.deepEqual(bench.verdicts[0]?.door, 'settings 1000 heard 48');
  assert.equal(bench.verdicts[0]?.client, '0', 'its own copy of the bytes');
  assert.deepEqual(bench.verdicts[6]?.source, Uint8Array.of(...new Array(15).fill(0), 7));
  bench.verification.setLists({ text: 'lists', areAwaited: false });
  bench.verification.accepted(new Uint8Array(32));
  bench.verification.configure({ ...settings, skewMs: 2000 });
  bench.send();
  await until(() => bench.isQuiet);
  assert.equal(bench.verdicts.at(-1)?.door, 'settings 1000 heard 48 lists heard 16 settings 2000');
  assert.deepEqual([bench.dropped, bench.troubles], [0, []]);
});

for (const [what, port, trouble] of [
  ['hangs', hang, 'verifier-hung'],
  ['throws', die, 'verifier-died'],
  ['exits', exit, 'verifier-died'],
  ['takes all memory', fill, 'verifier-died'],
] as const) {
  test(`a thread that ${what} is replaced by one that knows everything`, async t => {
    const bench = new Bench(t, port === fill ? { ...patience, batch: 60_000 } : patience);
    bench.verification.setLists({ text: 'lists', areAwaited: false });
    bench.send();
    await until(() => bench.isQuiet);
    bench.send(port);
    for (let others = 0; others < 5; others++) bench.send();
    await until(() => bench.isQuiet);
    assert.deepEqual(bench.troubles, [trouble]);
    assert.equal(bench.dropped, 1, 'what it had');
    assert.equal(bench.verdicts.length, 6, 'the others waited');
    assert.equal(bench.verdicts.at(-1)?.door, 'settings 1000 lists heard 48');
  });
}

test('while it hangs as much waits as has room, and all of that is verified then', async t => {
  const bench = new Bench(t, { ...patience, batch: 1500 });
  bench.send();
  await until(() => bench.isQuiet);
  bench.send(hang);
  for (let others = 0; others < 3 * mostDatagrams; others++) bench.send();
  assert.equal(bench.dropped, 2 * mostDatagrams);
  await until(() => bench.isQuiet);
  assert.equal(bench.verdicts.length, 1 + mostDatagrams);
  assert.equal(bench.dropped, 2 * mostDatagrams + 1);
});

test('one that dies each time is started less and less often, and works again', async t => {
  const bench = new Bench(t);
  for (let times = 0; times < 6; times++) {
    bench.send(die);
    await until(() => bench.isQuiet);
  }
  assert.deepEqual(bench.troubles, new Array(6).fill('verifier-died'));
  bench.send();
  await until(() => bench.verdicts.length === 1);
});

test('one that never begins is ended, again and again', async t => {
  process.env['PORTKNOCK_STUBBORN'] = 'mute';
  const bench = new Bench(t, { ...patience, start: 30 });
  bench.send();
  await until(() => bench.troubles.length >= 3);
  process.env['PORTKNOCK_STUBBORN'] = '';
  assert.ok(bench.troubles.every(trouble => trouble === 'verifier-hung'));
});

test('a file that is not there is a thread that died, and the process lives', async t => {
  const bench = new Bench(t, patience, '/nonexistent/verifier.cjs');
  await until(() => bench.troubles.length >= 2);
  assert.ok(bench.troubles.every(trouble => trouble === 'verifier-died'));
});

test('without settings nothing is taken, and what waited is gone', async t => {
  const bench = new Bench(t);
  bench.send();
  bench.verification.configure(undefined);
  bench.send();
  bench.verification.configure(settings);
  bench.send(7);
  await until(() => bench.verdicts.length > 0);
  assert.deepEqual(
    bench.verdicts.map(verdict => verdict.outcome === 'refused' && verdict.detail),
    [7],
  );
  assert.deepEqual([bench.dropped, bench.troubles], [0, []]);
});

test('lists that it can make nothing of are told of, and nothing else is touched', async t => {
  const bench = new Bench(t);
  bench.send();
  await until(() => bench.isQuiet);
  bench.verification.setLists({ text: 'bad', areAwaited: false });
  bench.send();
  await until(() => bench.isQuiet);
  assert.deepEqual(bench.troubles, ['bad-lists']);
});

test('whether lists are awaited is told without the lists, and known to a thread that begins', async t => {
  const bench = new Bench(t);
  bench.verification.setLists({ text: 'lists', areAwaited: true });
  bench.send();
  await until(() => bench.isQuiet);
  bench.verification.setLists({ areAwaited: false });
  bench.send();
  await until(() => bench.isQuiet);
  const [first, second] = bench.verdicts.map(({ door }) => door);
  assert.deepEqual([first, second], ['settings 1000 awaited lists heard 48', `${first} `]);
  bench.send(die);
  await until(() => bench.isQuiet);
  bench.send();
  await until(() => bench.isQuiet);
  assert.equal(bench.verdicts.at(-1)?.door, 'settings 1000 lists heard 48');
});

test('one that has long lists to read is given the time that it takes', async t => {
  const bench = new Bench(t);
  bench.send();
  await until(() => bench.isQuiet);
  bench.verification.setLists({ text: ' '.repeat(2_000_000), areAwaited: false });
  bench.send();
  await until(() => bench.isQuiet);
  assert.deepEqual([bench.dropped, bench.troubles], [0, []]);
});

test('lists that are there before the settings are known before anything is verified', async t => {
  const bench = new Bench(t);
  bench.verification.configure(undefined);
  bench.verification.setLists({ text: 'lists', areAwaited: false });
  bench.verification.configure(settings);
  bench.send();
  await until(() => bench.isQuiet);
  assert.equal(bench.verdicts[0]?.door, 'settings 1000 lists heard 48');
});
