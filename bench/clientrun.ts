/** How long the client's program runs for one knock, from its start to its end, and Node for doing nothing. */
import type { Contender } from './contender.js';
import { spreadOf } from './spread.js';
import { type Figure, median } from './table.js';

/** In turns; each is run once before, so that none reads its files from the disk. @throws Error where one fails */
export async function measureClientRuns(ours: Contender, theirs: Contender, runs: number): Promise<Figure[]> {
  const { onClient } = ours.place;
  const commands = {
    portknock: () => onClient.ask({ do: 'run', command: ours.clientCommand }),
    knockd: () => theirs.place.onClient.ask({ do: 'run', command: theirs.clientCommand }),
    floor: () => onClient.ask({ do: 'run', command: { argv: [process.execPath, '-e', '0'] } }),
  };
  const times = { portknock: [] as number[], knockd: [] as number[], floor: [] as number[] };
  for (let run = 0; run <= runs; run++) {
    for (const name of ['portknock', 'knockd', 'floor'] as const) {
      const { ms } = await commands[name]();
      if (run > 0) times[name].push(ms!);
    }
  }
  const figure: Figure = {
    group: "the client's whole run (portknock, knock; floor: node -e 0)",
    name: `median of ${runs}`,
    unit: 'ms',
    portknock: median(spreadOf(times.portknock)),
    knockd: median(spreadOf(times.knockd)),
    floor: median(spreadOf(times.floor)),
  };
  return [figure];
}
