/** From the start of the daemon to its word that it hears knocks; and how fast the first knock after it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, ContenderName, DaemonContender } from './contender.js';
import type { Floor } from './floor.js';
import { knockAt } from './knocking.js';
import { pinDaemon } from './processors.js';
import { spreadOf } from './spread.js';
import { type Figure, median, type Value } from './table.js';

/** Long enough for a fresh daemon to have nothing left to do. */
const settleMs = 300;

/** In turns; the daemons do not run before or after. @throws Error where one does not start, or does not open */
export async function measureStarts(
  contenders: readonly DaemonContender[],
  floor: Floor,
  starts: number,
): Promise<Figure[]> {
  const ready = new Map<ContenderName, number[]>([...contenders, floor].map(({ name }) => [name, []]));
  const first = new Map<ContenderName, number[]>(contenders.map(({ name }) => [name, []]));
  for (let start = 0; start < starts; start++) {
    for (const contender of contenders) {
      ready.get(contender.name)!.push(await startOnce(contender));
      first.get(contender.name)!.push(await firstKnock(contender));
    }
    const nothing = { argv: [process.execPath, '-e', '0'] };
    const { ms } = await floor.place.onServer.ask({ do: 'run', command: nothing });
    ready.get('floor')!.push(ms!);
  }
  const group = 'the daemon’s start (floor: node -e 0)';
  return [
    { group, name: `to ready, median of ${starts}`, unit: 'ms', values: mediansOf(ready) },
    { group, name: 'first knock after it, last packet to open', unit: 'ms', values: mediansOf(first) },
  ];
}

function mediansOf(times: ReadonlyMap<ContenderName, readonly number[]>): Record<string, Value> {
  return Object.fromEntries([...times].map(([name, values]) => [name, median(spreadOf(values))]));
}

async function startOnce({ place, daemonCommand, readyPattern }: DaemonContender): Promise<number> {
  const { ms } = await place.onServer.ask({ do: 'start', command: daemonCommand, ready: readyPattern });
  return ms!;
}

async function firstKnock(contender: Contender): Promise<number> {
  await contender.start();
  try {
    pinDaemon(await contender.processes());
    await sleep(settleMs);
    return await knockAt(contender);
  } finally {
    await contender.stop();
  }
}
