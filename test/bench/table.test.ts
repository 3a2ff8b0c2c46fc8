/** The table of the bench: what stands beside what, and what is left empty. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  atLeast,
  atMost,
  type Figure,
  figureOf,
  formatRatio,
  formatTable,
  median,
  ratioOf,
} from '../../bench/table.js';

const figures: readonly Figure[] = [
  {
    group: 'speed',
    name: 'p50',
    unit: 'ms',
    values: { portknock: { value: 0.5 }, knockd: { value: 30 }, floor: { value: 0.14 } },
    goal: { text: '≤ 1/40', met: true },
  },
  {
    group: 'size',
    name: 'idle',
    unit: 'MiB',
    values: { portknock: { value: 128.4, low: 120.6, high: 131 }, fwknopUdp: { value: 0.4 } },
  },
  {
    group: 'size',
    name: 'sent',
    unit: 'packets',
    values: { portknock: { value: 1_000_000 }, knockd: { value: 0 } },
  },
  {
    group: 'speed',
    name: 'share',
    unit: '%',
    values: { portknock: { value: 40 }, knockd: { value: 10 } },
    goal: { text: 'high', met: false },
  },
];

test('the table: groups together, numbers right, words left, and nobody of whom nothing was measured', () => {
  assert.deepEqual(formatTable(figures).split('\n'), [
    '                      portknock  knockd  fwknop -U  floor  ratio  goal',
    'speed',
    '  p50    ms               0.500      30             0.140   1/60  ≤ 1/40: met',
    '  share  %                   40      10                           high: missed',
    'size',
    '  idle   MiB      128 (121–131)              0.400',
    '  sent   packets      1,000,000       0',
  ]);
});

test('a line has a value of each of whom something was found', () => {
  const found = new Map([
    ['portknock', 1],
    ['native', 0],
    ['knockd', undefined],
  ] as const);
  const line = { group: 'speed', name: 'p50', unit: 'ms' } as const;
  const values = { portknock: { value: 1 }, native: { value: 0 } };
  assert.deepEqual(
    figureOf(line, found, each => each),
    { ...line, values },
  );
  const twice = figureOf(line, found, each => each && { value: 2 * each, low: each });
  assert.deepEqual(twice.values.portknock, { value: 2, low: 1 });
});

test('goals: what just reaches them meets them; without a value there is none', () => {
  assert.deepEqual(atMost('≤ 3', 3, 3), { text: '≤ 3', met: true, at: 3 });
  assert.deepEqual(atMost('≤ 3', 3, 3.1), { text: '≤ 3', met: false, at: 3 });
  assert.deepEqual(atLeast('≥ 3', 3, 3), { text: '≥ 3', met: true, at: 3 });
  assert.deepEqual(atLeast('≥ 3', 3, 2.9), { text: '≥ 3', met: false, at: 3 });
  assert.equal(atMost('≤ 3', 3, undefined), undefined);
  assert.equal(atLeast('≥ 3', 3, undefined), undefined);
});

test('ratios: shares where it is less, multiples where it is more', () => {
  for (const [ratio, text] of [
    [1 / 52.3, '1/52'],
    [0.5, '1/2.0'],
    [1, '1.0×'],
    [3.44, '3.4×'],
    [64.6, '65×'],
  ] as const) {
    assert.equal(formatRatio(ratio), text);
  }
});

test('a ratio needs two values, something to divide by, and a unit of which less is better', () => {
  assert.deepEqual(figures.map(ratioOf), [0.5 / 30, undefined, undefined, undefined]);
  const values = { portknock: { value: 8 }, knockd: { value: 2 } };
  assert.equal(ratioOf({ group: '', name: '', unit: 'MiB', values }), 4);
  assert.equal(
    ratioOf({ group: '', name: '', unit: 'MiB', values: { ...values, knockd: { value: 0 } } }),
    undefined,
  );
});

test('a median keeps the quarters around it', () => {
  const spread = { count: 9, min: 1, p25: 2, p50: 3, p75: 4, p99: 5, max: 6 };
  assert.deepEqual(median(spread), { value: 3, low: 2, high: 4 });
});
