/** The network that tests knock through: what it does, it does as often as it says, and again for the same seed. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { Chance, chanceFrom } from './chance.js';
import { Nat } from './nat.js';
import { type Carried, type Conditions, longestHoldMs, mostOvertaking, Network } from './network.js';

/** Items 0 to count − 1, so many of them each millisecond. */
function numbered(count: number, perMs = 32): Carried<number>[] {
  return Array.from({ length: count }, (_, item) => ({ at: Math.floor(item / perMs), item }));
}

const items = (carried: readonly Carried<number>[]) => carried.map(({ item }) => item);

function newSeed(t: TestContext): number {
  const seed = Number(process.env['PORTKNOCK_SEED'] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (PORTKNOCK_SEED)`);
  return seed;
}

const everything: Conditions = { loss: 0.1, duplication: 0.1, reordering: 0.2, delayMs: 20, jitterMs: 5 };

/** Whether a count of a binomial is within six deviations and a bit, as it is but for twice in 10^9. */
function assertShare(count: number, of: number, share: number): void {
  const deviation = Math.sqrt(of * share * (1 - share));
  assert.ok(Math.abs(count - of * share) <= 6.2 * deviation, `${count} of ${of}, expected ${of * share}`);
}

test('chance: the published numbers of xoshiro128** from the state 1, 2, 3, 4', () => {
  const chance = new Chance(1, 2, 3, 4);
  const words = Array.from({ length: 10 }, () => chance.word());
  assert.deepEqual(words.slice(0, 5), [11_520, 0, 5_927_040, 70_819_200, 2_031_721_883]);
  assert.deepEqual(
    words.slice(5),
    [1_637_235_492, 1_287_239_034, 3_734_860_849, 3_729_100_597, 4_258_142_804],
  );
});

test('chance: what is below a limit is evenly spread, and some of all are each another', t => {
  const chance = chanceFrom(newSeed(t));
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 100_000; draw++) counts[chance.below(10)]!++;
  for (const count of counts) assertShare(count, 100_000, 0.1);
  for (let draw = 0; draw < 1000; draw++) {
    const some = chance.some(13, 32);
    assert.equal(new Set(some).size, 13);
    assert.ok(some.every(each => each >= 0 && each < 32));
  }
});

test('a network without faults carries everything, in order, at once', () => {
  assert.deepEqual(new Network(1, {}).carry(numbered(1000)), numbered(1000));
});

test('the same seed and conditions carry the same, call by call; another seed another', t => {
  const seed = newSeed(t);
  const run = (from: number) => {
    const network = new Network(from, everything);
    return [network.carry(numbered(2000)), network.carry(numbered(2000))];
  };
  const [first, second] = run(seed);
  assert.deepEqual(run(seed), [first, second]);
  assert.notDeepEqual(first, second);
  assert.notDeepEqual(run((seed + 1) % 2 ** 32)[0], first);
});

test('as many are lost, and as many doubled, as said', t => {
  const sent = numbered(100_000);
  for (const share of [0.01, 0.3, 0.9]) {
    const seed = newSeed(t);
    const left = items(new Network(seed, { loss: share }).carry(sent));
    assertShare(sent.length - left.length, sent.length, share);
    assert.deepEqual(
      left,
      left.toSorted((one, other) => one - other),
    );
    const doubled = items(new Network(seed, { duplication: share }).carry(sent));
    assertShare(doubled.length - sent.length, sent.length, share);
    assert.equal(new Set(doubled).size, sent.length);
  }
  assert.deepEqual(new Network(1, { loss: 1 }).carry(sent), []);
});

test('nothing is lost or doubled but by loss and duplication', t => {
  const seed = newSeed(t);
  for (const conditions of [
    { reordering: 0.3 },
    { jitterMs: 40 },
    { reordering: 1, jitterMs: 3, delayMs: 9 },
  ]) {
    const arrived = items(new Network(seed, conditions).carry(numbered(20_000)));
    assert.deepEqual(
      arrived.toSorted((one, other) => one - other),
      items(numbered(20_000)),
    );
  }
});

/** For each item, how many that were sent later arrived before it. */
function overtakers(arrived: readonly number[]): number[] {
  return arrived.map((item, place) => {
    const before = arrived.slice(Math.max(0, place - 400), place);
    return before.filter(other => other > item).length;
  });
}

test('as many are overtaken as said, each by 1 to 8, even when all are sent at once', t => {
  for (const share of [0.05, 0.25]) {
    for (const perMs of [1, 32, 20_000]) {
      const seed = newSeed(t);
      const arrived = items(new Network(seed, { reordering: share }).carry(numbered(20_000, perMs)));
      const counts = overtakers(arrived).filter(count => count > 0);
      assertShare(counts.length, arrived.length, share);
      assert.ok(counts.every(count => count <= mostOvertaking));
      for (let count = 1; count <= mostOvertaking; count++) {
        assertShare(counts.filter(each => each === count).length, arrived.length, share / mostOvertaking);
      }
    }
  }
});

test('time: the delay, the jitter, and never backwards', t => {
  const sent = numbered(20_000);
  for (const [conditions, most] of [
    [{ delayMs: 20 }, 20],
    [{ delayMs: 20, jitterMs: 10 }, 30],
    [{ ...everything, loss: 0 }, 25 + longestHoldMs],
  ] as const) {
    const arrived = new Network(newSeed(t), conditions).carry(sent);
    let now = 0;
    for (const { at, item } of arrived) {
      const took = at - sent[item]!.at;
      assert.ok(took >= 20 && took <= most, `took ${took}`);
      assert.ok(at >= now, 'backwards');
      now = at;
    }
  }
});

test('a packet that nothing comes behind is not held for ever', () => {
  const sent = [0, 1, 1000].map(at => ({ at, item: at }));
  const arrived = new Network(1, { reordering: 1 }).carry(sent);
  assert.deepEqual(items(arrived), [0, 1, 1000]);
  assert.ok(arrived[0]!.at <= longestHoldMs && arrived[1]!.at <= 1 + longestHoldMs);
});

test('jitter alone reorders what is sent closely, and nothing that is sent far apart', t => {
  const seed = newSeed(t);
  const close = items(new Network(seed, { jitterMs: 5 }).carry(numbered(1000)));
  assert.ok(overtakers(close).some(count => count > 0));
  const far = numbered(1000, 1).map(({ at, item }) => ({ at: at * 6, item }));
  assert.deepEqual(items(new Network(seed, { jitterMs: 5 }).carry(far)), items(far));
});

test('doubles come shortly after, some of them after others', t => {
  const arrived = items(new Network(newSeed(t), { duplication: 0.2 }).carry(numbered(20_000)));
  const distances = arrived.map((item, place) => place - arrived.indexOf(item)).filter(each => each > 0);
  assert.ok(distances.includes(1));
  assert.ok(distances.some(each => each > 4));
  assert.ok(distances.every(each => each <= 1 + 2 * mostOvertaking));
});

test('shares and times that cannot be are refused', () => {
  for (const conditions of [
    { loss: -0.1 },
    { duplication: 1.1 },
    { reordering: Number.NaN },
    { jitterMs: -1 },
  ]) {
    assert.throws(() => new Network(1, conditions), RangeError);
  }
  for (const seed of [-1, 2 ** 32, 0.5]) assert.throws(() => new Network(seed, {}), RangeError);
});

const inside = [1, 2].map(host => Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? host : 10)));
const outside = new Uint8Array(16).fill(9);

test('a NAT gives each connection a port of its own, and the same again', t => {
  const nat = new Nat(newSeed(t), {});
  const flows = inside.flatMap(source =>
    Array.from({ length: 2000 }, (_, index) => ({ source, sourcePort: 40_000 + index, port: 5000, index })),
  );
  const first = flows.map(flow => nat.translate(flow));
  assert.equal(new Set(first.map(({ sourcePort }) => sourcePort)).size, flows.length);
  for (const [index, { sourcePort, ...rest }] of first.entries()) {
    const { sourcePort: own, ...same } = flows[index]!;
    assert.notEqual(sourcePort, own);
    assert.ok(sourcePort >= 1024 && sourcePort < 65_536);
    assert.deepEqual(rest, same);
  }
  assert.deepEqual(
    flows.map(flow => nat.translate(flow)),
    first,
  );
});

test('a NAT gives everybody one address, with ports rewritten or not, and forgets the oldest', t => {
  const seed = newSeed(t);
  const flow = { source: inside[0]!, sourcePort: 7, port: 1 };
  assert.deepEqual(new Nat(seed, { address: outside, ports: false }).translate(flow), {
    ...flow,
    source: outside,
  });
  const nat = new Nat(seed, { address: outside });
  for (let port = 0; port < 70_000; port++) {
    const left = nat.translate({ ...flow, port });
    assert.equal(left.source, outside);
    assert.notEqual(left.sourcePort, 7);
  }
});
