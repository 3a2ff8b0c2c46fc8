/** Who came in by a sequence number, and why somebody did not: what the kernel let in and refused, and what it never saw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/methods/knock.js';
import { type Fate, SequenceNumber } from '../../../src/methods/sequence-number/recognise.js';
import type { NumberSite } from '../../../src/methods/sequence-number/site.js';
import { formatAddress } from '../../../src/net/address.js';
import { udp } from '../../../src/net/packet.js';
import { chanceFrom } from '../chance.js';
import { seedOf } from '../seed.js';
import { noon, numberOf, periodMs, type Sent, sent, site } from './sending.js';

const minute = 60_000;

/** In a line: what is of interest in a verdict. */
function say(verdict: Verdict): string {
  if (verdict === undefined) return 'nothing';
  const { client, door, source, at } = verdict;
  const who = `${client} ${door} ${formatAddress(source)} ${at - noon}`;
  if (verdict.outcome === 'knock') return `in ${who}${verdict.once === undefined ? '' : ' once'}`;
  return `${verdict.reason} ${who}${verdict.detail === undefined ? '' : ` (${verdict.detail})`}`;
}

function heard(method: SequenceNumber, fate: Fate | undefined, packet: Sent = {}): string {
  return say(method.recognise(sent(packet), fate));
}

const tolerant = { ...site, toleranceMs: 0 };
const used = numberOf('laptop', 22, noon);
const here = '192.0.2.7 0';

/** One packet that a new server hears. */
const cases: readonly [string, Fate | undefined, Sent, string, NumberSite?][] = [
  ['let in', 'admitted', {}, `in laptop ssh ${here}`],
  ['let in over IPv6', 'admitted', { source: '2001:db8::7' }, 'in laptop ssh 2001:db8::7 0'],
  ['let in at another port', 'admitted', { port: 443 }, `in laptop web ${here}`],
  ['let in, another client', 'admitted', { client: 'phone' }, `in phone ssh ${here}`],
  ['let in, a clock behind', 'admitted', { behindMs: 30_000 }, `in laptop ssh ${here}`],
  ['let in, a clock ahead', 'admitted', { behindMs: -30_000 }, `in laptop ssh ${here}`],
  ['let in a second before its time', 'admitted', { behindMs: -60_000 }, `in laptop ssh ${here}`],
  ['let in, looked at five seconds late', 'admitted', { behindMs: 5000 }, `in laptop ssh ${here}`, tolerant],
  ['let in with a number of nobody', 'admitted', { sequence: 12345 }, 'nothing'],
  ['let in with the number of one who is gone', 'admitted', { client: 'lost' }, 'nothing'],
  ['let in at a port of nobody', 'admitted', { port: 25 }, 'nothing'],

  ['refused with a number that is good', 'refused', {}, `replayed laptop ssh ${here} (${used})`],
  ['refused at another port', 'refused', { port: 443, derivedFor: 22 }, 'nothing'],
  ['refused, the number of one who is gone', 'refused', { client: 'lost' }, `revoked lost ssh ${here}`],
  [
    'refused, of one who is gone, an hour ago',
    'refused',
    { client: 'lost', behindMs: 60 * minute },
    `revoked lost ssh ${here}`,
  ],
  ['refused, for another door', 'refused', { client: 'guest' }, `not-allowed guest ssh ${here}`],
  ['refused, for another door', 'refused', { client: 'phone', port: 443 }, `not-allowed phone web ${here}`],
  ['refused, a number of nobody', 'refused', { sequence: 12345 }, 'nothing'],
  ['refused, no number', 'refused', { sequence: 0 }, 'nothing'],

  // The middle of the period in which the client's clock is.
  ['a clock 2 minutes behind', 'refused', { behindMs: 2 * minute }, `stale laptop ssh ${here} (120000)`],
  ['a clock 2 minutes ahead', 'refused', { behindMs: -2 * minute }, `stale laptop ssh ${here} (-120000)`],
  ['a clock just too far behind', 'refused', { behindMs: 45_001 }, `stale laptop ssh ${here} (60000)`],
  ['a clock just too far ahead', 'refused', { behindMs: -45_000 }, `stale laptop ssh ${here} (-60000)`],
  ['a clock an hour behind', 'refused', { behindMs: 60 * minute }, `stale laptop ssh ${here} (3600000)`],
  ['a clock an hour ahead', 'refused', { behindMs: -60 * minute }, `stale laptop ssh ${here} (-3600000)`],
  ['a clock too far behind to tell', 'refused', { behindMs: 61 * minute }, 'nothing'],
  ['a clock too far ahead to tell', 'refused', { behindMs: -61 * minute }, 'nothing'],

  ['nobody has decided: good', undefined, {}, `in laptop ssh ${here}`],
  ['nobody has decided: a clock behind', undefined, { behindMs: 30_000 }, `in laptop ssh ${here}`],
  ['nobody has decided: stale', undefined, { behindMs: 2 * minute }, `stale laptop ssh ${here} (120000)`],
  ['nobody has decided: revoked', undefined, { client: 'lost' }, `revoked lost ssh ${here}`],
  ['nobody has decided: a number of nobody', undefined, { sequence: 12345 }, 'nothing'],

  ['not a SYN alone', 'refused', { flags: 0x12 }, 'nothing'],
  ['no SYN', undefined, { flags: 0x10 }, 'nothing'],
  ['a SYN with ECN', undefined, { flags: 0xc2 }, `in laptop ssh ${here}`],
  ['UDP', 'admitted', { protocol: udp }, 'nothing'],

  ['derived for another port', 'admitted', { derivedFor: 2222 }, `in laptop ssh ${here}`, forwarded()],
  ['derived for its own where it is another', 'refused', {}, 'nothing', forwarded()],
];

function forwarded(): NumberSite {
  return { ...site, port: 2222, doors: [{ name: 'ssh', ports: [22] }] };
}

for (const [name, fate, packet, expected, where = site] of cases) {
  test(`${name}: ${expected.split(' ')[0]}`, () => {
    assert.equal(heard(new SequenceNumber(where), fate, packet), expected);
  });
}

test('the names are as the configuration has them where two doors have a port', () => {
  const doors = [{ name: 'all', ports: [22, 80] }, ...site.doors];
  const method = new SequenceNumber({ ...site, doors });
  assert.equal(heard(method, 'admitted'), `in laptop ssh ${here}`);
  assert.equal(heard(method, 'refused', { client: 'guest' }), `not-allowed guest all ${here}`);
});

test('a SYN that is sent again says nothing new, whatever was said of it', () => {
  for (const [fate, packet] of [
    ['admitted', {}],
    ['refused', {}],
    ['refused', { behindMs: 2 * minute }],
    ['refused', { client: 'lost' }],
    [undefined, {}],
  ] as const) {
    const method = new SequenceNumber(site);
    const { sequence } = sent(packet);
    assert.notEqual(heard(method, fate, packet), 'nothing');
    for (const later of [1000, 3000, 7000]) {
      const again = { ...packet, sequence, at: noon + later };
      assert.equal(heard(method, fate && 'refused', again), 'nothing', `${fate} ${later}`);
    }
  }
});

test('the same number again is refused, from wherever', () => {
  for (const fate of ['refused', undefined] as const) {
    const method = new SequenceNumber(site);
    assert.equal(heard(method, fate && 'admitted'), `in laptop ssh ${here}`);
    assert.equal(heard(method, fate, { sourcePort: 40_002 }), `replayed laptop ssh ${here} (${used})`);
    assert.equal(heard(method, fate, { source: '192.0.2.8' }), `replayed laptop ssh 192.0.2.8 0 (${used})`);
    assert.equal(
      heard(method, fate, { port: 443, sourcePort: 40_003 }),
      fate ? `replayed laptop web ${here} (${numberOf('laptop', 443, noon)})` : `in laptop web ${here}`,
    );
  }
});

test('a second connection within a period comes in with another number that is good', () => {
  const method = new SequenceNumber(site);
  const tries = [0, 30_000, -30_000].map((behindMs, sourcePort) =>
    heard(method, undefined, { behindMs, sourcePort }),
  );
  assert.deepEqual(new Set(tries), new Set([`in laptop ssh ${here}`]));
});

test('a number that was let in before its time is used when it comes again', () => {
  const method = new SequenceNumber(site);
  const next = { behindMs: -60_000, sequence: numberOf('laptop', 22, noon + 60_000) };
  assert.equal(heard(method, 'admitted', next), `in laptop ssh ${here}`);
  assert.match(heard(method, 'refused', { ...next, sourcePort: 1 }), /^replayed/);
});

test('a number that is good at two ports lets in one at each', () => {
  const method = new SequenceNumber({ ...forwarded(), doors: [{ name: 'ssh', ports: [22, 80] }] });
  for (const port of [22, 80]) {
    const packet = { port, derivedFor: 2222 };
    assert.equal(heard(method, undefined, packet), `in laptop ssh ${here}`);
    assert.match(heard(method, undefined, { ...packet, sourcePort: 1 }), /^replayed/);
  }
});

test('a used number whose time is over is stale, like any', () => {
  const method = new SequenceNumber(site);
  const { sequence } = sent();
  heard(method, 'admitted');
  const old = { sequence, at: noon + 2 * minute, sourcePort: 1 };
  assert.equal(heard(method, 'refused', old), `stale laptop ssh 192.0.2.7 ${2 * minute} (120000)`);
});

test('nobody has decided: a number that comes too early comes in when it is sent again in time', () => {
  const method = new SequenceNumber(site);
  const sequence = numberOf('laptop', 22, noon + 45_000);
  assert.match(heard(method, undefined, { sequence }), /^stale .*\(-60000\)$/);
  assert.match(heard(method, undefined, { sequence, at: noon + 1000 }), /^nothing/);
  assert.match(heard(method, undefined, { sequence, at: noon + 15_000 }), /^in laptop/);
});

test('as time goes by each period has its number, and no other', () => {
  const method = new SequenceNumber(site);
  for (let step = 0; step < 500; step++) {
    const at = noon + step * periodMs;
    const sourcePort = step + 1;
    assert.match(heard(method, 'admitted', { at, sourcePort }), /^in laptop ssh/);
    assert.match(
      heard(method, 'refused', { at, sourcePort, behindMs: 50 * minute }),
      /^stale .*\(3000000\)$/,
    );
    assert.equal(heard(method, 'refused', { at, sourcePort, behindMs: 70 * minute }), 'nothing');
    // An hour each way and now, of four clients.
    assert.ok(method.kept <= 241 * 4, `${method.kept}`);
  }
});

test('a clock that is set, back and ahead, at any time', () => {
  const method = new SequenceNumber(site);
  for (const [sourcePort, at] of [noon, noon - 86_400_000, noon + 86_400_000, 0, 40_000, noon].entries()) {
    assert.match(heard(method, 'admitted', { at, sourcePort }), /^in laptop ssh/);
    assert.match(heard(method, 'refused', { at, sourcePort: 100 + sourcePort }), /^replayed/);
  }
  assert.equal(heard(method, 'refused', { at: -1, sequence: 7 }), 'nothing');
});

test('another configuration: who comes, who goes, and what has been used', () => {
  const method = new SequenceNumber({ ...site, clients: site.clients.slice(1) });
  assert.equal(heard(method, 'admitted'), 'nothing');
  assert.equal(heard(method, 'admitted', { client: 'phone' }), `in phone ssh ${here}`);
  method.site = site;
  assert.equal(method.site, site);
  assert.equal(heard(method, 'admitted'), `in laptop ssh ${here}`);
  assert.equal(heard(method, 'refused'), 'nothing');
  assert.match(heard(method, undefined, { client: 'phone', sourcePort: 2 }), /^replayed phone/);
  const revoked = site.clients.map(client => ({ ...client, revoked: true }));
  method.site = { ...site, clients: revoked };
  assert.match(heard(method, 'refused', { sourcePort: 3 }), /^revoked laptop/);
  method.site = { ...site, periodMs: 60_000 };
  assert.equal(heard(method, 'admitted', { sourcePort: 4 }), 'nothing');
  const sequence = numberOf('laptop', 22, noon, 60_000);
  assert.equal(heard(method, 'admitted', { sourcePort: 4, sequence }), `in laptop ssh ${here}`);
  method.site = { ...site, doors: [] };
  assert.equal(heard(method, 'admitted', { sourcePort: 5 }), 'nothing');
});

/** Very many of equal rights. */
function crowd(clients: number): NumberSite {
  const made = Array.from({ length: clients }, (_, index) => ({
    name: `c${index}`,
    psk: Buffer.from(`key ${index}`),
    doors: ['ssh'],
    revoked: false,
  }));
  return { ...site, clients: [...made, ...site.clients] };
}

test('one packet makes no more numbers than it may; sent again, it is looked for further out', () => {
  const method = new SequenceNumber(site, 40);
  const stale = { behindMs: 30 * minute };
  const tries = Array.from({ length: 8 }, () => heard(method, 'refused', stale));
  const first = tries.findIndex(said => said !== 'nothing');
  assert.ok(first > 0, tries.join());
  assert.match(tries[first]!, /^stale laptop ssh .*\(1800000\)$/);
  assert.match(heard(method, 'admitted', { port: 443 }), /^in laptop/);
});

test('with very many clients those that come in are named, and old numbers are known less far back', () => {
  const method = new SequenceNumber(crowd(1000), Number.POSITIVE_INFINITY);
  assert.match(heard(method, 'admitted', { behindMs: 30_000 }), /^in laptop/);
  assert.match(heard(method, 'refused', { behindMs: 60_000 }), /^stale .*\(60000\)$/);
  assert.equal(heard(method, 'refused', { behindMs: 10 * minute }), 'nothing');
  assert.equal(heard(method, 'refused', { client: 'lost', behindMs: 10 * minute }), 'nothing');
  assert.match(heard(method, 'refused', { client: 'lost' }), /^revoked/);
});

test('random packets are never a knock, and throw nothing', t => {
  const chance = chanceFrom(seedOf(t));
  const method = new SequenceNumber(site);
  for (let packet = 0; packet < 20_000; packet++) {
    const fate = ([undefined, 'admitted', 'refused'] as const)[chance.below(3)];
    const verdict = method.recognise(
      sent({
        at: noon + chance.below(10 * minute),
        port: [22, 80, 443, chance.below(65_536)][chance.below(4)]!,
        sequence: chance.word(),
        source: `192.0.2.${chance.below(256)}`,
        sourcePort: chance.below(65_536),
        flags: chance.below(2) === 0 ? 2 : chance.below(256),
        protocol: [6, 17, 0, 255][chance.below(4)]!,
      }),
      fate,
    );
    // Some 2,000 are looked at, against less than 20 numbers that are good: a hit in one of 100,000 samples.
    assert.notEqual(verdict?.outcome, 'knock');
  }
});

test('what it remembers of those who came in is bounded', () => {
  const method = new SequenceNumber(site);
  for (let sourcePort = 0; sourcePort < 10_000; sourcePort++)
    heard(method, 'admitted', { sourcePort, sequence: used });
  assert.match(heard(method, 'refused', { sourcePort: 0, sequence: used }), /^replayed/);
  assert.equal(heard(method, 'refused', { sourcePort: 9999, sequence: used }), 'nothing');
});
