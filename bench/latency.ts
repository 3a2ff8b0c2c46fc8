/** From the last packet of a knock to the first connection that succeeds: everybody's, and what no daemon could better. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, ContenderName } from './contender.js';
import type { Floor } from './floor.js';
import { knockAt } from './knocking.js';
import { pinDaemon } from './processors.js';
import { type Spread, spreadOf } from './spread.js';
import { atMost, type Figure, type Value } from './table.js';

/** Of knockd's. */
const wantedShares = { p50: 1 / 40, p99: 1 / 20 } as const;
const group = 'from the last packet of a knock to the first connection';

/**
 * In turns, so that whatever else this machine does meets all of them alike. The contenders run already.
 * @throws Error where a knock never opened
 */
export async function measureLatency(
  contenders: readonly Contender[],
  floor: Floor,
  knocks: number,
): Promise<Figure[]> {
  const open: number[] = [];
  const spreads = await timeKnocks(contenders, knocks, async () => {
    open.push(await knockAt(floor, floor.openPort));
  });
  return figures(spreads, spreadOf(open));
}

/** The contenders run already. @param besides done in every turn @throws Error where a knock never opened */
export async function timeKnocks(
  contenders: readonly Contender[],
  knocks: number,
  besides: () => Promise<void> = async () => {},
): Promise<ReadonlyMap<ContenderName, Spread>> {
  for (const contender of contenders) pinDaemon(await contender.processes());
  const times = new Map<ContenderName, number[]>(contenders.map(({ name }) => [name, []]));
  // The first of each is not measured: the prober is new to it.
  for (let knock = 0; knock <= knocks; knock++) {
    for (const contender of contenders) {
      const ms = await knockAt(contender);
      if (knock > 0) times.get(contender.name)!.push(ms);
    }
    await besides();
    // At no fixed distance: some daemons look for packets by a clock of their own.
    await sleep(Math.random() * 100);
  }
  return new Map([...times].map(([name, values]) => [name, spreadOf(values)]));
}

function figures(spreads: ReadonlyMap<ContenderName, Spread>, open: Spread): Figure[] {
  const rows = (['p50', 'p99', 'min', 'max'] as const).map((name): Figure => {
    const values = Object.fromEntries(
      [...spreads].map(([contender, spread]) => [contender, valueFrom(spread, name)]),
    );
    const { knockd, portknock } = values;
    const share = name === 'p50' || name === 'p99' ? wantedShares[name] : undefined;
    const goal =
      share === undefined || knockd === undefined
        ? undefined
        : atMost(`≤ 1/${1 / share}`, knockd.value * share, portknock?.value);
    return { group, name: `${name} of ${spreads.get('portknock')?.count}`, unit: 'ms', values, goal };
  });
  const name = 'p50 where the port is open anyway';
  return [...rows, { group, name, unit: 'ms', values: { floor: { value: open.p50 } } }];
}

/** The median with its quarters, the others alone. */
export function valueFrom(spread: Spread, name: 'p50' | 'p99' | 'min' | 'max'): Value {
  return name === 'p50' ? { value: spread.p50, low: spread.p25, high: spread.p75 } : { value: spread[name] };
}
