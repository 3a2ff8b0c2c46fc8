/** `portknockd firewall`: what is in the kernel, put there and taken away without the daemon; and rules translated. */
import { readFileSync } from 'node:fs';
import { integerArgument, wordArgument } from '../system/command-line.js';
import { errorCode, OperatorError, report } from '../system/error.js';
import type { Config } from './config.js';
import { showTable } from './firewall.js';
import { confirm, install, installOnTrial, standIn } from './install.js';
import { showSets } from './ipset.js';
import { hasTable } from './namedsets.js';
import { backends } from './schema.js';
import { readUserIds, translate } from './translate.js';
import { confirmTable, waitAndUndo, withdraw } from './undo.js';
import { print, requireArguments, unknown } from './usage.js';

export interface FirewallOptions {
  /** The configuration. */
  readonly file: string;
  readonly read: () => Config;
  readonly undoAfter?: string | undefined;
  readonly backend?: string | undefined;
}

export async function runFirewall(args: readonly string[], given: FirewallOptions): Promise<number> {
  const [action = '', ...rest] = args;
  if (action === 'undo') {
    const [token = '', after = ''] = requireArguments(rest, 'TOKEN', 'MS');
    await waitAndUndo(given.read(), token, integerArgument('MS', after, 1, 3_600_000));
    return 0;
  }
  if (action === 'translate') return runTranslate(rest, given);
  if (given.backend !== undefined)
    throw new OperatorError('usage', '--backend goes with "firewall translate" only');
  const others = ['show', 'install', 'confirm', 'remove'];
  if (!others.includes(action)) throw unknown('command: firewall', action, [...others, 'translate']);
  requireArguments(rest);
  if (action === 'show') return print(await show(given));
  if (action === 'install') return runInstall(given);
  if (action === 'confirm') return print(confirm(given.read()));
  const read = given.read();
  confirmTable(read);
  return print(await withdraw(read));
}

/** Without a configuration it is the table: it may be there when no file can be read. */
async function show(given: FirewallOptions): Promise<string> {
  if (isIpset(given)) return (await showSets()) ?? notInstalled('no ipset of portknockd is in the kernel');
  return (await showTable()) ?? notInstalled('the table inet portknock is not in the kernel');
}

function isIpset(given: FirewallOptions): boolean {
  try {
    return !hasTable(given.read());
  } catch {
    return false;
  }
}

function notInstalled(what: string): never {
  throw new OperatorError('no-table', `${what}: nothing is guarded`, { hint: 'portknockd firewall install' });
}

/** A configuration that is refused is reported, and leaves a table in force all the same, if there ever was one. */
async function runInstall(given: FirewallOptions): Promise<number> {
  const file = given.file;
  try {
    const read = given.read();
    return print(
      await (given.undoAfter === undefined ? install(read) : installOnTrial(read, given.undoAfter)),
    );
  } catch (error) {
    const status = report('portknockd', error);
    const said = status === 1 && given.undoAfter === undefined ? await standIn(file) : undefined;
    if (said !== undefined) process.stderr.write(`portknockd: warning: ${said}`);
    return status;
  }
}

function runTranslate(args: readonly string[], given: FirewallOptions): number {
  const [file = ''] = requireArguments(args, 'FILE|-');
  const backend = wordArgument('--backend', given.backend ?? 'nftables', backends);
  return print(translate(readInput(file), { backend, users: readUserIds(given.file) }));
}

function readInput(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new OperatorError('no-file', `${file}: cannot be read (${errorCode(error)})`);
  }
}
