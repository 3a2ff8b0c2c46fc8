/** How long the client's program runs for one knock, from its start to its end, and Node for doing nothing. */
import type { ContenderName, DaemonContender } from './contender.js';
import type { Floor } from './floor.js';
import type { Place } from './namespaces.js';
import { spreadOf } from './spread.js';
import type { Command } from './stopwatch.js';
import { type Figure, median, type Value } from './table.js';

interface Rival {
  readonly name: ContenderName;
  readonly place: Place;
  readonly command: Command;
}

/** In turns; each is run once before, so that none reads its files from the disk. @throws Error where one fails */
export async function measureClientRuns(
  contenders: readonly DaemonContender[],
  floor: Floor,
  runs: number,
): Promise<Figure[]> {
  const nothing: Command = { argv: [process.execPath, '-e', '0'] };
  const rivals: readonly Rival[] = [
    ...contenders.map(({ name, place, clientCommand: command }) => ({ name, place, command })),
    { name: floor.name, place: floor.place, command: nothing },
  ];
  const times = new Map<ContenderName, number[]>(rivals.map(({ name }) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const { name, place, command } of rivals) {
      const { ms } = await place.onClient.ask({ do: 'run', command });
      if (run > 0) times.get(name)!.push(ms!);
    }
  }
  const values: Record<string, Value> = {};
  for (const [name, each] of times) values[name] = median(spreadOf(each));
  const group = "the client's whole run (portknock, knock, fwknop; floor: node -e 0)";
  return [{ group, name: `median of ${runs}`, unit: 'ms', values }];
}
