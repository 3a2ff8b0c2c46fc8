/** `portknockd firewall install`: the table without the daemon, for before the network comes up, and for trying it out. */
import { durationArgument } from '../system/duration.js';
import { OperatorError } from '../system/error.js';
import type { Config } from './config.js';
import { ask } from './control.js';
import { installTable, listTable } from './firewall.js';
import { installSets } from './ipset.js';
import { strayTable } from './ipsetguard.js';
import { keepTable, loadLastGood } from './lastgood.js';
import { hasTable } from './namedsets.js';
import { confirmTable, scheduleUndo } from './undo.js';

const shortestUndoMs = 1000;
const longestUndoMs = 3_600_000;

/** Loads the table for good. @returns what to say @throws OperatorError */
export async function install(config: Config): Promise<string> {
  confirmTable(config);
  const isDone = await load(config);
  const by = isDone ? ', as the running daemon has read its configuration' : '';
  if (!hasTable(config)) {
    const stray = await strayTable();
    return `the ipsets are there${by}\n${stray === undefined ? '' : `${stray}\n`}`;
  }
  if (!isDone) keepTable(config);
  return `the table inet portknock is in force${by}\n`;
}

/** Loads the table until its time is over, unless confirmed. @returns what to say @throws OperatorError */
export async function installOnTrial(config: Config, undoAfter: string): Promise<string> {
  const afterMs = durationArgument('--undo-after', undoAfter);
  if (afterMs < shortestUndoMs || afterMs > longestUndoMs) {
    throw new OperatorError('usage', `--undo-after expected 1s to 1h, got "${undoAfter}"`);
  }
  if (!hasTable(config)) {
    throw new OperatorError('usage', '--undo-after has no meaning with backend = "ipset": it shuts nothing', {
      hint: 'your rules of iptables do: iptables-apply(8)',
    });
  }
  // Before the table: if we could not take it away again, it must not come.
  scheduleUndo(config, afterMs);
  await load(config);
  return `the table inet portknock is in force
open another connection now. If you get in: portknockd firewall confirm
otherwise the table is taken away in ${undoAfter}
`;
}

/** Keeps the table that was on trial. @returns what to say */
export function confirm(config: Config): string {
  if (!confirmTable(config)) return 'nothing was to be undone\n';
  keepTable(config);
  return 'the table stays\n';
}

/**
 * Puts the last good table where there would be none because a configuration is refused.
 * @returns what to say, or undefined where a table is there, or none was kept
 */
export async function standIn(configFile: string): Promise<string | undefined> {
  if ((await listTable()) !== undefined) return undefined;
  const loaded = await loadLastGood(configFile);
  return loaded && `the last good table, ${loaded}, is in force in the place of this configuration's\n`;
}

/** @returns whether a daemon that runs has done it, and kept what it loaded */
async function load(config: Config): Promise<boolean> {
  if ((await ask(config.stateDirectory, { ask: 'install' })) !== undefined) return true;
  await (hasTable(config) ? installTable(config) : installSets(config));
  return false;
}
