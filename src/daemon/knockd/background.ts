/**
 * knockd -d: the same program once more, in a session of its own and without a terminal. This one waits until that one
 * listens, so what keeps it from starting is still seen, and is in the exit status.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { libc } from '../../net/libc.js';

/** In the environment of the one that goes on. */
const mark = 'PORTKNOCK_BACKGROUND';
const standardError = 2;

export function isBackground(): boolean {
  return process.env[mark] !== undefined && process.send !== undefined;
}

/** @param argv what follows the word knockd @returns the exit status: 0 once it listens */
export function runInBackground(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [process.argv[1]!, 'knockd', ...argv], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [mark]: '1' },
  });
  return new Promise(resolve => {
    child.on('message', () => {
      child.disconnect();
      child.unref();
      resolve(0);
    });
    child.on('error', () => resolve(1));
    child.on('exit', code => resolve(code ?? 1));
  });
}

/** Lets go of the terminal and of whoever started us. */
export function tellReady(): void {
  const nothing = openSync('/dev/null', 'r+');
  const letGo = () => {
    for (const output of [1, standardError]) libc().dup2(nothing, output);
    if (process.connected) process.disconnect();
  };
  // Whoever waited for us may have been ended meanwhile.
  if (process.connected) process.send!('ready', letGo);
  else letGo();
  process.chdir('/');
  delete process.env[mark];
}
