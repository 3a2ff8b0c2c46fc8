/** Memory idle and after a flood from sources that are all different, what the flood costs, and what of it was lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, ContenderName, Garbage } from './contender.js';
import type { Floor } from './floor.js';
import { knockAt } from './knocking.js';
import { mostResidentMib, proportionalMib, residentMib } from './process.js';
import { atMost, type Figure, figureOf, type Goal, type Unit } from './table.js';

const settleMs = 2000;
const floodTimeoutMs = 60_000;
const wantedGrowthMib = 32;
const recoveryMs = 60_000;

/** One contender's flood: each list by process, the daemon's first process first. */
export interface Flooded {
  readonly idle: readonly number[];
  readonly idleShared: number;
  readonly after: readonly number[];
  readonly most: readonly number[];
  readonly sent: number;
  readonly perSecond: number;
  readonly lost: number | undefined;
  readonly openAgainMs: number;
}

/** The daemons do not run before or after. @throws Error where one does not open any more after its flood */
export async function measureMemory(
  contenders: readonly Contender[],
  floor: Floor,
  sources: number,
): Promise<Figure[]> {
  const found = new Map<ContenderName, Flooded>();
  for (const contender of contenders)
    found.set(contender.name, await floodOne(contender, contender.garbage, sources));
  return figures(found, await idleNode(floor), sources);
}

/** Starts the contender, and stops it again. @throws Error where it does not open any more after its flood */
export async function floodOne(contender: Contender, garbage: Garbage, packets: number): Promise<Flooded> {
  const { place } = contender;
  await contender.start();
  try {
    const pids = await contender.processes();
    // With all that a knock needs loaded.
    await knockAt(contender);
    await sleep(settleMs);
    const idle = pids.map(residentMib);
    const idleShared = sum(pids.map(proportionalMib));
    const address = place.server.ipv4;
    const flood = { do: 'flood', address, garbage, packets, timeoutMs: floodTimeoutMs } as const;
    const { sent = 0, ms = 0 } = await place.onClient.ask(flood);
    const ended = performance.now();
    await knockUntilOpen(contender);
    const openAgainMs = performance.now() - ended;
    await sleep(settleMs);
    const after = pids.map(residentMib);
    const most = pids.map(mostResidentMib);
    const lost = await contender.lost();
    return { idle, idleShared, after, most, sent, perSecond: (sent / ms) * 1000, lost, openAgainMs };
  } finally {
    await contender.stop();
  }
}

/** Who has much to read first does not hear a knock at once. @throws Error where it never opens again */
async function knockUntilOpen(contender: Contender): Promise<void> {
  const deadline = performance.now() + recoveryMs;
  for (;;) {
    try {
      await knockAt(contender);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
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

function figures(found: ReadonlyMap<ContenderName, Flooded>, node: number, sources: number): Figure[] {
  const group = `resident memory, and a flood from ${sources.toLocaleString('en')} spoofed sources`;
  const row = (name: string, unit: Unit, read: (flooded: Flooded) => number | undefined) =>
    figureOf({ group, name, unit }, found, read);
  const idle = row('idle', 'MiB', each => sum(each.idle));
  const grown = row('more than idle', 'MiB', growthMib);
  const part = (name: string, index: number): Figure => {
    const ours = found.get('portknock')?.idle[index];
    return { group, name, unit: 'MiB', values: ours === undefined ? {} : { portknock: { value: ours } } };
  };
  return [
    { ...idle, values: { ...idle.values, floor: { value: 2 * node } } },
    part('  of it the monitor', 0),
    part('  of it the listener', 1),
    row('  idle, shared pages divided (PSS)', 'MiB', ({ idleShared }) => idleShared),
    row('after the flood', 'MiB', ({ after }) => sum(after)),
    { ...grown, goal: growthGoal(grown) },
    row('most at any time', 'MiB', ({ most }) => sum(most)),
    row('packets sent', 'packets', ({ sent }) => sent),
    row('sent in a second', '/s', ({ perSecond }) => perSecond),
    row('lost before the daemon', 'packets', ({ lost }) => lost),
    row('from its end to a knock that opens', 'ms', ({ openAgainMs }) => openAgainMs),
  ];
}

export function growthMib({ after, idle }: Flooded): number {
  return sum(after) - sum(idle);
}

export function growthGoal({ values }: Figure): Goal | undefined {
  return atMost(`≤ ${wantedGrowthMib} MiB`, wantedGrowthMib, values.portknock?.value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
