/** Claims that wait for the thread that judges: each is judged once, or refused; whatever becomes of the thread. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Judging } from '../../src/daemon/judging.js';
import type { SignatorySettings } from '../../src/daemon/signatory.js';
import type { Claim, Judgement } from '../../src/methods/challenge/site.js';
import { parseAddress } from '../../src/net/address.js';
import { until } from './logbook.js';

const program = fileURLToPath(new URL('./hesitant.js', import.meta.url));
const patience = { start: 20_000, batch: 1500, restart: 5, longestRestart: 40 };

function settings(...clients: readonly string[]): SignatorySettings {
  const signer = { doors: [], revoked: false, openpgp: [], ssh: [] };
  return { verifyWith: 'openpgpjs', signers: clients.map(client => ({ ...signer, client })) };
}

class Bench {
  readonly judged: [string, Judgement][] = [];
  readonly troubles: string[] = [];
  dropped = 0;
  readonly judging: Judging;

  constructor(t: TestContext, file = program) {
    const events = {
      judged: ({ door }: Claim, judgement: Judgement) => void this.judged.push([door, judgement]),
      dropped: () => void this.dropped++,
      trouble: (what: string) => void this.troubles.push(what),
    };
    this.judging = new Judging(file, events, patience);
    this.judging.configure(settings('john'));
    t.after(() => this.judging.configure(undefined));
  }

  claim(door = 'ssh', from = '192.0.2.1'): void {
    const bytes = new Uint8Array(32);
    const fixed = { outcome: 'claim', kind: 'ssh', signature: bytes, text: bytes, digest: bytes } as const;
    this.judging.judge({ ...fixed, door, issuedAt: 1, source: parseAddress(from)!, at: 2 });
  }

  /** What became of each, in order. */
  get words(): string[] {
    return this.judged.map(([door, judgement]) =>
      'flaw' in judgement ? `${door}: ${judgement.flaw}` : `${door}: ${judgement.client}`,
    );
  }
}

test('each is judged, in order, by the settings that were there', async t => {
  const bench = new Bench(t);
  for (const door of ['ssh', 'flawed', 'told']) bench.claim(door);
  await until(() => bench.judged.length === 3);
  bench.judging.configure(settings('john', 'jane'));
  bench.claim('told');
  await until(() => bench.judged.length === 4);
  const first = 'openpgpjs: john';
  assert.deepEqual(bench.words, [
    'ssh: john',
    'flawed: not-touched',
    `told: ${first}`,
    `told: ${first} openpgpjs: john,jane`,
  ]);
  assert.deepEqual([bench.dropped, bench.troubles], [0, []]);
});

for (const [door, trouble] of [
  ['hang', 'signatory-hung'],
  ['die', 'signatory-died'],
] as const) {
  test(`one that would ${door} the thread is not judged, and the others are`, async t => {
    const bench = new Bench(t);
    for (const each of ['ssh', door, 'ssh', 'told']) bench.claim(each);
    await until(() => bench.judged.length === 4);
    assert.deepEqual(bench.words, ['ssh: john', `${door}: not-judged`, 'ssh: john', 'told: openpgpjs: john']);
    assert.deepEqual([bench.dropped, bench.troubles], [0, [trouble]]);
  });
}

test('so many wait and no more, and the newest falls', async t => {
  const bench = new Bench(t);
  bench.claim();
  await until(() => bench.judged.length === 1);
  bench.claim('hang');
  for (let count = 0; count < 300; count++) bench.claim(`door${count}`, `198.51.100.${count % 100}`);
  assert.equal(bench.dropped, 300 - 256);
  await until(() => bench.judged.length === 2 + 256);
  assert.equal(bench.words.at(-1), 'door255: john');
});

test('of one source, or one network of IPv6, few wait: it keeps no other out', async t => {
  const bench = new Bench(t);
  bench.claim();
  await until(() => bench.judged.length === 1);
  bench.claim('die');
  for (let count = 0; count < 100; count++) {
    bench.claim('ssh', '192.0.2.1');
    bench.claim('ssh', `2001:db8::${count.toString(16)}`);
    bench.claim('ssh', `2001:db8:${(count + 1).toString(16)}::1`);
  }
  assert.equal(bench.dropped, 200 - 2 * 16);
  bench.claim('told', '192.0.2.2');
  await until(() => bench.words.at(-1) === 'told: openpgpjs: john');
});

test('a file that is not there is a thread that died; what waits, waits', async t => {
  const bench = new Bench(t, '/nonexistent/signatory.cjs');
  bench.claim();
  await until(() => bench.troubles.length >= 2);
  assert.ok(bench.troubles.every(trouble => trouble === 'signatory-died'));
  assert.equal(bench.judged.length, 0);
});

test('without settings nothing is taken, and what waited is gone', async t => {
  const bench = new Bench(t);
  bench.claim();
  bench.judging.configure(undefined);
  bench.claim();
  bench.judging.configure(settings());
  bench.claim('told');
  await until(() => bench.judged.length > 0);
  assert.deepEqual(bench.words, ['told: openpgpjs: ']);
});
