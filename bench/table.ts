/** Figures as a table for people, and as a document for programs. It measures nothing. */
import type { Spread } from './spread.js';

export type Unit = 'ms' | 'µs' | 'MiB' | 'packets' | 'packets/s';

/** One value, and between what most of the measurements lie where there were many. */
export interface Value {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** One line of the table. */
export interface Figure {
  /** What it is about; lines of one group stand together. */
  readonly group: string;
  readonly name: string;
  readonly unit: Unit;
  readonly portknock?: Value | undefined;
  readonly knockd?: Value | undefined;
  /** What it cannot be less than: the same without a daemon, or Node doing nothing. */
  readonly floor?: Value | undefined;
  readonly goal?: Goal | undefined;
}

/** What the issue asks for. Nothing fails by missing it: a figure is only as good as the machine. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** The median, with the quarters below and above it. */
export function median({ p50, p25, p75 }: Spread): Value {
  return { value: p50, low: p25, high: p75 };
}

/** portknock's share of knockd's; undefined where one of them was not measured. */
export function ratioOf({ portknock, knockd }: Figure): number | undefined {
  if (portknock === undefined || knockd === undefined || knockd.value === 0) return undefined;
  return portknock.value / knockd.value;
}

const columns = ['', 'portknock', 'knockd', 'ratio', 'floor', 'goal'] as const;

/** Lines without the last newline; numbers right, words left. */
export function formatTable(figures: readonly Figure[]): string {
  const groups = [...new Set(figures.map(({ group }) => group))];
  const rows = groups.flatMap(group => [
    [group],
    ...figures.filter(figure => figure.group === group).map(cellsOf),
  ]);
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.filter(row => row.length > 1).map(row => [...row[column]!].length)),
  );
  const line = (cells: readonly string[]) => {
    if (cells.length === 1) return cells[0]!;
    const aligned = cells.map((cell, column) => pad(cell, widths[column]!, column));
    return aligned.join('   ').trimEnd();
  };
  return [columns, ...rows].map(line).join('\n');
}

function pad(cell: string, width: number, column: number): string {
  const words = column === 0 || column === columns.length - 1;
  return words ? cell.padEnd(width) : cell.padStart(width);
}

function cellsOf(figure: Figure): string[] {
  const { name, unit, portknock, knockd, floor, goal } = figure;
  const ratio = ratioOf(figure);
  return [
    `  ${name}`,
    formatValue(portknock, unit),
    formatValue(knockd, unit),
    ratio === undefined ? '' : formatRatio(ratio),
    formatValue(floor, unit),
    goal === undefined ? '' : `${goal.text}: ${goal.met ? 'met' : 'missed'}`,
  ];
}

function formatValue(value: Value | undefined, unit: Unit): string {
  if (value === undefined) return '';
  const { low, high } = value;
  const between = low === undefined || high === undefined ? '' : ` (${digits(low)}–${digits(high)})`;
  return `${digits(value.value)} ${unit}${between}`;
}

/** Three digits that count, and all digits before the point. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `1/52` where portknock needs less, `3.4×` where it needs more. */
export function formatRatio(ratio: number): string {
  if (ratio >= 1) return `${ratio.toFixed(ratio >= 10 ? 0 : 1)}×`;
  const inverse = 1 / ratio;
  return `1/${inverse.toFixed(inverse >= 10 ? 0 : 1)}`;
}

/** The same for programs, with the ratios. */
export function toDocument(machine: Readonly<Record<string, unknown>>, figures: readonly Figure[]) {
  return { machine, figures: figures.map(figure => ({ ...figure, ratio: ratioOf(figure) })) };
}
