/** What a door's command says, and to whom: the shell's real words in a real pipe. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CommandPipe, tellingCommand } from '../../bench/commandpipe.js';

let folder: string;
let path: string;
let pipe: CommandPipe;
const run = (source: string) =>
  execFileSync('/bin/sh', ['-c', tellingCommand(path, source)], { timeout: 5000 });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipe-'));
  path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a command that nobody listens to does not wait, and is not heard later', () => {
  run('10.78.0.1');
  pipe = new CommandPipe(path);
  assert.equal(pipe.hasTold('10.78.0.1'), false);
  pipe.close();
});

test('each source that a command was started for is known, whichever is asked for, and as often', () => {
  pipe = new CommandPipe(path);
  run('10.78.0.1');
  run('10.78.0.12');
  for (const source of ['10.78.0.12', '10.78.0.1', '10.78.0.12'])
    assert.equal(pipe.hasTold(source), true, source);
  for (const source of ['10.78.0.2', '10.78.0.11', '']) assert.equal(pipe.hasTold(source), false, source);
  pipe.close();
});

test('a word that comes in two pieces is one', () => {
  pipe = new CommandPipe(path);
  const say = (text: string) => execFileSync('/bin/sh', ['-c', `printf '${text}' 1<>${path}`]);
  say('10.78.0.1');
  assert.equal(pipe.hasTold('10.78.0.1'), false);
  say('2\\n10.78');
  assert.equal(pipe.hasTold('10.78.0.12'), true);
  assert.equal(pipe.hasTold('10.78'), false);
  pipe.close();
});

test('waiting ends with the word, or with the time', () => {
  pipe = new CommandPipe(path);
  run('10.78.0.1');
  run('10.78.0.2');
  assert.notEqual(pipe.toldBy('10.78.0.2', performance.now() + 5000), undefined);
  assert.equal(pipe.toldBy('10.78.0.3', performance.now() + 20), undefined);
  pipe.close();
});
