/**
 * `portknockd firewall install --undo-after`: takes the table away again unless somebody who can still get in says
 * that it is good. A process of its own waits, so that a lost connection does not end the waiting.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeFolders } from '../system/durable.js';
import type { Config } from './config.js';
import { ask } from './control.js';
import { removeTable } from './firewall.js';
import { removeSets } from './ipset.js';
import { hasTable } from './namedsets.js';

/** As scripts/bundle.mjs makes it. */
const program = fileURLToPath(new URL('./portknockd.cjs', import.meta.url));

function tokenPath(config: Config): string {
  return join(config.stateDirectory, 'undo');
}

/** Begins to wait. @param afterMs 1 s to 1 h */
export function scheduleUndo(config: Config, afterMs: number): void {
  const token = randomBytes(8).toString('hex');
  makeFolders(config.stateDirectory, 0o700);
  writeFileSync(tokenPath(config), token, { mode: 0o600 });
  const args = [program, 'firewall', 'undo', token, String(afterMs), '--config', config.file];
  spawn(process.execPath, args, { detached: true, stdio: 'ignore', cwd: '/' }).unref();
}

/** Stops the waiting: the table stays. @returns whether anything was waiting */
export function confirmTable(config: Config): boolean {
  const waiting = currentToken(config) !== undefined;
  rmSync(tokenPath(config), { force: true });
  return waiting;
}

/** The waiting itself, in the process of its own. */
export async function waitAndUndo(config: Config, token: string, afterMs: number): Promise<void> {
  // The connection that started us may well be the one that breaks.
  process.on('SIGHUP', () => {});
  await sleep(afterMs);
  if (currentToken(config) !== token) return;
  rmSync(tokenPath(config), { force: true });
  await withdraw(config);
}

/**
 * Takes the table or the ipsets away, through the daemon where one runs: it would put them back.
 * @returns what to say @throws OperatorError
 */
export async function withdraw(config: Config): Promise<string> {
  const isDone = (await ask(config.stateDirectory, { ask: 'remove' })) !== undefined;
  if (hasTable(config)) {
    if (!isDone) await removeTable();
    return 'the table inet portknock is gone: nothing is guarded\n';
  }
  // Those that a rule looks into can only be emptied.
  const kept = await removeSets();
  const left = kept.length === 0 ? '' : `; rules still look into ${kept.join(', ')}`;
  return `the ipsets are empty: nobody is let in by them${left}\n`;
}

function currentToken(config: Config): string | undefined {
  try {
    return readFileSync(tokenPath(config), 'utf8');
  } catch {
    return undefined;
  }
}
