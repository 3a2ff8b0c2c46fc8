/**
 * Horizontal bars in groups as SVG, legible on light and on dark pages: every bar has its name and its number, so colour
 * says nothing that words do not. It measures nothing and chooses nothing.
 */
import type { ContenderName } from './contender.js';

export interface Bar {
  readonly label: string;
  readonly colour: ContenderName;
  readonly value: number;
  /** Between what most of the measurements lie. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** The number for people. */
  readonly text: string;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly goal?: { readonly at: number; readonly text: string } | undefined;
}

export interface Chart {
  readonly title: string;
  /** What is drawn to the right. */
  readonly axis: string;
  /** Logarithmic where the values span decades; else from 0 to `most`. */
  readonly scale: 'log' | { readonly most: number };
  readonly groups: readonly BarGroup[];
}

const width = 760;
const left = 150;
const right = 150;
const plot = width - left - right;
const titleHeight = 44;
const groupHeight = 26;
const rowHeight = 18;
const barHeight = 11;
const gap = 8;
const axisHeight = 40;

const style = `
  text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: bold }
  .group { font-weight: bold }
  .soft { fill: #59636e }
  .goal-text { fill: #b35900 }
  .back { fill: #ffffff }
  .grid { stroke: #d1d9e0 }
  .goal { stroke: #b35900; stroke-width: 2; stroke-dasharray: 4 2 }
  .spread { stroke: #1f2328 }
  .number { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .portknock { fill: #0969da } .knockd { fill: #8c959f } .fwknop { fill: #b99a5b } .fwknopUdp { fill: #9a7fb5 }
  .floor { fill: #7fa387 } .native { fill: #54aeff } .number { fill: #b48ee0 } .datagram { fill: #2da9b3 } .challenge { fill: #d4a72c }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .goal-text { fill: #f0a050 }
    .back { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .goal { stroke: #f0a050 }
    .spread { stroke: #f0f6fc }
    .number { stroke: #0d1117 }
    .portknock { fill: #4493f8 } .knockd { fill: #6e7681 } .fwknop { fill: #937a45 } .fwknopUdp { fill: #7a6391 }
    .floor { fill: #5c7d64 } .native { fill: #1f5fa8 } .number { fill: #6f4aa8 } .datagram { fill: #1f7780 } .challenge { fill: #8a6a10 }
  }
`;

/** @returns the whole file */
export function drawChart(chart: Chart): string {
  const axis = axisOf(chart);
  const parts: string[] = [];
  let y = titleHeight;
  for (const group of chart.groups) {
    parts.push(...drawGroup(group, axis, y));
    y += groupHeight + group.bars.length * rowHeight + gap;
  }
  const height = y + axisHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(chart.title)}</title>`,
    `<style>${style}</style>`,
    `<rect class="back" width="${width}" height="${height}" rx="6"/>`,
    text(16, 26, chart.title, 'title'),
    ...drawAxis(chart.axis, axis, y),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

interface Axis {
  readonly ticks: readonly number[];
  /** Where a value stands, within the drawing. */
  at(value: number): number;
}

function axisOf({ scale, groups }: Chart): Axis {
  if (scale === 'log') return logarithmic(groups);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(share => share * scale.most);
  return { ticks, at: value => left + plot * Math.min(1, Math.max(0, value / scale.most)) };
}

/** From the power of ten below the smallest to the one above the largest; zero stands at the edge. */
function logarithmic(groups: readonly BarGroup[]): Axis {
  const values = groups
    .flatMap(({ bars, goal }) => [...bars.flatMap(({ value, low, high }) => [value, low, high]), goal?.at])
    .filter(value => value !== undefined && value > 0) as number[];
  const first = Math.floor(Math.log10(Math.min(1, ...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const at = (value: number) =>
    value <= 0 ? left : left + (plot * Math.max(0, Math.log10(value) - first)) / (last - first);
  return { ticks, at };
}

function drawAxis(title: string, { ticks, at }: Axis, bottom: number): string[] {
  const lines = ticks.flatMap(tick => [
    line(at(tick), titleHeight, at(tick), bottom, 'grid'),
    text(at(tick), bottom + 15, tick.toLocaleString('en', { maximumSignificantDigits: 3 }), 'soft', 'middle'),
  ]);
  return [...lines, text(left + plot / 2, bottom + 32, title, 'soft', 'middle')];
}

/** The goal's line crosses the bars, and passes behind the numbers. */
function drawGroup({ title, bars, goal }: BarGroup, axis: Axis, top: number): string[] {
  const first = top + groupHeight;
  const rows = bars.map((bar, index) => drawBar(bar, axis, first + index * rowHeight));
  const parts = [text(16, top + 17, title, 'group'), ...rows.flatMap(({ shapes }) => shapes)];
  if (goal !== undefined) {
    const x = axis.at(goal.at);
    parts.push(line(x, first - 3, x, first + bars.length * rowHeight, 'goal'));
    parts.push(text(width - 16, top + 17, goal.text, 'goal-text', 'end'));
  }
  return [...parts, ...rows.map(({ number }) => number)];
}

function drawBar({ label, colour, value, low, high, text: words }: Bar, axis: Axis, top: number) {
  const end = axis.at(value);
  const middle = top + barHeight / 2 + 1;
  const length = Math.max(1.5, end - left).toFixed(1);
  const shapes = [
    text(left - 8, middle + 4, label, '', 'end'),
    `<rect class="${colour}" x="${left}" y="${top + 1}" width="${length}" height="${barHeight}"/>`,
  ];
  const spread = low !== undefined && high !== undefined && high > low;
  if (spread) shapes.push(line(axis.at(low), middle, axis.at(high), middle, 'spread'));
  const reach = spread ? Math.max(end, axis.at(high)) : end;
  return { shapes, number: text(reach + 6, middle + 4, words, 'number') };
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(value => value.toFixed(1));
  return `<line class="${name}" x1="${a}" y1="${b}" x2="${c}" y2="${d}"/>`;
}

function text(x: number, y: number, words: string, name: string, anchor = 'start'): string {
  const attributes = `${name === '' ? '' : ` class="${name}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
