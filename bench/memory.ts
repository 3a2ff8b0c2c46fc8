/** Memory idle and after a flood from sources that are all different, what the flood costs, and what of it was lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.js';
import type { Floor } from './floor.js';
import { knockAt } from './latency.js';
import { openForMs } from './namespaces.js';
import { mostResidentMib, processorMs, proportionalMib, residentMib } from './process.js';
import type { Figure, Unit, Value } from './table.js';

const settleMs = 2000;
const floodTimeoutMs = 60_000;
const wantedGrowthMib = 32;

/** One contender's flood: each list by process, the daemon's first process first. */
interface Flooded {
  readonly idle: readonly number[];
  readonly idleShared: number;
  readonly after: readonly number[];
  readonly most: readonly number[];
  readonly sent: number;
  readonly perSecond: number;
  readonly processorMs: number;
  readonly lost: number | undefined;
}

/** The daemons do not run before or after. @throws Error where one does not open any more after its flood */
export async function measureMemory(
  ours: Contender,
  theirs: Contender,
  floor: Floor,
  sources: number,
): Promise<Figure[]> {
  return figures(
    await floodOne(ours, sources),
    await floodOne(theirs, sources),
    await idleNode(floor),
    sources,
  );
}

async function floodOne(contender: Contender, sources: number): Promise<Flooded> {
  const { place, window: ports } = contender;
  await contender.start();
  try {
    const pids = await contender.processes();
    // With all that a knock needs loaded.
    await knockAt(contender);
    await sleep(settleMs);
    const idle = pids.map(residentMib);
    const idleShared = sum(pids.map(proportionalMib));
    const before = sum(pids.map(processorMs));
    const address = place.server.ipv4;
    const flood = { do: 'flood', address, ports, sources, timeoutMs: floodTimeoutMs } as const;
    const { sent, ms } = await place.onClient.ask(flood);
    await sleep(settleMs);
    const spent = sum(pids.map(processorMs)) - before;
    const after = pids.map(residentMib);
    const most = pids.map(mostResidentMib);
    const lost = await contender.lost();
    await knockAt(contender);
    await sleep(openForMs);
    return { idle, idleShared, after, most, sent, perSecond: (sent / ms!) * 1000, processorMs: spent, lost };
  } finally {
    await contender.stop();
  }
}

/** A Node that does nothing: two of them are what two processes cost at least. */
async function idleNode({ place }: Floor): Promise<number> {
  const program = place.server.namespace.start(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
  await sleep(settleMs / 2);
  const mib = residentMib(program.pid);
  await program.kill();
  return mib;
}

function figures(ours: Flooded, theirs: Flooded, node: number, sources: number): Figure[] {
  const group = `resident memory, and a flood from ${sources.toLocaleString('en')} spoofed sources`;
  const value = (amount: number | undefined): Value | undefined =>
    amount === undefined ? undefined : { value: amount };
  const row = (name: string, unit: Unit, read: (flooded: Flooded) => number | undefined): Figure => ({
    group,
    name,
    unit,
    portknock: value(read(ours)),
    knockd: value(read(theirs)),
  });
  const growth = sum(ours.after) - sum(ours.idle);
  const goal = { text: `≤ ${wantedGrowthMib} MiB`, met: growth <= wantedGrowthMib };
  const part = (name: string, index: number, read: (flooded: Flooded) => readonly number[]): Figure => ({
    group,
    name,
    unit: 'MiB',
    portknock: value(read(ours)[index]),
  });
  return [
    { ...row('idle', 'MiB', ({ idle }) => sum(idle)), floor: { value: 2 * node } },
    part('  of it the monitor', 0, ({ idle }) => idle),
    part('  of it the listener', 1, ({ idle }) => idle),
    row('  idle, shared pages divided (PSS)', 'MiB', ({ idleShared }) => idleShared),
    row('after the flood', 'MiB', ({ after }) => sum(after)),
    { ...row('more than idle', 'MiB', ({ after, idle }) => sum(after) - sum(idle)), goal },
    row('most at any time', 'MiB', ({ most }) => sum(most)),
    row('packets sent', 'packets', ({ sent }) => sent),
    row('sent in a second', 'packets/s', ({ perSecond }) => perSecond),
    row('lost (knockd does not count)', 'packets', ({ lost }) => lost),
    row('processor time for one', 'µs', ({ processorMs: spent, sent }) => (spent / sent) * 1000),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
