/** Spread knocks in company: of older knocks, of a neighbour behind the same address, of replays, floods and sprays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zeroAddress } from '../../../src/methods/port-sequence/sealed.js';
import { type Chance, chanceFrom } from '../chance.js';
import { type Carried, Network } from '../network.js';
import { seedOf } from '../seed.js';
import { assertShare, atLeast, bounds } from '../shares.js';
import { Ear, words } from './hearing.js';
import {
  accepted,
  arrivedOf,
  begin,
  betweenSynsMs,
  hear,
  isUnderstandable,
  knock,
  knockLength,
  randomSource,
  randomSyn,
  type Syn,
  spreadSite,
  together,
} from './knocking.js';

/** SYNs that suffice. */
const enough = 19;
/** How long a knock takes to leave. */
const burstMs = (knockLength - 1) * betweenSynsMs;

const percent = (count: number, of: number): string => `${((100 * count) / of).toFixed(1)} %`;

/** Random SYNs of one source, or of one new source each, in the order of random times. */
function spray(
  chance: Chance,
  count: number,
  from: number,
  forMs: number,
  source?: Uint8Array,
): Carried<Syn>[] {
  const syns = Array.from({ length: count }, () => ({
    at: from + chance.fraction() * forMs,
    item: randomSyn(chance, source ?? randomSource(chance)),
  }));
  return together(syns);
}

type Arrival = 'too few' | 'just enough' | 'more';

/** Of so many knocks of which so many SYNs arrived, how many got in. */
type Tally = Record<Arrival, { knocks: number; inside: number }>;

/** Ten knocks each of many sources, a second apart. */
function knockTenTimes(seed: number, loss: number): Tally {
  const chance = chanceFrom(seed);
  const network = new Network(chance.word(), { loss, reordering: 0.25, duplication: 0.01 });
  const ear = new Ear(spreadSite());
  const none = () => ({ knocks: 0, inside: 0 });
  const tally: Tally = { 'too few': none(), 'just enough': none(), more: none() };
  for (let index = 0; index < 1000; index++) {
    const source = randomSource(chance);
    const times = Array.from({ length: 10 }, (_, nth) => begin + (10 * index + nth) * 1000);
    const arriving = network.carry(times.flatMap(at => knock(chance, { source }, at)));
    const inside = accepted(hear(ear, arriving));
    assert.equal(new Set(inside).size, inside.length, `seed ${seed}: accepted twice`);
    for (const at of times) {
      const arrived = arrivedOf(arriving, at);
      const one = tally[arrived > enough ? 'more' : arrived === enough ? 'just enough' : 'too few'];
      one.knocks++;
      if (inside.includes(at)) one.inside++;
    }
  }
  return tally;
}

/**
 * How often what is old may make a difference all the same. An old symbol is by chance also the new one, 1 in 128: then
 * an old knock is complete with it, and the new one lacks it. And where so many knocks fail that three do in a row, the
 * source is listened to at every fourth SYN only.
 */
const differences: readonly { readonly loss: number; readonly chances: Readonly<Record<Arrival, number>> }[] =
  [
    { loss: 0.05, chances: { 'too few': 0, 'just enough': 0, more: 0 } },
    { loss: 0.3, chances: { 'too few': 0.01, 'just enough': 0.004, more: 0.0003 } },
    { loss: 0.4, chances: { 'too few': 0.01, 'just enough': 0.03, more: 0.006 } },
  ];

for (const { loss, chances } of differences) {
  test(`ten knocks of one source, ${loss * 100} % loss: each gets in as if it were the first`, t => {
    const seed = seedOf(t);
    const tally = knockTenTimes(seed, loss);
    let total = 0;
    for (const arrival of ['too few', 'just enough', 'more'] as const) {
      const { knocks, inside } = tally[arrival];
      t.diagnostic(`${arrival}: ${inside} of ${knocks} got in`);
      total += inside;
      const different = arrival === 'too few' ? inside : knocks - inside;
      const most = bounds(knocks, chances[arrival]).most;
      assert.ok(different <= most, `seed ${seed}, ${arrival}: ${inside} of ${knocks} got in`);
    }
    assertShare(total, 10_000, atLeast(enough, knockLength, 1 - loss), `seed ${seed}`);
  });
}

test('no knock of two clients behind one address is lost for good: they knock again', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  const network = new Network(chance.word(), { loss: 0.05, reordering: 0.25 });
  const ear = new Ear(spreadSite({ addressRequired: false }, 2));
  const pairs = 500;
  /** After how many tries both are in. */
  const both = new Array<number>(5).fill(0);
  for (let pair = 0; pair < pairs; pair++) {
    const source = randomSource(chance);
    const knocker = (clientId: number) => ({ clientId, source, bound: zeroAddress });
    const inside = new Set<string>();
    let at = begin + pair * 10_000;
    let tries = 0;
    // The client waits for 1, 2, then 4 seconds; timers are some milliseconds late.
    for (; tries < 4 && inside.size < 2; tries++, at += 1000 * 2 ** (tries - 1)) {
      const waiting = [1, 2].filter(id => !inside.has(`client-${id}`));
      const sent = waiting.map(id => knock(chance, knocker(id), at + 5 * chance.fraction()));
      for (const said of hear(ear, network.carry(together(...sent)))) {
        if (said.outcome === 'knock') inside.add(said.client);
      }
    }
    both[inside.size === 2 ? tries : 0]!++;
  }
  const [never = 0, once = 0, again = 0, ...later] = both;
  t.diagnostic(
    `both in at the first try ${percent(once, pairs)}, second ${percent(again, pairs)}, later ${later}`,
  );
  assert.ok(never <= bounds(pairs, 1e-5).most, `seed ${seed}: ${never} of ${pairs} pairs never both`);
  assert.ok(once + again > pairs * 0.9, `seed ${seed}: ${once} and ${again} of ${pairs}`);
});

test('a replay is refused, from the same source and from another, each once', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  const ear = new Ear(spreadSite());
  for (let index = 0; index < 300; index++) {
    const at = begin + index * 200_000;
    const source = randomSource(chance);
    const stranger = randomSource(chance);
    const sent = knock(chance, { source }, at);
    const again = (laterMs: number, from: Uint8Array) =>
      sent.map(each => ({ at: each.at + laterMs, item: { ...each.item, source: from } }));
    const said = [again(0, source), again(500, source), again(1000, stranger), again(59_000, source)];
    const all = said.map(each => words(hear(ear, each)).join());
    assert.deepEqual(all, ['knock', 'replayed', 'replayed', 'replayed'], `seed ${seed}, knock ${index}`);
    assert.deepEqual(words(hear(ear, again(61_000, source))), ['stale'], `seed ${seed}, knock ${index}`);
  }
});

test('no knock is accepted twice, whatever is heard again, whenever', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  const network = new Network(chance.word(), { loss: 0.4, reordering: 0.25, duplication: 0.2, jitterMs: 20 });
  const ear = new Ear(spreadSite({ addressRequired: false }, 3));
  const inside: string[] = [];
  for (let index = 0; index < 300; index++) {
    const at = begin + index * 10_000;
    const source = randomSource(chance);
    const bound = chance.happens(0.5) ? source : zeroAddress;
    const sent = [1, 2, 3].flatMap(id => knock(chance, { clientId: id, source, bound }, at + id * 300));
    const replays = Array.from({ length: 6 }, () => {
      const laterMs = chance.below(3000);
      return sent.map(each => ({ ...each, at: each.at + laterMs }));
    });
    for (const said of hear(ear, network.carry(together(sent, ...replays)))) {
      if (said.outcome === 'knock') inside.push(`${said.client} ${said.once!.time}`);
    }
  }
  assert.ok(inside.length > 300, `${inside.length}`);
  assert.equal(new Set(inside).size, inside.length, `seed ${seed}`);
});

test('a flood of other sources into the window harms no knock, and opens nothing', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  const network = new Network(chance.word(), { reordering: 0.05 });
  const ear = new Ear(spreadSite(), 4096);
  for (let index = 0; index < 60; index++) {
    const at = begin + index * 1000;
    const sent = knock(chance, { source: randomSource(chance) }, at);
    const flood = spray(chance, 3000, at - 10, 20);
    assert.deepEqual(
      accepted(hear(ear, network.carry(together(sent, flood)))),
      [at],
      `seed ${seed}, ${index}`,
    );
  }
});

test('half a knock survives as many new sources as the table holds, less one', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  // One bucket, so that the oldest of all goes first.
  const capacity = 8;
  for (const [between, expected] of [
    [capacity - 1, true],
    [capacity, false],
  ] as const) {
    const ear = new Ear(spreadSite(), capacity);
    const sent = knock(chance, { source: randomSource(chance) }, begin);
    const amid = sent.flatMap(each => [each, ...spray(chance, between, begin, 1)]);
    assert.equal(accepted(hear(ear, amid)).length === 1, expected, `seed ${seed}, ${between} between two`);
  }
});

/** Knocks among SYNs in the client's own name. @returns how many get in */
function knockAmid(
  seed: number,
  sprayed: (chance: Chance, source: Uint8Array, at: number) => Carried<Syn>[],
): number {
  const chance = chanceFrom(seed);
  const ear = new Ear(spreadSite());
  const knocks = 500;
  let inside = 0;
  let exceptions = 0;
  for (let index = 0; index < knocks; index++) {
    const at = begin + index * 10_000;
    const source = randomSource(chance);
    const arriving = together(knock(chance, { source }, at), sprayed(chance, source, at));
    const isIn = accepted(hear(ear, arriving)).includes(at);
    if (isIn !== isUnderstandable(arriving, at)) exceptions++;
    if (isIn) inside++;
  }
  // Rarely noise happens to be a codeword, and takes symbols of the knock with it.
  assert.ok(exceptions <= bounds(knocks, 1e-4).most, `seed ${seed}: ${exceptions} exceptions`);
  return inside;
}

for (const count of [0, 3, 6]) {
  test(`${count} SYNs in the client's name, wherever in the knock, harm nothing`, t => {
    const seed = seedOf(t);
    const amid = (chance: Chance, source: Uint8Array, at: number) =>
      spray(chance, count, at, burstMs, source);
    assert.equal(knockAmid(seed, amid), 500, `seed ${seed}`);
  });
}

for (const count of [8, 10, 12, 14, 16, 20, 24, 32]) {
  test(`${count} SYNs in the client's name amid the knock: in where 19 more are right than wrong`, t => {
    const seed = seedOf(t);
    const amid = (chance: Chance, source: Uint8Array, at: number) =>
      spray(chance, count, at, burstMs, source);
    t.diagnostic(`${percent(knockAmid(seed, amid), 500)} got in`);
  });
}

test("any number of SYNs in the client's name before the knock harm nothing", t => {
  for (const count of [19, 64, 300]) {
    const seed = seedOf(t);
    const before = (chance: Chance, source: Uint8Array, at: number) =>
      spray(chance, count, at - 1000, 999, source);
    assert.equal(knockAmid(seed, before), 500, `seed ${seed}, ${count} before`);
  }
});
