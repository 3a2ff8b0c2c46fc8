/** From the last SYN to the first connection that succeeds: ours, knockd's, and what no daemon could better. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.js';
import type { Floor } from './floor.js';
import { doorPort, openForMs, type Place } from './namespaces.js';
import { pinDaemon } from './processors.js';
import { type Spread, spreadOf } from './spread.js';
import type { Figure } from './table.js';

const timeoutMs = 3000;
const wantedShare = 1 / 20;
const group = 'from the last SYN to the first connection';

/**
 * In turns, so that whatever else this machine does meets all of them alike. The contenders run already.
 * @throws Error where a knock never opened
 */
export async function measureLatency(
  ours: Contender,
  theirs: Contender,
  floor: Floor,
  knocks: number,
): Promise<Figure[]> {
  for (const contender of [ours, theirs]) pinDaemon(await contender.processes());
  const times = {
    ours: [] as number[],
    theirs: [] as number[],
    kernel: [] as number[],
    open: [] as number[],
  };
  for (let knock = 0; knock < knocks; knock++) {
    times.ours.push(await knockAt(ours));
    times.theirs.push(await knockAt(theirs));
    times.kernel.push(await knockOnce(floor.place, floor.sequence, doorPort, 'nftables alone'));
    times.open.push(await knockOnce(floor.place, floor.sequence, floor.openPort, 'a port always open'));
    // At no fixed distance: knockd looks for packets by a clock of its own.
    await sleep(openForMs + 50 + Math.random() * 100);
  }
  const spread = (values: readonly number[]) => spreadOf(values);
  return figures(spread(times.ours), spread(times.theirs), spread(times.kernel), spread(times.open));
}

/** @returns milliseconds @throws Error where it never opened */
export function knockAt(contender: Contender): Promise<number> {
  return knockOnce(contender.place, contender.knockPorts(), doorPort, contender.name);
}

async function knockOnce(
  { prober, server }: Place,
  ports: readonly number[],
  door: number,
  name: string,
): Promise<number> {
  const alwaysOpen = door !== doorPort;
  const { ms } = await prober.ask({
    do: 'knock',
    address: server.ipv4,
    ports,
    door,
    timeoutMs,
    alwaysOpen,
  });
  if (ms === undefined) throw new Error(`${name}: a knock did not open within ${timeoutMs} ms`);
  return ms;
}

function figures(ours: Spread, theirs: Spread, kernel: Spread, open: Spread): Figure[] {
  const rows = (['p50', 'p99', 'min', 'max'] as const).map(
    (name): Figure => ({
      group,
      name: `${name} of ${ours.count}`,
      unit: 'ms',
      portknock: { value: ours[name] },
      knockd: { value: theirs[name] },
      floor: { value: kernel[name] },
      goal: name === 'p50' ? { text: '≤ 1/20', met: ours[name] <= theirs[name] * wantedShare } : undefined,
    }),
  );
  const resolution: Figure = {
    group,
    name: 'p50 where the port is open anyway',
    unit: 'ms',
    floor: { value: open.p50 },
  };
  return [...rows, resolution];
}
