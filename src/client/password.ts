/** Passwords of files: from a file, the environment or the person at the terminal; never from the command line, which ps shows. */
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { OperatorError } from '../system/error.js';
import { readPassphraseFile } from '../system/secret.js';

/** The variable of the environment. */
export const passwordVariable = 'PORTKNOCK_PASSWORD';

/**
 * The password of something, from the first place that has it.
 * @param file where it is, if the user said so @param purpose what it opens, for the question
 * @throws OperatorError `no-password`
 */
export async function findPassword(file: string | undefined, purpose: string): Promise<string> {
  if (file !== undefined) return readPassphraseFile(file);
  const found = process.env[passwordVariable];
  if (found !== undefined) return found;
  const terminal = process.stderr.isTTY ? openTerminal() : undefined;
  if (terminal !== undefined) return askPassword(`password of ${purpose}: `, terminal);
  throw new OperatorError('no-password', `no password for ${purpose}`, {
    hint: `give --password-file FILE, or ${passwordVariable} in the environment; at a terminal it is asked for`,
  });
}

/** Where the person types; for a ProxyCommand that is not standard input, which is ssh's. */
function openTerminal(): ReadStream | undefined {
  if (process.stdin.isTTY) return process.stdin;
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    return undefined;
  }
}

/** Lines that came together with the one that was asked for, as where both of two are pasted. */
const cameAhead: string[] = [];

/** Asks at the terminal, which shows nothing of what is typed. @throws OperatorError `no-password` where nothing is */
export async function askPassword(question: string, input: ReadStream = process.stdin): Promise<string> {
  const ahead = cameAhead.shift();
  if (ahead !== undefined) {
    process.stderr.write(`${question}\n`);
    return ahead;
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  process.stderr.write(question);
  try {
    return await new Promise((resolve, reject) => {
      const ended = () => reject(new OperatorError('no-password', 'no password was given'));
      lines.on('line', line => cameAhead.push(line)).once('line', () => resolve(cameAhead.shift()!));
      lines.once('SIGINT', ended).once('close', ended);
    });
  } finally {
    process.stderr.write('\n');
    lines.close();
    if (input !== process.stdin) input.destroy();
  }
}
