/** That a plain knock starts without what it does not need. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { writeSecret } from '../e2e/harness/folder.js';
import { Program } from '../e2e/harness/program.js';
import { clientPath, said, User } from './program.js';

const bundlePath = clientPath.replace(/cjs$/, 'bundle.cjs');

/** Writes down, at the end of a program, the files that it loaded: programs and native code. */
const hook = `process.on('exit', () => {
  const files = [...Object.keys(require.cache), ...process.report.getReport().sharedObjects];
  require('node:fs').writeFileSync(process.env.LOADED, files.join('\\n'));
});`;

test('only raw packets load more than the one file: the library for system calls', async t => {
  const user = new User(t);
  const hookFile = `${user.folder}/hook.cjs`;
  writeFileSync(hookFile, hook);
  const env = { NODE_OPTIONS: `--require ${hookFile}`, LOADED: `${user.folder}/loaded` };
  const loaded = async (...options: string[]) => {
    await user.run(['127.0.0.1', '40000', '1', ...user.identity(), ...options], { env });
    return readFileSync(env.LOADED, 'utf8');
  };
  assert.doesNotMatch(await loaded(), /node_modules/);
  assert.match(await loaded('--raw'), /node_modules\/.*koffi.*\.node$/m);
});

test('of plain sequences, only names of services and files load it too', async t => {
  const user = new User(t);
  const hookFile = `${user.folder}/hook.cjs`;
  writeFileSync(hookFile, hook);
  const env = { NODE_OPTIONS: `--require ${hookFile}`, LOADED: `${user.folder}/loaded` };
  const loaded = async (port: string) => {
    await user.run(['sequence', '127.0.0.1', port, '--dry-run'], { env });
    return readFileSync(env.LOADED, 'utf8');
  };
  assert.doesNotMatch(await loaded('7000:udp'), /node_modules/);
  assert.match(await loaded('ssh'), /node_modules\/.*koffi.*\.node$/m);
});

test('a connection by sequence number loads it too', async t => {
  const user = new User(t);
  const hookFile = `${user.folder}/hook.cjs`;
  writeFileSync(hookFile, hook);
  const env = { NODE_OPTIONS: `--require ${hookFile}`, LOADED: `${user.folder}/loaded` };
  const pskFile = writeSecret(user.folder, 'psk', 'key');
  await user.run(['connect', '127.0.0.1', '9', '--psk-file', pskFile, '--timeout', '1ms'], { env });
  assert.match(readFileSync(env.LOADED, 'utf8'), /node_modules\/.*koffi.*\.node$/m);
});

test('of the library, none of what is imported loads it', async t => {
  const user = new User(t);
  const library = new URL('../../src/index.js', import.meta.url);
  const script = `import '${library}'; console.log(process.report.getReport().sharedObjects.join('\\n'))`;
  const program = new Program(t, process.execPath, ['--input-type=module', '-e', script], {
    cwd: user.folder,
    input: '',
  });
  const { status, stdout } = await said(program);
  assert.equal(status, 0);
  assert.match(stdout, /libc/);
  assert.doesNotMatch(stdout, /koffi/);
});

test('of meow, nothing comes along that reads package.json', () => {
  const program = readFileSync(bundlePath, 'utf8');
  assert.match(program, /meow\/build\/dependencies/);
  assert.doesNotMatch(program, /spdx|normalize-package-data|read-package/i);
});

test('a trace shows the names of functions', async t => {
  const user = new User(t);
  const hookFile = `${user.folder}/break.cjs`;
  writeFileSync(hookFile, `Date.now = () => { throw new Error('broken on purpose'); };`);
  const env = { NODE_OPTIONS: `--require ${hookFile}` };
  const { status, stderr } = await user.run(['::1', '40000', '1', ...user.identity(), '--dry-run'], { env });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /unexpected: Error: broken on purpose\n[\s\S]*at dryRun \(.*portknock\.bundle\.cjs:\d+/,
  );
});

test('what reads strangers’ certificates, keys and PKCS #12 files is in none of the programs that must start soon', () => {
  const text = (path: string) =>
    readFileSync(new URL(`../../src/${path}.bundle.cjs`, import.meta.url), 'utf8');
  const isIn = (library: string, path: string) => text(path).includes(`\n// node_modules/${library}/`);
  for (const path of ['client/portknock', 'daemon/portknockd', 'daemon/listener']) {
    for (const library of ['node-forge', 'openpgp', 'pkijs', 'asn1js'])
      assert(!isIn(library, path), `${library} in ${path}`);
  }
  assert(isIn('node-forge', 'system/pfxworker'));
  assert(isIn('pkijs', 'daemon/verifier'));
  assert.match(
    readFileSync(new URL('../../src/daemon/judge.cjs', import.meta.url), 'utf8'),
    /\n\/\/ node_modules\/openpgp\//,
  );
});
