/**
 * How many knocks open the door while strangers flood it with garbage of the kind that the contender listens to: SYNs to
 * the ports of its window, or datagrams to its port, each from a random source.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, ContenderName, Garbage } from './contender.js';
import { pinDaemon } from './processors.js';
import { atLeast, type Figure, figureOf, type Unit } from './table.js';
import { type Found, knockOften, straight, type Way } from './tries.js';

interface Row {
  readonly name: string;
  /** Packets; undefined: as many as the machine sends. */
  readonly perSecond: number | undefined;
  readonly wanted: number;
}

const rows: readonly Row[] = [
  { name: '20,000/s', perSecond: 20_000, wanted: 99.9 },
  { name: '100,000/s', perSecond: 100_000, wanted: 99.9 },
  { name: 'the most', perSecond: undefined, wanted: 99 },
];

/** The flood alone, so that every table, queue and buffer is as full as it gets. */
export const fullAfterMs = 4000;
const everyMs = 30;
/** Until what waited in buffers has been read. */
const settleMs = 1000;

export interface Flooded extends Found {
  /** In %. */
  readonly lost: number | undefined;
}

/** The contenders run already. */
export async function measureFlooded(contenders: readonly Contender[], knocks: number): Promise<Figure[]> {
  for (const contender of contenders) pinDaemon(await contender.processes());
  const figures: Figure[] = [];
  for (const row of rows) {
    const found = new Map<ContenderName, Flooded>();
    for (const contender of contenders) {
      const strangers = { garbage: contender.garbage, perSecond: row.perSecond, leadMs: fullAfterMs };
      found.set(contender.name, await knockUnder(contender, strangers, knocks));
    }
    figures.push(...figuresOf(row, found, knocks));
  }
  return figures;
}

/** What strangers send meanwhile. */
export interface Strangers {
  readonly garbage: Garbage;
  /** Undefined: as many as the machine sends. */
  readonly perSecond: number | undefined;
  /** The flood alone before the first knock. */
  readonly leadMs: number;
  /** In the names of these addresses by turns; without them each packet has a source of its own. */
  readonly sources?: readonly string[];
}

/** The contender runs already. */
export async function knockUnder(
  contender: Contender,
  { perSecond, ...strangers }: Strangers,
  knocks: number,
  way: Way = straight,
): Promise<Flooded> {
  const lostBefore = (await contender.lost()) ?? 0;
  const flood = { ...strangers, ...(perSecond === undefined ? {} : { perSecond }) };
  const found = await knockOften(contender, { knocks, everyMs, way, flood });
  await sleep(settleMs);
  const lost = await contender.lost();
  return { ...found, lost: lost && ((lost - lostBefore) / found.sent) * 100 };
}

function figuresOf(row: Row, found: ReadonlyMap<ContenderName, Flooded>, knocks: number): Figure[] {
  const group = `knocks that open under a flood, one try each, ${knocks} of each contender`;
  const figure = (name: string, unit: Unit, read: (flooded: Flooded) => number | undefined) =>
    figureOf({ group, name, unit }, found, read);
  const opened = figure(`${row.name}: knocks that open`, '%', each => each.opened);
  return [
    { ...opened, goal: atLeast(`≥ ${row.wanted} %`, row.wanted, opened.values.portknock?.value) },
    figure('  packets really sent', '/s', each => each.perSecond),
    figure('  of them lost before the daemon', '%', each => each.lost),
  ];
}
