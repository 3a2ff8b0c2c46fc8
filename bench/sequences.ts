/**
 * knockd and portknockd in its stead, with the same configuration in one run; and a door of portknockd's own to the same
 * sequence. How fast a knock starts the command, what garbage costs, and what knocks are worth while strangers begin the
 * sequence in everybody's name.
 */
import type { Contender, ContenderName, Garbage } from './contender.js';
import { type Flooded, fullAfterMs, knockUnder, type Strangers } from './flooded.js';
import { beside, measureCosts, nothingMicroseconds, perSecond } from './garbage.js';
import { knockAt } from './knocking.js';
import { timeKnocks, valueFrom } from './latency.js';
import { floodOne, type Flooded as Grown, growthGoal, growthMib } from './memory.js';
import { pinDaemon } from './processors.js';
import { firstKnocks } from './sequenced.js';
import { atLeast, atMost, type Figure, figureOf, median, type Unit } from './table.js';

/** First knocks a second, each of another source. */
const rates = [20_000, 50_000] as const;
/** When in the flood is knocked: knockd gets slower as long as its list grows. */
const moments = [
  { name: 'from its begin', leadMs: 0, tries: 50 },
  { name: `after ${fullAfterMs / 1000} s`, leadMs: fullAfterMs, tries: undefined },
] as const;
/** The share that is to open under them, in %. */
const wanted = 99;

export interface SequenceCounts {
  readonly knocks: number;
  readonly garbageRounds: number;
}

/** The contenders run already. */
export async function measureSequences(
  contenders: readonly Contender[],
  { knocks, garbageRounds }: SequenceCounts,
): Promise<Figure[]> {
  const times = await measureTimes(contenders, knocks);
  return [...times, ...(await measureGarbageCosts(contenders, garbageRounds))];
}

async function measureTimes(contenders: readonly Contender[], knocks: number): Promise<Figure[]> {
  const spreads = await timeKnocks(contenders, knocks);
  const group =
    'from the last SYN of a sequence of three to the command started (native door: to the first connection)';
  return (['p50', 'p99', 'min', 'max'] as const).map(name => {
    const row = { group, name: `${name} of ${knocks}`, unit: 'ms' } as const;
    const figure = figureOf(row, spreads, spread => valueFrom(spread, name));
    return name === 'p50' || name === 'p99' ? { ...figure, goal: noMoreThanKnockd(figure) } : figure;
  });
}

function noMoreThanKnockd({ values: { portknock, knockd } }: Figure) {
  return knockd && atMost('≤ knockd’s', knockd.value, portknock?.value);
}

async function measureGarbageCosts(contenders: readonly Contender[], rounds: number): Promise<Figure[]> {
  const group = `processor time of the daemon for each garbage SYN, at ${perSecond.toLocaleString('en')}/s`;
  const measure = async (name: string, garbage: (contender: Contender) => Garbage): Promise<Figure> => {
    const costs = await measureCosts(contenders, rounds, garbage);
    const named = new Map([...costs].map(([contender, spread]) => [contender.name, spread]));
    return figureOf({ group, name, unit: 'µs' }, named, median);
  };
  const inside = await measure('to ports of the sequence', ({ garbage }) => garbage);
  const outside = await measure('to ports beside it', () => beside);
  return [
    { ...inside, goal: noMoreThanKnockd(inside) },
    { ...outside, goal: atMost('0', nothingMicroseconds, outside.values.portknock?.value) },
  ];
}

/** The daemons do not run before or after: each begins every row with nothing left of the flood before. */
export async function measureSpoofed(contenders: readonly Contender[], tries: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const rate of rates) {
    for (const moment of moments) {
      const knocks = moment.tries ?? tries;
      const strangers = { garbage: firstKnocks, perSecond: rate, leadMs: moment.leadMs };
      const found = new Map<ContenderName, Flooded>();
      for (const contender of contenders)
        found.set(contender.name, await knockAnew(contender, strangers, knocks));
      const name = `${rate.toLocaleString('en')}/s, ${moment.name}: opened of ${knocks}`;
      figures.push(...spoofedFigures(name, found));
    }
  }
  return figures;
}

async function knockAnew(contender: Contender, strangers: Strangers, knocks: number): Promise<Flooded> {
  await contender.start();
  try {
    pinDaemon(await contender.processes());
    // With all that a knock needs loaded.
    await knockAt(contender);
    return await knockUnder(contender, strangers, knocks);
  } finally {
    await contender.stop();
  }
}

/** What was found, in three lines. */
export function spoofedFigures(name: string, found: ReadonlyMap<ContenderName, Flooded>): Figure[] {
  const group =
    'sequences of three that open while strangers send the first SYN from random sources, one try each';
  const row = (name: string, unit: Unit, read: (flooded: Flooded) => number | undefined) =>
    figureOf({ group, name, unit }, found, read);
  const opened = row(name, '%', each => each.opened);
  return [
    { ...opened, goal: atLeast(`≥ ${wanted} %`, wanted, opened.values.portknock?.value) },
    row('  packets really sent', '/s', each => each.perSecond),
    row('  of them lost before the daemon', '%', each => each.lost),
  ];
}

/** The daemons do not run before or after. @throws Error where one does not open any more after its flood */
export async function measureSequenceMemory(
  contenders: readonly Contender[],
  sources: number,
): Promise<Figure[]> {
  const found = new Map<ContenderName, Grown>();
  for (const contender of contenders)
    found.set(contender.name, await floodOne(contender, firstKnocks, sources));
  const group = `memory after the first knock of ${sources.toLocaleString('en')} spoofed sources`;
  const row = (name: string, unit: Unit, read: (grown: Grown) => number | undefined) =>
    figureOf({ group, name, unit }, found, read);
  const grown = row('more than idle', 'MiB', growthMib);
  return [
    { ...grown, goal: growthGoal(grown) },
    row('packets sent', 'packets', ({ sent }) => sent),
    row('sent in a second', '/s', each => each.perSecond),
    row('lost before the daemon', 'packets', ({ lost }) => lost),
    row('from its end to a sequence that opens', 'ms', ({ openAgainMs }) => openAgainMs),
  ];
}
