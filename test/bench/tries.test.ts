/** What is planned of knocks before any is sent: the same for every contender, and what the network made of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { triesOf } from '../../bench/success.js';
import { plan, straight } from '../../bench/tries.js';

const knock = (count: number) => Array.from({ length: count }, (_, index) => ({ port: 1000 + index }));
const sources = Array.from({ length: 50 }, (_, index) => `10.78.0.${index}`);
const row = { name: '', wanted: 0, seed: 7 };
const planned = (conditions: Parameters<typeof triesOf>[0]['conditions'], count = 32) =>
  plan(
    sources,
    sources.map(() => knock(count)),
    triesOf({ ...row, conditions }, sources.length).way,
  );

test('on a straight way everything arrives at once, in order, from its own source', () => {
  for (const way of [straight, triesOf({ ...row, conditions: {} }, 1).way]) {
    const [first, second] = plan(['10.78.0.1', '10.78.0.2'], [knock(2), knock(3)], way);
    assert.deepEqual(first, {
      source: '10.78.0.1',
      arrivals: [
        { at: 0, packet: { port: 1000 }, number: 0 },
        { at: 0, packet: { port: 1001 }, number: 1 },
      ],
    });
    assert.equal(second?.source, '10.78.0.2');
    assert.equal(second?.arrivals.length, 3);
  }
});

test('what is lost does not arrive; what is doubled arrives as the same packet twice', () => {
  const lost = planned({ loss: 0.3 }).flatMap(({ arrivals }) => arrivals);
  assert.ok(lost.length > 0.6 * 50 * 32 && lost.length < 0.8 * 50 * 32, `${lost.length} arrive`);
  const [doubled] = planned({ duplication: 1 });
  for (let number = 0; number < 32; number++) {
    const copies = doubled?.arrivals.filter(each => each.number === number) ?? [];
    assert.deepEqual(
      copies.map(({ packet }) => packet),
      [{ port: 1000 + number }, { port: 1000 + number }],
    );
  }
});

test('reordered: all arrive, not in order, and not before those that arrive before them', () => {
  for (const { arrivals } of planned({ reordering: 0.25 })) {
    assert.equal(new Set(arrivals.map(({ number }) => number)).size, 32);
    const times = arrivals.map(({ at }) => at);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  }
  assert.ok(
    planned({ reordering: 0.25 }).some(({ arrivals }) => arrivals.some(({ number }, at) => number !== at)),
  );
});

test('the same again for the next contender', () => {
  const conditions = { loss: 0.05, reordering: 0.25, duplication: 0.01 };
  assert.deepEqual(planned(conditions), planned(conditions));
  assert.notDeepEqual(
    planned(conditions),
    plan(
      sources,
      sources.map(() => knock(32)),
      triesOf({ ...row, seed: 8, conditions }, 50).way,
    ),
  );
});
