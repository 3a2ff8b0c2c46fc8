/** From the start of the daemon to its word that it hears knocks; and how fast the first knock after it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.js';
import { knockAt } from './latency.js';
import { pinDaemon } from './processors.js';
import { spreadOf } from './spread.js';
import { type Figure, median } from './table.js';

/** Long enough for a fresh daemon to have nothing left to do. */
const settleMs = 300;

/** In turns; the daemons do not run before or after. @throws Error where one does not start, or does not open */
export async function measureStarts(ours: Contender, theirs: Contender, starts: number): Promise<Figure[]> {
  const ready = { portknock: [] as number[], knockd: [] as number[], floor: [] as number[] };
  const first = { portknock: [] as number[], knockd: [] as number[] };
  for (let start = 0; start < starts; start++) {
    for (const contender of [ours, theirs]) {
      ready[contender.name].push(await startOnce(contender));
      first[contender.name].push(await firstKnock(contender));
    }
    const nothing = { argv: [process.execPath, '-e', '0'] };
    const { ms } = await ours.place.onServer.ask({ do: 'run', command: nothing });
    ready.floor.push(ms!);
  }
  const group = 'the daemon’s start (floor: node -e 0)';
  return [
    {
      group,
      name: `to ready, median of ${starts}`,
      unit: 'ms',
      portknock: median(spreadOf(ready.portknock)),
      knockd: median(spreadOf(ready.knockd)),
      floor: median(spreadOf(ready.floor)),
    },
    {
      group,
      name: 'first knock after it, last SYN to open',
      unit: 'ms',
      portknock: median(spreadOf(first.portknock)),
      knockd: median(spreadOf(first.knockd)),
    },
  ];
}

async function startOnce({ place, daemonCommand, readyPattern }: Contender): Promise<number> {
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
