/** Spread knocks through a network that loses, doubles, reorders and rewrites: who gets in, and how often. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { zeroAddress } from '../../../src/methods/port-sequence/sealed.js';
import { parseAddress } from '../../../src/net/address.js';
import { chanceFrom } from '../chance.js';
import { Nat } from '../nat.js';
import { type Carried, type Conditions, Network } from '../network.js';
import { seedOf } from '../seed.js';
import { assertShare, atLeast } from '../shares.js';
import { Ear, words } from './hearing.js';
import {
  accepted,
  arrivedOf,
  begin,
  hear,
  knock,
  knockLength,
  randomSource,
  type Syn,
  spreadSite,
} from './knocking.js';

/** SYNs that suffice. */
const enough = 19;

const conditions: Readonly<Record<string, Partial<Conditions>>> = {
  'no fault': {},
  '1 % loss': { loss: 0.01 },
  '5 % loss': { loss: 0.05 },
  '30 % loss': { loss: 0.3 },
  '40 % loss': { loss: 0.4 },
  '5 % reordering': { reordering: 0.05 },
  '25 % reordering': { reordering: 0.25 },
  '1 % duplicates': { duplication: 0.01 },
  'every packet doubled and held back': { duplication: 1, reordering: 1 },
  'jitter of 40 ms': { delayMs: 20, jitterMs: 40 },
  '5 % loss, 25 % reordering, 1 % duplicates, jitter': {
    loss: 0.05,
    reordering: 0.25,
    duplication: 0.01,
    delayMs: 50,
    jitterMs: 10,
  },
  '30 % loss, 25 % reordering, 5 % duplicates, jitter': {
    loss: 0.3,
    reordering: 0.25,
    duplication: 0.05,
    delayMs: 50,
    jitterMs: 10,
  },
};

const knocks = 4000;
const betweenMs = 200;

/** The chance that too few SYNs of a knock arrive. */
const failing = (loss = 0): number => atLeast(knockLength - enough + 1, knockLength, loss);

/** Knocks one after the other, each from a source of its own. @returns how many got in */
function knockOften(seed: number, on: Partial<Conditions>, pass: (syn: Syn) => Syn = syn => syn): number {
  const chance = chanceFrom(seed);
  const network = new Network(chance.word(), on);
  const ear = new Ear(spreadSite());
  let inside = 0;
  for (let index = 0; index < knocks; index++) {
    const at = begin + index * betweenMs;
    const sent = knock(chance, { source: randomSource(chance) }, at);
    const arriving = network.carry(sent.map(each => ({ ...each, item: pass(each.item) })));
    const verdicts = hear(ear, arriving);
    const expected = arrivedOf(arriving, at) >= enough ? [at] : [];
    assert.deepEqual(accepted(verdicts), expected, `seed ${seed}, knock ${index}: ${words(verdicts)}`);
    // Only what is doubled all over may be understood again, and then is refused.
    const rest = verdicts.slice(expected.length);
    if (on.duplication !== 1) assert.deepEqual(words(rest), [], `seed ${seed}, knock ${index}`);
    inside += expected.length;
  }
  return inside;
}

for (const [name, on] of Object.entries(conditions)) {
  test(`${name}: a knock gets in where ${enough} SYNs arrive, as often as they must`, t => {
    const seed = seedOf(t);
    const inside = knockOften(seed, on);
    t.diagnostic(`${inside} of ${knocks}, ${((100 * inside) / knocks).toFixed(2)} %`);
    assertShare(knocks - inside, knocks, failing(on.loss), `seed ${seed}`);
  });
}

test('what the arithmetic says', () => {
  const promised = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4].map(loss => failing(loss));
  assert.ok(promised[0]! < 4.1e-20 && promised[1]! < 1.3e-10 && promised[2]! < 9e-7);
  assert.deepEqual(
    promised.slice(3).map(each => each.toFixed(4)),
    ['0.0020', '0.0694', '0.3961'],
  );
});

test('a NAT that rewrites ports does no harm', t => {
  const seed = seedOf(t);
  const nat = new Nat(seed, {});
  const inside = knockOften(seed, { loss: 0.05, reordering: 0.25 }, syn => nat.translate(syn));
  assertShare(knocks - inside, knocks, failing(0.05), `seed ${seed}`);
});

const outside = parseAddress('198.51.100.1')!;
const within = parseAddress('10.0.0.17')!;

/** What is said of knocks that pass a NAT, which bind this address. */
function throughNat(t: TestContext, bound: Uint8Array, addressRequired: boolean): string[] {
  const chance = chanceFrom(seedOf(t));
  const nat = new Nat(chance.word(), { address: outside });
  const network = new Network(chance.word(), { loss: 0.05, reordering: 0.25, duplication: 0.01 });
  const ear = new Ear(spreadSite({ addressRequired }));
  const said = new Set<string>();
  for (let index = 0; index < 500; index++) {
    const sent = knock(chance, { source: within, bound }, begin + index * betweenMs);
    const arriving = network.carry(sent.map(each => ({ ...each, item: nat.translate(each.item) })));
    const verdicts = hear(ear, arriving);
    for (const { source } of verdicts) assert.deepEqual(source, outside);
    assert.equal(verdicts.length, 1, `knock ${index}`);
    said.add(words(verdicts).join());
  }
  return [...said];
}

test('a NAT that rewrites addresses: in without one, where that is allowed', t => {
  assert.deepEqual(throughNat(t, zeroAddress, false), ['knock']);
  assert.deepEqual(throughNat(t, zeroAddress, true), ['wrong-address']);
});

test('a NAT that rewrites addresses: out with the one inside, in with the one outside', t => {
  for (const required of [true, false]) {
    assert.deepEqual(throughNat(t, within, required), ['bad-tag']);
    assert.deepEqual(throughNat(t, outside, required), ['knock']);
  }
});

/** Everything that is said of some knocks on the worst of networks. */
function everythingSaid(seed: number): unknown[] {
  const chance = chanceFrom(seed);
  const worst = conditions['30 % loss, 25 % reordering, 5 % duplicates, jitter']!;
  const network = new Network(chance.word(), worst);
  const ear = new Ear(spreadSite());
  const source = randomSource(chance);
  const sent: Carried<Syn>[] = [];
  for (let index = 0; index < 300; index++)
    sent.push(...knock(chance, { source }, begin + index * betweenMs));
  return [...hear(ear, network.carry(sent))];
}

test('the same seed, the same verdicts', t => {
  const seed = seedOf(t);
  const said = everythingSaid(seed);
  assert.ok(said.length > 200);
  assert.deepEqual(everythingSaid(seed), said);
  assert.notDeepEqual(everythingSaid((seed + 1) % 2 ** 32), said);
});
