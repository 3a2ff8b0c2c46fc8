/** The password of a new file, typed at a terminal. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { readPfxFile } from '../../../src/system/pfx.js';
import { eventually } from '../../e2e/harness/eventually.js';
import { Program } from '../../e2e/harness/program.js';
import { clientPath } from '../program.js';
import { Authority } from './authority.js';

/** A terminal, which script(1) makes, where a certificate is issued and a password is asked for. */
async function askedAtTerminal(t: TestContext): Promise<[Authority, Program]> {
  const ca = new Authority(t);
  await ca.do('init');
  const words = ['ca', 'issue', 'laptop', '--right', 'tcp/22', '--directory', ca.path];
  const command = [process.execPath, clientPath, ...words].map(word => `'${word}'`).join(' ');
  const program = new Program(t, 'script', ['-qec', command, '/dev/null'], { env: ca.user.environment });
  await eventually('it asks', () => /new password of laptop\.pfx: $/.test(program.stdout) || undefined);
  return [ca, program];
}

async function issueAtTerminal(t: TestContext, first: string, second: string): Promise<[Authority, Program]> {
  const [ca, program] = await askedAtTerminal(t);
  program.write(`${first}\r`);
  await eventually('it asks again', () => /the same again: $/.test(program.stdout) || undefined);
  program.write(`${second}\r`);
  return [ca, program];
}

test('a password is typed twice, and not shown', async t => {
  const [ca, program] = await issueAtTerminal(t, 'open sesame', 'open sesame');
  assert.equal((await program.end()).status, 0, program.stdout);
  assert.doesNotMatch(program.stdout, /sesame/);
  readPfxFile(`${ca.path}/laptop.pfx`, 'open sesame');
});

test('both may come at once', async t => {
  const [ca, program] = await askedAtTerminal(t);
  program.write('open sesame\ropen sesame\r');
  assert.equal((await program.end()).status, 0, program.stdout);
  assert.doesNotMatch(program.stdout, /sesame/);
  readPfxFile(`${ca.path}/laptop.pfx`, 'open sesame');
});

test('two passwords that differ make nothing', async t => {
  const [ca, program] = await issueAtTerminal(t, 'open sesame', 'open sesami');
  assert.equal((await program.end()).status, 1, program.stdout);
  assert.match(program.stdout, /the two passwords differ/);
  assert.doesNotMatch(program.stdout, /sesam/);
  assert.deepEqual(ca.files(), ['ca.key', 'ca.pem', 'crl.pem']);
});
