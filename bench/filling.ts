/**
 * What it takes to have the sequence numbers of many clients in the kernel: at the start, and when a period begins. It
 * runs what the daemon runs, in a namespace with a table of its own.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../src/daemon/clock.js';
import { installTable, removeTable } from '../src/daemon/firewall.js';
import { openLog } from '../src/daemon/log.js';
import { Numbers } from '../src/daemon/numbers.js';
import { readConfig } from '../src/daemon/settings.js';
import { numberSet, tableName } from '../src/daemon/table.js';
import { NumberSet } from '../src/net/numberset.js';

export interface FillRequest {
  readonly do: 'fill';
  readonly configFile: string;
  /** Periods that begin. */
  readonly rounds: number;
}

export interface FillResult {
  /** Milliseconds of the start, of which the kernel took `kernel`. */
  readonly ms: number;
  readonly kernel: number;
  /** Of each round; and the longest turn of the event loop in any of them. */
  readonly times: readonly number[];
  readonly turn: number;
  /** Numbers in the kernel after the start. */
  readonly count: number;
}

/** @throws OperatorError, SystemError */
export async function fill({ configFile, rounds }: FillRequest): Promise<FillResult> {
  const config = readConfig(configFile);
  const { periodMs } = config.sequenceNumber!;
  let shift = 0;
  let kernel = 0;
  let wake: () => void = () => {};
  let settled: () => void = () => {};
  const clock = {
    wall: () => systemClock.wall() + shift,
    steady: () => systemClock.steady() + shift,
    // The last that it does, when all is in the kernel.
    after: (_: number, action: () => void) => {
      wake = action;
      settled();
      return () => {};
    },
  };
  const set = new NumberSet(tableName, numberSet);
  const store = {
    add: (...args: Parameters<NumberSet['add']>) => {
      const begun = performance.now();
      set.add(...args);
      kernel += performance.now() - begun;
    },
    put: set.put.bind(set),
    remove: set.remove.bind(set),
    list: set.list.bind(set),
    close: set.close.bind(set),
  };
  await installTable(config);
  const numbers = new Numbers(config.stateDirectory, openLog('text'), () => store, clock);
  try {
    const begun = performance.now();
    await numbers.load(config, false);
    const ms = performance.now() - begun;
    const found = { ms, kernel, count: set.list().length };
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      shift += periodMs;
      delay.enable();
      const before = performance.now();
      await new Promise<void>(resolve => {
        settled = resolve;
        wake();
      });
      times.push(performance.now() - before);
      delay.disable();
    }
    return { ...found, times, turn: delay.max / 1e6 };
  } finally {
    numbers.stop();
    await removeTable();
  }
}
