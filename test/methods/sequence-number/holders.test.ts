/** Whose numbers are found, how far one looks, and what is kept of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberSeries } from '../../../src/methods/sequence-number/format.js';
import { Holders } from '../../../src/methods/sequence-number/holders.js';

const holderOf = (client: string) => ({ client, door: 'ssh', psk: Buffer.from(client), revoked: false });
const endless = () => ({ numbers: Number.POSITIVE_INFINITY });
const numberAt = (client: string, step: number) => new NumberSeries(Buffer.from(client), 22).at(step);

test('a number is found as far as one looks, at either side', () => {
  const holders = new Holders(['a', 'b'].map(holderOf), 22);
  for (const [step, reach, expected] of [
    [100, 0, true],
    [101, 0, false],
    [105, 5, true],
    [95, 5, true],
    [106, 5, false],
    [94, 5, false],
    [106, 6, true],
    [100, -1, false],
  ] as const) {
    const found = holders.find(numberAt('b', step), 100, reach, endless());
    assert.equal(found !== undefined, expected, `${step} within ${reach}`);
    if (expected) assert.deepEqual([found?.holder.client, found?.step], ['b', step]);
  }
});

test('nobody has no numbers, and there are none before 1970', () => {
  assert.equal(new Holders([], 22).find(1, 100, 1000, endless()), undefined);
  assert.equal(new Holders([holderOf('a')], 22).find(1, -5, 3, endless()), undefined);
});

test('no more is made than was allowed, but for the step that was begun; what was made stays', () => {
  const holders = new Holders(['a', 'b', 'c'].map(holderOf), 22);
  const allowance = { numbers: 7 };
  assert.equal(holders.find(numberAt('a', 105), 100, 10, allowance), undefined);
  assert.equal(allowance.numbers, -2);
  const nothing = { numbers: 0 };
  assert.notEqual(holders.find(numberAt('a', 101), 100, 10, nothing), undefined);
  assert.equal(holders.find(numberAt('a', 102), 100, 10, nothing), undefined);
});

test('what has been looked through is not looked through again', () => {
  const holders = new Holders([holderOf('a')], 22);
  holders.find(1, 100, 10, endless());
  const allowance = { numbers: 1000 };
  holders.find(2, 100, 10, allowance);
  holders.find(2, 100, 5, allowance);
  assert.equal(allowance.numbers, 1000);
  holders.find(2, 101, 10, allowance);
  assert.equal(allowance.numbers, 999);
});

/** Two steps of this key, for port 22, that have the same number: found by trying. */
const twins = { key: 'correct horse', earlier: 1114, later: 27_208, number: 84_640_923 };

test('two steps with the same number are each found near their own time, and the one outlives the other', () => {
  const holders = new Holders([holderOf(twins.key)], 22);
  const { earlier, later, number } = twins;
  assert.deepEqual(
    [earlier, later].map(step => numberAt(twins.key, step)),
    [number, number],
  );
  const stepNear = (around: number, reach = 1) => holders.find(number, around, reach, endless())?.step;
  assert.equal(stepNear(earlier), earlier);
  assert.equal(stepNear(later), later);
  assert.equal(stepNear(earlier - 1), earlier);
  assert.equal(stepNear(later - 1, 30_000), later);
  holders.forget(earlier, 1);
  assert.equal(stepNear(earlier), earlier);
  assert.equal(stepNear(later), later);
  holders.forget(later, 1);
  assert.equal(stepNear(later), later);
});

test('what is forgotten is made again, also where all had been looked through', () => {
  const whole = new Holders([holderOf('a')], 22);
  whole.find(1, 100, 10, endless());
  assert.equal(whole.kept, 21);
  whole.forget(100, 3);
  assert.equal(whole.kept, 7);
  assert.equal(whole.find(numberAt('a', 105), 100, 10, endless())?.step, 105);
  const holders = new Holders([holderOf('a')], 22);
  const number = numberAt('a', 100);
  holders.find(number, 100, 0, endless());
  holders.forget(500, 3);
  assert.equal(holders.find(number, 100, 0, { numbers: 0 }), undefined);
  assert.equal(holders.find(number, 100, 0, endless())?.step, 100);
});
