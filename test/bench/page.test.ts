/** The page of a run: every part that can be drawn is, from the figures alone; and what was written is read again. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chartsOf } from '../../bench/charts.js';
import { pageOf, writePage } from '../../bench/page.js';
import { joinReports, laterParts, type Report, type ReportedFigure, readReport } from '../../bench/report.js';
import { OperatorError } from '../../src/system/error.js';
import { project } from '../e2e/harness/isolation.js';

const figure = (part: string, name: string, unit: ReportedFigure['unit'], value = 1): ReportedFigure => ({
  part,
  group: part,
  name,
  unit,
  values: { portknock: { value }, knockd: { value: 40 * value, low: 30 * value, high: 50 * value } },
});

const report: Report = {
  machine: {
    date: '2026-01-01T00:00:00.000Z',
    portknock: '0',
    knockd: '0.8',
    fwknopd: '2.6',
    node: 'v20',
    kernel: '6.1',
    processor: 'some',
    processors: 2,
    load: 0,
    privileges: 'root',
  },
  figures: [
    { ...figure('latency', 'p50 of 100', 'ms', 0.5), goal: { text: '≤ 1/40', met: true, at: 0.5 } },
    figure('latency', 'min of 100', 'ms'),
    figure('success', '1 % lost', '%'),
    figure('flood', 'the most: knocks that open', '%'),
    figure('flood', '  of them lost before the daemon', '%'),
    figure('garbage', 'into the window', 'µs'),
    figure('population', '1,000', 'µs'),
    figure('population', 'dearest above cheapest', '%'),
    figure('sequences', 'p99 of 20', 'ms'),
    figure('sequences', 'max of 20', 'ms'),
    figure('sequences', 'to ports beside it', 'µs'),
    figure('sequences', '20,000/s, after 4 s: opened of 30', '%'),
    figure('sequences', '  packets really sent', '/s'),
    figure('sequences', '  of them lost before the daemon', '%'),
    figure('sequences', 'more than idle', 'MiB'),
    figure('memory', 'idle', 'MiB'),
    figure('memory', '  idle, shared pages divided (PSS)', 'MiB'),
    figure('client', 'median of 10', 'ms'),
    figure('start', 'to ready, median of 3', 'ms'),
    figure('start', 'first knock after it', 'ms'),
  ],
  notes: ['A note.'],
};

const groupsOf = (name: string) => chartsOf(report).find(each => each.name === name)?.chart.groups ?? [];

test('what is drawn, and what is not', () => {
  const titles = chartsOf(report).map(({ name }) => [name, ...groupsOf(name).map(({ title }) => title)]);
  assert.deepEqual(titles, [
    ['latency', 'p50 of 100'],
    ['success', '1 % lost'],
    ['flood', 'the most'],
    ['garbage', 'into the window', 'into the window, clients configured: 1,000'],
    ['sequence-time', 'p99 of 20'],
    ['sequence-garbage', 'to ports beside it'],
    ['sequence-spoofed', '20,000/s, after 4 s'],
    ['memory', 'idle'],
    ['programs', 'the client’s whole run', 'the daemon to ready'],
  ]);
});

test('a bar for each who was measured, with number and quarters; the goal in words', () => {
  const [group] = groupsOf('latency');
  assert.deepEqual(
    group?.bars.map(({ label, text }) => [label, text]),
    [
      ['portknock', '0.500 ms'],
      ['knockd', '20 ms (15–25)'],
    ],
  );
  assert.deepEqual(group?.goal, { at: 0.5, text: 'goal ≤ 1/40 of knockd’s: 0.500 ms' });
});

test('the page names every chart, holds the table, and what is written is read again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  try {
    writePage(join(folder, 'docs'), report);
    const files = readdirSync(join(folder, 'docs'));
    const page = readFileSync(join(folder, 'docs', 'bench.md'), 'utf8');
    assert.equal(page, pageOf(report));
    const named = [...page.matchAll(/\((bench-[a-z-]+\.svg)\)/g)].map(([, file]) => file!);
    assert.deepEqual(named.toSorted(), files.filter(file => file.endsWith('.svg')).toSorted());
    assert.match(page, /1\/40: met/);
    assert.match(page, /A note\./);
    assert.deepEqual(readReport(join(folder, 'docs', 'bench.json')), report);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the page that is kept is drawn from the figures beside it', () => {
  const folder = join(project, 'docs');
  assert.equal(
    pageOf(readReport(join(folder, 'bench.json'))),
    readFileSync(join(folder, 'bench.md'), 'utf8'),
  );
});

test('what is no report is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  try {
    for (const text of ['', '{}', '[]', '{"figures":1,"notes":[]}', 'null']) {
      writeFileSync(join(folder, 'file'), text);
      assert.throws(() => readReport(join(folder, 'file')), OperatorError, text);
    }
    assert.throws(() => readReport(join(folder, 'absent')), OperatorError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a part that is measured again takes the place of what it was, and says when', () => {
  const machine = (date: string) => ({ date }) as Report['machine'];
  const figure = (part: string, value: number) =>
    ({ part, group: part, name: 'n', unit: 'ms', values: { portknock: { value } } }) as ReportedFigure;
  const before = { machine: machine('1'), figures: [figure('a', 1), figure('b', 2)], notes: ['old'] };
  const after = { machine: machine('2'), figures: [figure('b', 3), figure('c', 4)], notes: ['new'] };
  const joined = joinReports(before, after);
  assert.deepEqual(
    joined.figures.map(({ part, values, date }) => [part, values.portknock?.value, date]),
    [
      ['a', 1, undefined],
      ['b', 3, '2'],
      ['c', 4, '2'],
    ],
  );
  assert.deepEqual([joined.machine, joined.notes], [before.machine, after.notes]);
  assert.deepEqual(laterParts(joined), [
    'b: measured in a run of its own, 2',
    'c: measured in a run of its own, 2',
  ]);
  assert.deepEqual(laterParts(before), []);
});
