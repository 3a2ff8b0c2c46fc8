/**
 * The last table that was loaded, kept as text: what stands in for a configuration that is refused when the machine
 * comes up. Better an old guard than none.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from './config.js';
import { loadTableText } from './firewall.js';
import { rulesMark } from './nfterror.js';
import { defaultStateDirectory } from './schema.js';
import { tableText } from './table.js';
import { readToml } from './toml.js';

const fileName = 'table.nft';

/** Keeps a configuration's table. One that cannot be kept is no reason not to guard. */
export function keepTable(config: Config): void {
  const path = join(config.stateDirectory, fileName);
  try {
    writeFileSync(`${path}.new`, tableText(config), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk: the one before stays.
  }
}

/**
 * Loads the table that was kept for a configuration file that cannot be read now, or whose rules are refused: without the
 * administrator's own where these are. At boot no name is resolved, and an interface may not be there yet.
 * @returns what was loaded, or undefined
 */
export async function loadLastGood(configFile: string): Promise<string | undefined> {
  const path = join(stateDirectoryOf(configFile), fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    await loadTableText(text);
    return path;
  } catch (error) {
    const rulesAt = text.indexOf(`${rulesMark}\n`);
    if (rulesAt < 0) throw error;
    await loadTableText(`${text.slice(0, rulesAt)}}\n`);
    return `${path} without the rules of yours in it`;
  }
}

/** Where a configuration that holds mistakes keeps its state, as far as that can be told. */
function stateDirectoryOf(configFile: string): string {
  try {
    const { value } = readToml(readFileSync(configFile, 'utf8'), configFile);
    const given = value['state_directory'];
    if (typeof given === 'string') return resolve(dirname(configFile), given);
  } catch {
    // Not even TOML.
  }
  return defaultStateDirectory;
}
