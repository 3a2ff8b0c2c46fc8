/** Answers to challenges by OpenPGP: the real gpg with its pinentry, and key files that it wrote; and each of their refusals. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type KnockError, knock } from '../../src/index.js';
import { eventually } from '../e2e/harness/eventually.js';
import { Program, type Scope } from '../e2e/harness/program.js';
import { ChallengeServer } from './challengeserver.js';
import { fingerprintOf, Gnupg } from './gnupg.js';
import { clientPath, said, User } from './program.js';
import { SigningSite } from './signingsite.js';
import { makeSshKey } from './sshagent.js';

const end: Scope = { after };
const gnupg = new Gnupg(end);
const users = { john: 'John Doe <john@doe.com>', jane: 'Jane <jane@doe.com>', rsa: 'Big <big@doe.com>' };
gnupg.generate(users.john, 'ed25519');
gnupg.generate(users.jane, 'ed25519', 'secret');
gnupg.generate(users.rsa, 'rsa4096');
const openpgp = Object.values(users).map(user => gnupg.publicKey(user));
const site = await SigningSite.open(end, { openpgp }, gnupg.environment);

test('gpg, by user id, a part of it and fingerprint; RSA of 4096 bits', async t => {
  const user = new User(t);
  await site.opens(user, ['--user', users.john]);
  await site.opens(user, ['--user', 'John']);
  await site.opens(user, ['--user', users.rsa]);
});

test('gpg, with whatever its configuration says of armour and text', async t => {
  const user = new User(t);
  writeFileSync(`${gnupg.home}/gpg.conf`, 'armor\ntextmode\ndigest-algo SHA1\n');
  t.after(() => rmSync(`${gnupg.home}/gpg.conf`));
  await site.opens(user, ['--user', users.john]);
});

test('gpg asks for a passphrase by its pinentry', async t => {
  const user = new User(t);
  gnupg.answerWith('D secret\\nOK');
  const { stderr } = await site.opens(user, ['--user', users.jane]);
  assert.match(stderr, /^portknock: gpg asks for a passphrase, a PIN or a touch of the key$/m);
  gnupg.forget();
  assert.equal((await site.opens(user, ['--user', users.jane, '--quiet'])).stderr, '');
});

test('a touch that gpg says nothing of is told of; with --verbose, the key that signed', async t => {
  const user = new User(t);
  const [bin, go] = [`${user.folder}/bin`, `${user.folder}/go`];
  mkdirSync(bin);
  const slow = `#!/bin/sh\nuntil [ -e ${go} ]; do sleep 0.05; done\nPATH=\${PATH#*:} exec gpg "$@"\n`;
  writeFileSync(`${bin}/gpg`, slow, { mode: 0o755 });
  const env = { ...gnupg.environment, PATH: `${bin}:${process.env['PATH']}` };
  const argv = [clientPath, ...site.argv('--user', users.john, '--verbose')];
  const program = new Program(t, process.execPath, argv, { env: { ...user.environment, ...env }, input: '' });
  await program.line(/^portknock: waiting for gpg to sign; the card or the key may have to be touched$/);
  writeFileSync(go, '');
  assert.equal((await program.end()).status, 0, program.output);
  const fingerprint = await fingerprintOf(gnupg.publicKey(users.john));
  assert.match(program.stderr, new RegExp(`^portknock: gpg signed with the key ${fingerprint}$`, 'im'));
});

test('gpg’s refusals, in its own words', async t => {
  const user = new User(t);
  await site.refuses(
    user,
    ['--user', 'Nobody'],
    [/gpg did not sign as "Nobody": .*secret key/, /gpg --list-secret-keys/],
  );
  gnupg.answerWith('ERR 83886179 Operation cancelled');
  await site.refuses(
    user,
    ['--user', users.jane],
    [/did not sign as "Jane .*cancelled\n/, /hint: .* was cancelled/],
  );
  gnupg.answerWith('D wrong\\nOK');
  await site.refuses(user, ['--user', users.jane], [/Bad passphrase/, /passphrase or the PIN was wrong/]);
  gnupg.askWith('/nonexistent/pinentry');
  await site.refuses(user, ['--user', users.jane], [/No pinentry/, /apt install pinentry/]);
  gnupg.askWith('/usr/bin/pinentry-curses');
  await site.refuses(user, ['--user', users.jane], [/Inappropriate ioctl/, /export GPG_TTY=\$\(tty\)/]);
});

test('without gpg it is said what to install', async t => {
  const user = new User(t);
  const env = { PATH: user.folder };
  await site.refuses(
    user,
    ['--user', 'John'],
    [/gpg is not installed/, /apt install gnupg, or .*--key-file/],
    env,
  );
});

test('a key file, armoured or not, with a passphrase from everywhere it can come from', async t => {
  const user = new User(t);
  await site.opens(user, ['--key-file', gnupg.secretKey(users.john)]);
  await site.opens(user, ['--key-file', gnupg.secretKey(users.rsa, '', '--export-secret-keys', '--armor')]);
  const locked = gnupg.secretKey(users.jane, 'secret');
  await site.opens(user, ['--key-file', locked], { PORTKNOCK_PASSWORD: 'secret' });
  const passwordFile = `${user.folder}/password`;
  writeFileSync(passwordFile, 'secret\n', { mode: 0o600 });
  await site.opens(user, ['--key-file', locked, '--password-file', passwordFile]);
  const profile = { portknock: 1, name: 'work', host: '127.0.0.1', method: 'challenge', site: 'test' };
  const sign = { key_file: locked };
  const input = JSON.stringify({ ...profile, port: site.server.port, sign, doors: { ssh: {} } });
  assert.equal((await user.run(['import', '-'], { input })).status, 0);
  const before = site.server.knocks.length;
  assert.equal((await user.run(['work', 'ssh', '--password-file', passwordFile])).status, 0);
  await site.server.first(before + 1);
  await site.refuses(
    user,
    ['--key-file', locked],
    [/no password for /, /--password-file FILE, or PORTKNOCK_PASSWORD/],
  );
  const wrong = { PORTKNOCK_PASSWORD: 'wrong' };
  await site.refuses(user, ['--key-file', locked], [/the passphrase is wrong/], wrong);
});

test('a key file with a signing subkey alone', async t => {
  const user = new User(t);
  const own = new Gnupg(t);
  own.generate('Sub <sub@doe.com>', 'ed25519', 'secret');
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(own.run('--with-colons', '--list-keys').toString())![1]!;
  const given = ['--pinentry-mode', 'loopback', '--passphrase', 'secret'];
  own.run(...given, '--quick-add-key', fingerprint, 'ed25519', 'sign', '1y');
  const withSubkey = await ChallengeServer.open(
    t,
    { openpgp: [own.publicKey(fingerprint)] },
    { name: 'test' },
  );
  const path = own.secretKey(fingerprint, 'secret', '--export-secret-subkeys');
  const argv = ['--key-file', path, '--port', String(withSubkey.port)];
  const form = ['challenge', '127.0.0.1', 'ssh', '--site', 'test', ...argv];
  const said = await user.run(form, { env: { PORTKNOCK_PASSWORD: 'secret' } });
  assert.equal(said.status, 0, said.stderr);
  await withSubkey.first(1);
});

test('a key file through the library', async () => {
  const where = { host: '127.0.0.1', method: 'challenge', site: 'test', door: 'ssh' } as const;
  const keyFile = gnupg.secretKey(users.jane, 'secret');
  const { port, knocks } = site.server;
  const before = knocks.length;
  await knock({ ...where, port, sign: { keyFile, password: 'secret' } });
  await site.server.first(before + 1);
  const { code, message } = (await knock({ ...where, port, sign: { keyFile } }).catch(
    (error: unknown) => error,
  )) as KnockError;
  assert.equal(code, 'not-signed');
  assert.match(message, /this key has a passphrase/);
  chmodSync(keyFile, 0o644);
  const open = knock({ ...where, port, sign: { keyFile, password: 'secret' } });
  await assert.rejects(open, { name: 'KnockError', code: 'not-signed', hint: `chmod 600 ${keyFile}` });
});

test('key files that are none, or of the wrong kind', async t => {
  const user = new User(t);
  const path = `${user.folder}/key`;
  const keyFile = ['--key-file', path];
  await site.refuses(user, keyFile, [/key: no such file/]);
  copyFileSync(makeSshKey(`${user.folder}/ssh`), path);
  await site.refuses(user, keyFile, [/no OpenPGP key but one of SSH/, /--ssh-key /]);
  writeFileSync(path, gnupg.publicKey(users.john));
  await site.refuses(user, keyFile, [/there are only public keys in it/, /gpg --export-secret-keys/]);
  writeFileSync(path, 'nothing');
  await site.refuses(user, keyFile, [/there is no OpenPGP secret key in it/]);
  copyFileSync(gnupg.secretKey(users.john), path);
  chmodSync(path, 0o644);
  await site.refuses(user, keyFile, [/others than its owner may use this secret \(mode 0644\)/, /chmod 600/]);
  chmodSync(path, 0o600);
  const armoured = gnupg.secretKey(users.john, '', '--export-secret-keys', '--armor');
  await site.refuses(user, ['--ssh-key', armoured], [/this is no SSH key/, /one of OpenPGP: --key-file/]);
});

function isMissing(program: string): string | false {
  return spawnSync(program, ['--version']).error !== undefined && `there is no ${program}`;
}

/** None of them has a quote in it. */
function inShell(...words: readonly string[]): string {
  return words.map(word => `'${word}'`).join(' ');
}

/** Runs the client as ssh does for a ProxyCommand, with a terminal that is not its input, and answers what it asks there. */
async function answerAtTerminal(t: Scope, user: User, key: readonly string[], question: string) {
  const command = `tty; ${inShell(process.execPath, clientPath, ...site.argv(...key))} </dev/null`;
  const env = { ...user.environment, ...gnupg.environment };
  const program = new Program(t, 'script', ['-qec', command, '/dev/null'], { env });
  const terminal = /\/dev\/\S+/.exec(await program.line(/^\/dev\//))![0];
  // gpg throws away what was typed before it turned the echo off, which is after the question.
  const isHidden = () => / -echo /.test(execFileSync('stty', ['-a', '-F', terminal]).toString());
  await eventually(question, () => (program.stdout.includes(question) && isHidden() ? true : undefined));
  program.write('secret\r');
  return said(program);
}

test('the passphrase of a key file is asked for at the terminal of the session', {
  skip: isMissing('script'),
}, async t => {
  const path = gnupg.secretKey(users.jane, 'secret');
  const { status, stdout } = await answerAtTerminal(
    t,
    new User(t),
    ['--key-file', path],
    `password of ${path}: `,
  );
  assert.equal(status, 0, stdout);
  assert.match(stdout, /knocked 127\.0\.0\.1 for ssh/);
  assert.doesNotMatch(stdout, /secret\r/);
});

test('gpg that is to ask by itself asks at the terminal of the session', {
  skip: isMissing('script'),
}, async t => {
  const user = new User(t);
  writeFileSync(`${gnupg.home}/gpg.conf`, 'pinentry-mode loopback\n');
  t.after(() => rmSync(`${gnupg.home}/gpg.conf`));
  gnupg.forget();
  const asked = await answerAtTerminal(t, user, ['--user', 'Jane'], 'Enter passphrase: ');
  assert.equal(asked.status, 0, asked.stdout);
  gnupg.forget();
  const env = { ...user.environment, ...gnupg.environment };
  const alone = ['setsid', '-w', process.execPath, clientPath, ...site.argv('--user', 'Jane')];
  const refused = await said(new Program(t, 'env', alone, { env, input: '' }));
  assert.equal(refused.status, 1, refused.stderr);
  assert.match(refused.stderr, /hint: gpg\.conf says pinentry-mode loopback, and there is no terminal/);
});

test('pinentry is told of the terminal that the client has', { skip: isMissing('script') }, async t => {
  const user = new User(t);
  gnupg.answerWith('D secret\\nOK');
  const command = inShell(process.execPath, clientPath, ...site.argv('--user', 'Jane'));
  const env = { ...user.environment, ...gnupg.environment };
  const program = new Program(t, 'env', ['-u', 'GPG_TTY', 'script', '-qec', command, '/dev/null'], {
    env,
    input: '',
  });
  const { status, stdout } = await said(program);
  assert.equal(status, 0, stdout);
  assert.match(readFileSync(`${gnupg.home}/asked`, 'utf8'), /^OPTION ttyname=\/dev\/pts\/\d+$/m);
});
