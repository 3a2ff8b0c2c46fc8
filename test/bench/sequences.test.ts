/** What is said of sequences under a flood: lines, and who reaches the goal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContenderName } from '../../bench/contender.js';
import type { Flooded } from '../../bench/flooded.js';
import { spoofedFigures } from '../../bench/sequences.js';

const flooded = (opened: number, lost?: number): Flooded => ({ opened, lost, sent: 100, perSecond: 50 });
const figures = (opened: number) =>
  spoofedFigures(
    '20,000/s',
    new Map<ContenderName, Flooded>([
      ['portknock', flooded(opened, 0)],
      ['knockd', flooded(100)],
    ]),
  );

test('three lines; what nobody counts is left empty', () => {
  const [opened, sent, lost] = figures(100);
  assert.deepEqual(opened?.values, { portknock: { value: 100 }, knockd: { value: 100 } });
  assert.deepEqual(sent?.values, { portknock: { value: 50 }, knockd: { value: 50 } });
  assert.deepEqual(lost?.values, { portknock: { value: 0 } });
});

test('the goal is portknock’s, and 99 % reach it', () => {
  assert.equal(figures(99)[0]?.goal?.met, true);
  assert.equal(figures(98.9)[0]?.goal?.met, false);
});
