/** What daemons do while nobody knocks: time on a processor, and how often they wake. All at once: none does much. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.js';
import { processorMs, wakeups } from './process.js';
import type { Figure, Unit, Value } from './table.js';

/** V8 tidies up once, some ten seconds after it has nothing else to do. */
const settleMs = 20_000;

interface Found {
  readonly share: number;
  readonly wakeups: number;
}

/** The contenders have been started just now. */
export async function measureIdle(contenders: readonly Contender[], seconds: number): Promise<Figure[]> {
  const pids = await Promise.all(contenders.map(contender => contender.processes()));
  await sleep(settleMs);
  const before = pids.map(countsOf);
  await sleep(seconds * 1000);
  const found = pids.map((each, index): Found => {
    const { ms, times } = countsOf(each);
    return {
      share: ((ms - before[index]!.ms) / (seconds * 1000)) * 100,
      wakeups: (times - before[index]!.times) / seconds,
    };
  });
  const row = (name: string, unit: Unit, read: (found: Found) => number): Figure => {
    const values: Record<string, Value> = {};
    for (const [index, { name }] of contenders.entries()) values[name] = { value: read(found[index]!) };
    return { group: `the daemon idle, for ${seconds} s`, name, unit, values };
  };
  return [row('of one processor', '%', each => each.share), row('wakeups', '/s', each => each.wakeups)];
}

function countsOf(pids: readonly number[]): { readonly ms: number; readonly times: number } {
  const sum = (read: (pid: number) => number) => pids.reduce((total, pid) => total + read(pid), 0);
  return { ms: sum(processorMs), times: sum(wakeups) };
}
