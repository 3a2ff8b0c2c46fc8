/** Charts: what is drawn where, and that every number stands in words beside its bar. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Chart, drawChart } from '../../bench/chart.js';

const bar = (value: number) =>
  ({ label: 'portknock', colour: 'portknock', value, text: `${value} ms` }) as const;
const chart: Chart = {
  title: 'Knocks < all & sundry',
  axis: 'ms',
  scale: 'log',
  groups: [{ title: 'p50', bars: [bar(1), bar(10), bar(100), bar(0)], goal: { at: 10, text: 'goal ≤ 10' } }],
};

const widthsOf = (svg: string) =>
  [...svg.matchAll(/<rect class="portknock"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
const at = (svg: string, pattern: RegExp) => Number(pattern.exec(svg)?.[1]);

test('logarithmic: each power of ten is as far from the next, and zero is a mark at the edge', () => {
  const [one = 0, ten = 0, hundred = 0, zero = 0] = widthsOf(drawChart(chart));
  assert.equal(one, zero);
  assert.equal(zero, 1.5);
  assert.ok(Math.abs(hundred - 2 * ten) < 0.2, `${hundred} and twice ${ten}`);
});

test('linear: twice the value is twice as long, and nothing is drawn past the end', () => {
  const groups = [{ title: '', bars: [bar(25), bar(50), bar(100), bar(130)] }];
  const [quarter = 0, half = 0, all = 0, more = 0] = widthsOf(
    drawChart({ ...chart, scale: { most: 100 }, groups }),
  );
  assert.ok(Math.abs(half - 2 * quarter) < 0.2 && Math.abs(all - 4 * quarter) < 0.3);
  assert.equal(more, all);
});

test('the goal stands where a bar of its value ends', () => {
  const svg = drawChart(chart);
  const goal = at(svg, /class="goal" x1="([\d.]+)"/);
  const left = at(svg, /<rect class="portknock" x="([\d.]+)"/);
  assert.ok(Math.abs(goal - left - widthsOf(svg)[1]!) < 0.2);
  assert.match(svg, />goal ≤ 10</);
});

test('the quarters are a line between them', () => {
  const groups = [{ title: '', bars: [{ ...bar(10), low: 1, high: 100 }] }];
  const svg = drawChart({ ...chart, groups });
  const [, from, to] = /class="spread" x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"/.exec(svg) ?? [];
  assert.ok(Number(from) < Number(to));
});

test('every bar has its name and its number, and words are no markup', () => {
  const svg = drawChart(chart);
  for (const words of [
    '1 ms',
    '10 ms',
    '100 ms',
    '0 ms',
    'portknock',
    'p50',
    'Knocks &lt; all &amp; sundry',
  ]) {
    assert.ok(svg.includes(`>${words}<`), words);
  }
  assert.ok(!svg.includes('NaN') && !svg.includes('Infinity'));
});

test('for light and for dark pages', () =>
  assert.match(drawChart(chart), /@media \(prefers-color-scheme: dark\)/));
