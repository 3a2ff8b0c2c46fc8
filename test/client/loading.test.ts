/** That a plain knock starts without what it does not need. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { User } from './program.js';

/** Writes down, at the end of a program, the native code that it loaded. */
const hook = `process.on('exit', () => {
  require('node:fs').writeFileSync(process.env.LOADED, process.report.getReport().sharedObjects.join('\\n'));
});`;

test('only raw packets load the library for system calls', async t => {
  const user = new User(t);
  const hookFile = `${user.folder}/hook.cjs`;
  writeFileSync(hookFile, hook);
  const env = { NODE_OPTIONS: `--require ${hookFile}`, LOADED: `${user.folder}/loaded` };
  const loaded = async (...options: string[]) => {
    await user.run(['127.0.0.1', '40000', '1', ...user.identity(), ...options], { env });
    return readFileSync(env.LOADED, 'utf8');
  };
  assert.doesNotMatch(await loaded(), /koffi/);
  assert.match(await loaded('--raw'), /koffi/);
});
