/**
 * Knocks of one datagram signed by a certificate: how fast one opens, how many a processor verifies, and how many right ones
 * open while strangers send what looks like one.
 */
import type { Certified } from './certified.js';
import { tryAgainMs } from './certified.js';
import type { Contender, ContenderName, DatagramShape } from './contender.js';
import { type Flooded, fullAfterMs, knockUnder } from './flooded.js';
import { timeKnocks, valueFrom } from './latency.js';
import { pinDaemon } from './processors.js';
import { atLeast, type Figure, figureOf, type Unit } from './table.js';
import type { Way } from './tries.js';
import { measureVerifying } from './verifying.js';

/** As many as are verified in a second or so. */
const rights = 3000;
const rates = [1000, 5000, 20_000] as const;
/** The share that is to open, in %. */
const wanted = 99;

export interface DatagramCounts {
  readonly knocks: number;
  readonly floodedTries: number;
}

/** All run already. @param others who hear datagrams too */
export async function measureDatagrams(
  certified: Certified,
  portknock: Contender,
  others: readonly Contender[],
  { knocks, floodedTries }: DatagramCounts,
): Promise<Figure[]> {
  const times = await measureTimes([portknock, certified, ...others], knocks);
  for (const contender of [certified, ...others]) pinDaemon(await contender.processes());
  const sources = Array.from({ length: rights }, () => certified.place.freshSource());
  const verified = await measureVerifying(certified.site, certified.composeRights(sources));
  return [...times, ...verified, ...(await measureFloods(certified, others, floodedTries))];
}

async function measureTimes(contenders: readonly Contender[], knocks: number): Promise<Figure[]> {
  const spreads = await timeKnocks(contenders, knocks);
  const group =
    'from the last packet of a knock, here the only one but for portknock’s, to the first connection';
  return (['p50', 'p99', 'min', 'max'] as const).map(name =>
    figureOf({ group, name: `${name} of ${knocks}`, unit: 'ms' }, spreads, spread => valueFrom(spread, name)),
  );
}

interface Kind {
  readonly name: string;
  readonly points: DatagramShape['points'];
  /** All of them from one address; undefined: each from its own. */
  readonly isOne?: true;
  readonly tries?: number;
}

const kinds: readonly Kind[] = [
  { name: 'keys by chance, each from a random source', points: 'random' },
  { name: 'valid keys, all from one source', points: 'valid', isOne: true },
  { name: 'valid keys, each from a random source', points: 'valid' },
  { name: 'the same, three tries a second apart', points: 'valid', tries: 3 },
];

async function measureFloods(
  certified: Certified,
  others: readonly Contender[],
  tries: number,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const perSecond of rates) {
    const compared = new Map<ContenderName, Flooded>();
    for (const contender of others) {
      const strangers = { garbage: contender.garbage, perSecond, leadMs: fullAfterMs };
      compared.set(contender.name, await knockUnder(contender, strangers, tries));
    }
    for (const [index, kind] of kinds.entries()) {
      const own = await knockAmid(certified, kind, perSecond, tries);
      const found = new Map([[certified.name as ContenderName, own], ...(index === 0 ? compared : [])]);
      figures.push(...floodFigures(`${perSecond.toLocaleString('en')}/s, ${kind.name}`, found, tries));
    }
  }
  return figures;
}

async function knockAmid(
  certified: Certified,
  kind: Kind,
  perSecond: number,
  tries: number,
): Promise<Flooded> {
  const { points, isOne } = kind;
  const garbage = certified.shaped(points);
  const sources = isOne === undefined ? {} : { sources: [certified.place.freshSource()] };
  certified.tries = kind.tries ?? 1;
  try {
    return await knockUnder(certified, { garbage, perSecond, leadMs: fullAfterMs, ...sources }, tries, again);
  } finally {
    certified.tries = 1;
  }
}

/** A try and those after it. */
const again: Way = sent => sent.map(({ item }, index) => ({ at: index * tryAgainMs, item }));

/** What was found, in lines. */
export function floodFigures(
  name: string,
  found: ReadonlyMap<ContenderName, Flooded>,
  tries: number,
): Figure[] {
  const group = `datagrams that open under well-shaped garbage, one try each but where it is said, ${tries} of each (fwknop: its own kind)`;
  const row = (name: string, unit: Unit, read: (flooded: Flooded) => number | undefined) =>
    figureOf({ group, name, unit }, found, read);
  const opened = row(name, '%', each => each.opened);
  return [
    { ...opened, goal: atLeast(`≥ ${wanted} %`, wanted, opened.values.datagram?.value) },
    row('  packets really sent', '/s', each => each.perSecond),
    row('  of them lost before the daemon', '%', each => each.lost),
  ];
}
