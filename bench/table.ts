/** Figures as a table for people, and as a document for programs. It measures nothing. */
import type { ContenderName } from './contender.js';
import type { Spread } from './spread.js';

export type Unit = 'ms' | 'µs' | 'MiB' | '%' | 'packets' | '/s';

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
  /** Of the floor: what it cannot be less than, the same without a daemon, or Node doing nothing. */
  readonly values: { readonly [Name in ContenderName]?: Value | undefined };
  readonly goal?: Goal | undefined;
}

/** What the project sets itself. Nothing fails by missing it: a figure is only as good as the machine. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
  /** In the figure's unit, where it is a number. */
  readonly at?: number;
}

/** In the order in which they stand, and what they are called. */
export const contenderTitles: Readonly<Record<ContenderName, string>> = {
  portknock: 'portknock',
  native: 'native door',
  number: 'sequence number',
  datagram: 'datagram',
  challenge: 'challenge',
  knockd: 'knockd',
  fwknop: 'fwknop',
  fwknopUdp: 'fwknop -U',
  floor: 'floor',
};

export const contenderNames = Object.keys(contenderTitles) as ContenderName[];

/** A line with a value of each of whom something was found. */
export function figureOf<Found>(
  { group, name, unit }: Pick<Figure, 'group' | 'name' | 'unit'>,
  found: ReadonlyMap<ContenderName, Found>,
  read: (each: Found) => Value | number | undefined,
): Figure {
  const values: Record<string, Value> = {};
  for (const [contender, each] of found) {
    const value = read(each);
    if (value !== undefined) values[contender] = typeof value === 'number' ? { value } : value;
  }
  return { group, name, unit, values };
}

/** The median, with the quarters below and above it. */
export function median({ p50, p25, p75 }: Spread): Value {
  return { value: p50, low: p25, high: p75 };
}

/** A goal that a value does not exceed. */
export function atMost(text: string, limit: number, value: number | undefined): Goal | undefined {
  return value === undefined ? undefined : { text, met: value <= limit, at: limit };
}

/** A goal that a value reaches. */
export function atLeast(text: string, limit: number, value: number | undefined): Goal | undefined {
  return value === undefined ? undefined : { text, met: value >= limit, at: limit };
}

/** Of these less is better, whatever else they are. */
const costs: ReadonlySet<Unit> = new Set(['ms', 'µs', 'MiB']);

/** portknock's share of knockd's; undefined where one of them was not measured, or it would say nothing. */
export function ratioOf({ unit, values: { portknock, knockd } }: Figure): number | undefined {
  if (portknock === undefined || knockd === undefined || knockd.value === 0 || !costs.has(unit))
    return undefined;
  return portknock.value / knockd.value;
}

/** Lines without the last newline; numbers right, words left. Nobody stands there of whom nothing was measured. */
export function formatTable(figures: readonly Figure[]): string {
  const present = contenderNames.filter(name => figures.some(({ values }) => values[name] !== undefined));
  const columns = ['', '', ...present.map(name => contenderTitles[name]), 'ratio', 'goal'];
  const groups = [...new Set(figures.map(({ group }) => group))];
  const rows = groups.flatMap(group => [
    [group],
    ...figures.filter(figure => figure.group === group).map(figure => cellsOf(figure, present)),
  ]);
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.filter(row => row.length > 1).map(row => [...row[column]!].length)),
  );
  const line = (cells: readonly string[]) => {
    if (cells.length === 1) return cells[0]!;
    const aligned = cells.map((cell, column) => {
      const isNumber = column > 1 && column < columns.length - 1;
      return isNumber ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
    });
    return aligned.join('  ').trimEnd();
  };
  return [columns, ...rows].map(line).join('\n');
}

function cellsOf(figure: Figure, contenders: readonly ContenderName[]): string[] {
  const { name, unit, values, goal } = figure;
  const ratio = ratioOf(figure);
  return [
    `  ${name}`,
    unit,
    ...contenders.map(contender => formatValue(values[contender])),
    ratio === undefined ? '' : formatRatio(ratio),
    goal === undefined ? '' : `${goal.text}: ${goal.met ? 'met' : 'missed'}`,
  ];
}

function formatValue(value: Value | undefined): string {
  if (value === undefined) return '';
  const { low, high } = value;
  const between =
    low === undefined || high === undefined ? '' : ` (${formatNumber(low)}–${formatNumber(high)})`;
  return `${formatNumber(value.value)}${between}`;
}

/** Three digits that count, and all digits before the point. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `1/52` where portknock needs less, `3.4×` where it needs more. */
export function formatRatio(ratio: number): string {
  if (ratio >= 1) return `${ratio.toFixed(ratio >= 10 ? 0 : 1)}×`;
  const inverse = 1 / ratio;
  return inverse === Number.POSITIVE_INFINITY ? '0' : `1/${inverse.toFixed(inverse >= 10 ? 0 : 1)}`;
}
