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
  await withdrawTable(config);
}

/** Takes the table away, through the daemon where one runs: it would put it back. @throws OperatorError */
export async function withdrawTable(config: Config): Promise<void> {
  if ((await ask(config.stateDirectory, { ask: 'remove' })) === undefined) await removeTable();
}

function currentToken(config: Config): string | undefined {
  try {
    return readFileSync(tokenPath(config), 'utf8');
  } catch {
    return undefined;
  }
}
