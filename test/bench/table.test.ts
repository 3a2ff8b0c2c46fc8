/** The table of the bench: what stands beside what, and what is left empty. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figure, formatRatio, formatTable, median, ratioOf, toDocument } from '../../bench/table.js';

const figures: readonly Figure[] = [
  {
    group: 'speed',
    name: 'p50',
    unit: 'ms',
    portknock: { value: 0.5 },
    knockd: { value: 30 },
    floor: { value: 0.14 },
    goal: { text: '≤ 1/20', met: true },
  },
  { group: 'size', name: 'idle', unit: 'MiB', portknock: { value: 128.4, low: 120.6, high: 131 } },
  { group: 'size', name: 'sent', unit: 'packets', portknock: { value: 1_000_000 }, knockd: { value: 0 } },
  {
    group: 'speed',
    name: 'max',
    unit: 'ms',
    portknock: { value: 40 },
    knockd: { value: 10 },
    goal: { text: 'low', met: false },
  },
];

test('the table: groups together, numbers right, words left', () => {
  assert.deepEqual(formatTable(figures).split('\n'), [
    '                 portknock      knockd   ratio      floor   goal',
    'speed',
    '  p50             0.500 ms       30 ms    1/60   0.140 ms   ≤ 1/20: met',
    '  max                40 ms       10 ms    4.0×              low: missed',
    'size',
    '  idle   128 MiB (121–131)',
    '  sent   1,000,000 packets   0 packets',
  ]);
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

test('a ratio needs two values, and something to divide by', () => {
  assert.deepEqual(figures.map(ratioOf), [0.5 / 30, undefined, undefined, 4]);
});

test('a median keeps the quarters around it', () => {
  const spread = { count: 9, min: 1, p25: 2, p50: 3, p75: 4, p99: 5, max: 6 };
  assert.deepEqual(median(spread), { value: 3, low: 2, high: 4 });
});

test('the document says all that the table says, and the ratios', () => {
  const document = toDocument({ node: 'v20' }, figures);
  assert.equal(document.machine['node'], 'v20');
  assert.deepEqual(document.figures[0], { ...figures[0], ratio: 0.5 / 30 });
  assert.equal(document.figures.length, figures.length);
});
