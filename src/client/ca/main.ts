/** `portknock ca`: an authority of one's own, whose certificates open doors by datagram (PROTOCOL.md section 8). */
import { join } from 'node:path';
import { closestMatch } from 'leven';
import { dashed, isGiven } from '../../system/command-line.js';
import { OperatorError, report } from '../../system/error.js';
import { configurationDirectory } from '../folders.js';
import type { ClientOptions } from '../invocation.js';
import { AuthorityFolder } from './folder.js';
import { init, issueClient, issueServer, type Work } from './issue.js';
import { list } from './list.js';
import { renewList, revoke } from './revoke.js';
import { hint, setQuiet } from './told.js';

interface Command {
  readonly shape: string;
  readonly options: readonly (keyof ClientOptions)[];
  run(work: Work, name: string): Promise<void> | void;
}

const commands: Readonly<Record<string, Command>> = {
  init: { shape: 'init', options: ['name', 'days'], run: init },
  issue: {
    shape: 'issue NAME --right RIGHT',
    options: ['right', 'days', 'server', 'host', 'address', 'service', 'passwordFile', 'force'],
    run: issueClient,
  },
  server: { shape: 'server NAME', options: ['days', 'passwordFile', 'force'], run: issueServer },
  revoke: { shape: 'revoke NAME|SERIAL', options: ['days'], run: revoke },
  crl: { shape: 'crl', options: ['days'], run: renewList },
  list: { shape: 'list', options: ['json'], run: list },
};
const everywhere: readonly (keyof ClientOptions)[] = ['directory', 'quiet'];

/** @param words what stands after `ca` @returns the exit status */
export async function run(words: readonly string[], options: ClientOptions): Promise<number> {
  try {
    const [command, name] = choose(words, options);
    setQuiet(options.quiet);
    const path = options.directory ?? join(configurationDirectory(), 'ca');
    const folder = await AuthorityFolder.open(path, command === commands['init']);
    try {
      if (folder.finished.length > 0) {
        hint(`what was interrupted before is finished: ${folder.finished.join(', ')}`);
      }
      await command.run({ folder, options, now: Date.now() }, name);
    } finally {
      folder.close();
    }
    return 0;
  } catch (error) {
    return report('portknock', error);
  }
}

/** @throws OperatorError `usage` */
function choose(words: readonly string[], options: ClientOptions): [command: Command, name: string] {
  const [word = '', name = '', more] = words;
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command === undefined) {
    const near = closestMatch(word, Object.keys(commands), { maxDistance: 2 });
    throw new OperatorError('usage', word === '' ? 'no command for the CA' : `unknown command: ca ${word}`, {
      hint:
        near === undefined
          ? `there are: ${Object.keys(commands).join(', ')}`
          : `did you mean: portknock ca ${near}?`,
    });
  }
  const takesName = command.shape.includes(' ');
  const hint = `it is: portknock ca ${command.shape}`;
  if (takesName && name === '') throw new OperatorError('usage', 'too few arguments', { hint });
  const extra = takesName ? more : words[1];
  if (extra !== undefined) throw new OperatorError('usage', `one argument too many: "${extra}"`, { hint });
  for (const option of Object.keys(options) as (keyof ClientOptions)[]) {
    if (!isGiven(options[option]) || [...command.options, ...everywhere].includes(option)) continue;
    throw new OperatorError('usage', `${dashed(option)} has no meaning for: portknock ca ${command.shape}`);
  }
  return [command, name];
}
