/** Configurations read for tests: the texts to begin from, and every mistake as one line of text. */
import type { TestContext } from 'node:test';
import type { Config } from '../../src/daemon/config.js';
import { readConfig } from '../../src/daemon/settings.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { folderWithKeys, writeFile } from './folder.js';

/** A configuration with one door and one client, as few lines as can be: 12. */
export const smallText = `[port_sequence]
base_port = 40000
site_key_file = "site.key"
[[door]]
name = "ssh"
command = 1
services = ["tcp/22"]
[[client]]
name = "laptop"
id = 7
key_file = "laptop.key"
doors = ["ssh"]
`;

/** A client in the manner of Kroon's portknock, to be put behind it. */
export const classicClient =
  '[[client]]\nname = "old"\nclassic_passphrase_file = "old.pass"\ndoors = ["ssh"]\n';

/** Reads a text as a configuration that lies beside the keys. */
export function read(t: TestContext, text: string, folder = folderWithKeys(t)): Config {
  return readConfig(writeFile(folder, 'portknockd.toml', text, 0o644));
}

/** What is wrong with a text: for each mistake its line, message and hint; folders are left out. */
export function mistakesIn(t: TestContext, text: string, folder = folderWithKeys(t)): string[] {
  try {
    read(t, text, folder);
    return [];
  } catch (error) {
    const errors = error instanceof OperatorErrors ? error.errors : [error];
    return errors.map(each => {
      if (!(each instanceof OperatorError)) throw each;
      const file = each.file === `${folder}/portknockd.toml` ? '' : `${each.file}:`;
      const hint = each.hint === undefined ? '' : ` (${each.hint})`;
      return `${file}${each.line}: ${each.message}${hint}`.replaceAll(`${folder}/`, '');
    });
  }
}
