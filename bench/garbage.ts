/**
 * What garbage costs a daemon: time on a processor for each packet that a stranger sends, into its window and beside it;
 * and whether that depends on how many clients are configured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, ContenderName, Garbage } from './contender.js';
import { processorMs } from './process.js';
import { pinDaemon } from './processors.js';
import { type Spread, spreadOf } from './spread.js';
import { atMost, type Figure, median, type Value } from './table.js';

export const perSecond = 100_000;
const floodMs = 2000;
/** Until what waited in buffers has been read. */
const settleMs = 500;
/** Ports that nobody's window holds, and no door. */
export const beside: Garbage = { ports: Array.from({ length: 256 }, (_, offset) => 20_000 + offset) };
/** Of the smallest. */
const wantedEven = 1.1;
/** Less than this of a processor is what the kernel charges a process that sleeps. */
export const nothingMicroseconds = 0.001;

/** The contenders run already. */
export async function measureGarbage(contenders: readonly Contender[], rounds: number): Promise<Figure[]> {
  const inside = await measureCosts(contenders, rounds, ({ garbage }) => garbage);
  const outside = await measureCosts(contenders, rounds, () => beside);
  const group = `processor time of the daemon for each garbage packet, at ${perSecond.toLocaleString('en')}/s`;
  const row = (name: string, costs: ReadonlyMap<Contender, Spread>): Figure => {
    const values: Record<string, Value> = {};
    for (const [contender, spread] of costs) values[contender.name] = median(spread);
    return { group, name, unit: 'µs', values };
  };
  const into = row('into the window', inside);
  const next = row('SYNs beside the window', outside);
  return [
    { ...into, goal: atMost('< 1 µs', 1, into.values.portknock?.value) },
    { ...next, goal: atMost('0', nothingMicroseconds, next.values.portknock?.value) },
  ];
}

/** One contender with so many clients configured. */
export interface Population {
  readonly clients: number;
  readonly contender: Contender;
}

/** The contenders run already, each at an address of its own. */
export async function measurePopulations(
  populations: readonly Population[],
  rounds: number,
): Promise<Figure[]> {
  const contenders = populations.map(({ contender }) => contender);
  const costs = await measureCosts(contenders, rounds, ({ garbage }) => garbage);
  const group = `the same into the window, by clients configured (fwknop: stanzas)`;
  const counts = [...new Set(populations.map(({ clients }) => clients))].sort((a, b) => a - b);
  const rows = counts.map((count): Figure => {
    const values: Record<string, Value> = {};
    for (const { clients, contender } of populations) {
      if (clients === count) values[contender.name] = median(costs.get(contender)!);
    }
    return { group, name: count.toLocaleString('en'), unit: 'µs', values };
  });
  return [...rows, unevenness(rows, group, 'portknock')];
}

/** The dearest as a multiple of the cheapest. */
function unevenness(rows: readonly Figure[], group: string, contender: ContenderName): Figure {
  const costs = rows.flatMap(({ values }) => values[contender]?.value ?? []);
  const percent = (Math.max(...costs) / Math.min(...costs) - 1) * 100;
  return {
    group,
    name: 'dearest above cheapest',
    unit: '%',
    values: { [contender]: { value: percent } },
    goal: atMost('≤ 10 %', (wantedEven - 1) * 100, percent),
  };
}

/** Microseconds a packet, of contenders that run; in turns, so that whatever else this machine does meets all of them alike. */
export async function measureCosts(
  contenders: readonly Contender[],
  rounds: number,
  garbageFor: (contender: Contender) => Garbage,
): Promise<ReadonlyMap<Contender, Spread>> {
  const pids = new Map<Contender, readonly number[]>();
  for (const contender of contenders) {
    pids.set(contender, await contender.processes());
    pinDaemon(pids.get(contender)!);
  }
  const costs = new Map<Contender, number[]>(contenders.map(contender => [contender, []]));
  // The first round is not measured: a daemon's first garbage finds its code not yet compiled.
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      const cost = await costOnce(contender, pids.get(contender)!, garbageFor(contender));
      if (round > 0) costs.get(contender)!.push(cost);
    }
  }
  return new Map([...costs].map(([contender, values]) => [contender, spreadOf(values)]));
}

async function costOnce({ place }: Contender, pids: readonly number[], garbage: Garbage): Promise<number> {
  const spent = () => pids.reduce((sum, pid) => sum + processorMs(pid), 0);
  const before = spent();
  const { sent } = await place.prober.ask({
    do: 'flood',
    address: place.server.ipv4,
    garbage,
    packets: Number.MAX_SAFE_INTEGER,
    perSecond,
    timeoutMs: floodMs,
  });
  await sleep(settleMs);
  return ((spent() - before) / sent!) * 1000;
}
