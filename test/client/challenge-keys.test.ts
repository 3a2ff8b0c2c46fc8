/** What signs the answers to challenges: the real gpg, ssh-agent and ssh-keygen, and key files; and each of their refusals. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { Agent } from '../../src/client/signing/agent.js';
import type { Scope } from '../e2e/harness/program.js';
import { ChallengeServer } from './challengeserver.js';
import { Gnupg } from './gnupg.js';
import { type Said, User } from './program.js';
import { makeSshKey, publicLine, SshAgent } from './sshagent.js';

const end: Scope = { after };
const folder = mkdtempSync('/tmp/k-');
after(() => rmSync(folder, { recursive: true, force: true }));

const gnupg = new Gnupg(end);
const users = { john: 'John Doe <john@doe.com>', jane: 'Jane <jane@doe.com>', rsa: 'Big <big@doe.com>' };
gnupg.generate(users.john, 'ed25519');
gnupg.generate(users.jane, 'ed25519', 'secret');
gnupg.generate(users.rsa, 'rsa4096');

const sshTypes = ['ed25519', 'ecdsa', 'rsa', 'rsa4096', 'locked'] as const;
const keys = Object.fromEntries(sshTypes.map(name => [name, `${folder}/${name}`])) as Record<
  (typeof sshTypes)[number],
  string
>;
makeSshKey(keys.ed25519);
makeSshKey(keys.ecdsa, 'ecdsa', '', '-b', '384');
makeSshKey(keys.rsa, 'rsa', '', '-b', '2048');
makeSshKey(keys.rsa4096, 'rsa', '', '-b', '4096');
makeSshKey(keys.locked, 'ed25519', 'secret');

const server = await ChallengeServer.open(
  end,
  {
    openpgp: Object.values(users).map(user => gnupg.publicKey(user)),
    ssh: sshTypes.map(name => publicLine(keys[name])),
  },
  { name: 'test' },
);

/** Answers a challenge; without an agent of whoever runs the tests. */
async function sign(user: User, argv: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  const form = ['challenge', '127.0.0.1', 'ssh', '--port', String(server.port), '--site', 'test'];
  return user.run([...form, ...argv], {
    env: { SSH_AUTH_SOCK: '', GPG_TTY: '', ...gnupg.environment, ...env },
  });
}

async function opens(user: User, argv: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  const before = server.knocks.length;
  const said = await sign(user, argv, env);
  assert.equal(said.status, 0, said.stderr);
  await server.first(before + 1);
  return said;
}

async function refuses(
  user: User,
  argv: readonly string[],
  expected: readonly RegExp[],
  env: Record<string, string> = {},
): Promise<void> {
  const before = server.responses.length;
  const { status, stderr } = await sign(user, argv, env);
  assert.equal(status, 1, stderr);
  for (const each of expected) assert.match(stderr, each);
  assert.equal(server.responses.length, before);
}

test('gpg, by user id, a part of it and fingerprint; RSA of 4096 bits', async t => {
  const user = new User(t);
  await opens(user, ['--user', users.john]);
  await opens(user, ['--user', 'John']);
  await opens(user, ['--user', users.rsa]);
});

test('gpg, with whatever its configuration says of armour and text', async t => {
  const user = new User(t);
  writeFileSync(`${gnupg.home}/gpg.conf`, 'armor\ntextmode\ndigest-algo SHA1\n');
  t.after(() => rmSync(`${gnupg.home}/gpg.conf`));
  await opens(user, ['--user', users.john]);
});

test('gpg asks for a passphrase by its pinentry', async t => {
  const user = new User(t);
  gnupg.answerWith('D secret\\nOK');
  const { stderr } = await opens(user, ['--user', users.jane]);
  assert.equal(stderr, 'portknock: gpg asks for a passphrase, a PIN or a touch of the key\n');
  gnupg.forget();
  assert.equal((await opens(user, ['--user', users.jane, '--quiet'])).stderr, '');
});

test('gpg’s refusals, in its own words', async t => {
  const user = new User(t);
  await refuses(
    user,
    ['--user', 'Nobody'],
    [/gpg did not sign as "Nobody": .*secret key/, /gpg --list-secret-keys/],
  );
  gnupg.answerWith('ERR 83886179 Operation cancelled');
  await refuses(
    user,
    ['--user', users.jane],
    [/did not sign as "Jane .*cancelled\n/, /hint: .* was cancelled/],
  );
  gnupg.answerWith('D wrong\\nOK');
  await refuses(user, ['--user', users.jane], [/Bad passphrase/, /passphrase or the PIN was wrong/]);
  writeFileSync(`${gnupg.home}/gpg-agent.conf`, 'pinentry-program /nonexistent/pinentry\n');
  gnupg.forget();
  await refuses(user, ['--user', users.jane], [/No pinentry/, /apt install pinentry/]);
  writeFileSync(`${gnupg.home}/gpg-agent.conf`, 'pinentry-program /usr/bin/pinentry-curses\n');
  gnupg.forget();
  await refuses(user, ['--user', users.jane], [/Inappropriate ioctl/, /export GPG_TTY=\$\(tty\)/]);
});

test('without gpg and ssh-keygen it is said what to install', async t => {
  const user = new User(t);
  const env = { PATH: folder };
  await refuses(
    user,
    ['--user', 'John'],
    [/gpg is not installed/, /apt install gnupg, or .*--key-file/],
    env,
  );
  await refuses(user, ['--ssh-key', keys.ed25519], [/ssh-keygen is not installed/, /openssh-client/], env);
});

test('a key file, armoured or not, with a passphrase from everywhere it can come from', async t => {
  const user = new User(t);
  await opens(user, ['--key-file', gnupg.secretKey(users.john)]);
  await opens(user, ['--key-file', gnupg.secretKey(users.rsa, '', '--export-secret-keys', '--armor')]);
  const locked = gnupg.secretKey(users.jane, 'secret');
  await opens(user, ['--key-file', locked], { PORTKNOCK_PASSWORD: 'secret' });
  const passwordFile = `${user.folder}/password`;
  writeFileSync(passwordFile, 'secret\n', { mode: 0o600 });
  await opens(user, ['--key-file', locked, '--password-file', passwordFile]);
  const profile = { portknock: 1, name: 'work', host: '127.0.0.1', method: 'challenge', site: 'test' };
  const sign = { key_file: locked };
  const input = JSON.stringify({ ...profile, port: server.port, sign, doors: { ssh: {} } });
  assert.equal((await user.run(['import', '-'], { input })).status, 0);
  const before = server.knocks.length;
  assert.equal((await user.run(['work', 'ssh', '--password-file', passwordFile])).status, 0);
  await server.first(before + 1);
  await refuses(
    user,
    ['--key-file', locked],
    [/no password for /, /--password-file FILE, or PORTKNOCK_PASSWORD/],
  );
  const wrong = { PORTKNOCK_PASSWORD: 'wrong' };
  await refuses(user, ['--key-file', locked], [/the passphrase is wrong/], wrong);
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

test('key files that are none, or of the wrong kind', async t => {
  const user = new User(t);
  const path = `${user.folder}/key`;
  const keyFile = ['--key-file', path];
  await refuses(user, keyFile, [/key: no such file/]);
  copyFileSync(keys.ed25519, path);
  await refuses(user, keyFile, [/no OpenPGP key but one of SSH/, /--ssh-key /]);
  writeFileSync(path, gnupg.publicKey(users.john));
  await refuses(user, keyFile, [/there are only public keys in it/, /gpg --export-secret-keys/]);
  writeFileSync(path, 'nothing');
  await refuses(user, keyFile, [/there is no OpenPGP secret key in it/]);
  copyFileSync(gnupg.secretKey(users.john), path);
  chmodSync(path, 0o644);
  await refuses(user, keyFile, [/others than its owner may use this secret \(mode 0644\)/, /chmod 600/]);
  chmodSync(path, 0o600);
  const armoured = gnupg.secretKey(users.john, '', '--export-secret-keys', '--armor');
  await refuses(user, ['--ssh-key', armoured], [/this is no SSH key/, /one of OpenPGP: --key-file/]);
});

test('ssh-agent, with every type of key; the first, or the one that is named', async t => {
  const user = new User(t);
  for (const name of ['ed25519', 'ecdsa', 'rsa', 'rsa4096'] as const) {
    const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
    agent.add(keys[name]);
    assert.equal((await opens(user, ['--ssh'], agent.environment)).stderr, '', name);
  }
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  agent.add(keys.ecdsa);
  agent.add(keys.ed25519);
  await opens(user, ['--ssh-key', `${keys.ed25519}.pub`], agent.environment);
  const { stderr } = await opens(user, ['--ssh'], agent.environment);
  assert.match(
    stderr,
    /signing with the first of the agent's 2 keys, ecdsa-sha2-nistp384 key SHA256:.*another: --ssh-key FILE\.pub/,
  );
});

test('a signature that is too long for a response is not sent', async t => {
  const user = new User(t);
  const modulus = Buffer.alloc(641, 0xff);
  modulus[0] = 0;
  const blob = Buffer.concat([text('ssh-rsa'), text(Uint8Array.of(1, 0, 1)), text(modulus)]);
  const signature = text(Buffer.concat([text('rsa-sha2-512'), text(Buffer.alloc(640, 1))]));
  const signs = (socket: Socket) => socket.write(text(Buffer.concat([Uint8Array.of(14), signature])));
  await refuses(
    user,
    ['--ssh'],
    [
      /the signature has \d+ bytes, and a response has room for 64 to 1114/,
      /Ed25519, ECDSA and RSA up to 4096 bits fit/,
    ],
    strangeAgent(t, `${folder}/long`, signs, blob),
  );
});

test('ssh-agent that is not there, gone, empty, locked, or holds what cannot be used', async t => {
  const user = new User(t);
  await refuses(user, ['--ssh'], [/SSH_AUTH_SOCK is not set/, /ssh-agent.*ssh-add.*--ssh-key FILE/]);
  const gone = { SSH_AUTH_SOCK: `${folder}/gone` };
  await refuses(user, ['--ssh'], [/ssh-agent cannot be asked \(.*gone: ENOENT\)/], gone);
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  await refuses(user, ['--ssh'], [/ssh-agent has no key\n/, /ssh-add/], agent.environment);
  const ca = makeSshKey(`${user.folder}/ca`);
  const subject = makeSshKey(`${user.folder}/subject`);
  signCertificate(ca, subject);
  await refuses(
    user,
    ['--ssh-key', `${subject}-cert.pub`],
    [/a key of type ssh-ed25519-cert-v01@openssh.com cannot be used/, /give the key that it is for/],
  );
  await refuses(
    user,
    ['--ssh-key', `${lonely(user)}.pub`],
    [/ssh-agent has no such key, and there is no private key file beside it/, /ssh-add/],
    agent.environment,
  );
});

function signCertificate(ca: string, subject: string): void {
  execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'id', '-n', 'john', `${subject}.pub`]);
}

/** A public key without its private half. */
function lonely(user: User): string {
  const path = makeSshKey(`${user.folder}/lonely`);
  rmSync(path);
  return path;
}

/** An agent of the test's own, with one key, that does with a request to sign what it is told. */
function strangeAgent(
  t: Scope,
  path: string,
  answer: (socket: Socket) => void,
  blob: Buffer = Buffer.from(publicLine(keys.ed25519).split(' ')[1]!, 'base64'),
): Record<string, string> {
  const list = text(Buffer.concat([Uint8Array.of(12), length(1), text(blob), text('a\x1b[2Jb')]));
  const listener = createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', request => (request[4] === 11 ? socket.write(list) : answer(socket)));
  }).listen(path);
  t.after(() => void listener.close());
  return { SSH_AUTH_SOCK: path };
}

/** A `string` of SSH's. */
function text(bytes: Uint8Array | string): Buffer {
  return Buffer.concat([length(bytes.length), Buffer.from(bytes)]);
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

test('ssh-agent that refuses to sign, closes, or answers with nonsense', async t => {
  const user = new User(t);
  const failure = Buffer.from([0, 0, 0, 1, 5]);
  const refusing = strangeAgent(t, `${folder}/refusing`, socket => socket.write(failure));
  await refuses(
    user,
    ['--ssh'],
    [/ssh-agent did not sign with ssh-ed25519 key SHA256:\S+ \(a\?\[2Jb\)/, /locked, .*not touched/],
    refusing,
  );
  const closing = strangeAgent(t, `${folder}/closing`, socket => socket.destroy());
  await refuses(user, ['--ssh'], [/ssh-agent cannot be asked .*it closed the connection/], closing);
  const endless = strangeAgent(t, `${folder}/endless`, socket => socket.write(Buffer.alloc(8, 0xff)));
  await refuses(user, ['--ssh'], [/ssh-agent cannot be asked/], endless);
});

test('an agent that hangs is given up', async t => {
  const path = `${folder}/hanging`;
  const listener = createServer(socket => socket.on('error', () => {})).listen(path);
  t.after(() => void listener.close());
  await once(listener, 'listening');
  const agent = new Agent(path, { listMs: 50, signMs: 50 });
  await assert.rejects(agent.list(undefined), /ssh-agent does not answer \(.*hanging\)/);
  await assert.rejects(
    agent.sign({ blob: new Uint8Array(4), name: 'x' }, new Uint8Array(1), undefined),
    /does not answer/,
  );
});

test('ssh-keygen signs where no agent has the key', async t => {
  const user = new User(t);
  await opens(user, ['--ssh-key', keys.ecdsa]);
  await opens(user, ['--ssh-key', `${keys.rsa}.pub`]);
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  await opens(user, ['--ssh-key', keys.rsa4096], agent.environment);
  const alone = `${user.folder}/alone`;
  copyFileSync(keys.ed25519, alone);
  await opens(user, ['--ssh-key', alone]);
});

test('ssh-keygen’s refusals; files of SSH keys that are none', async t => {
  const user = new User(t);
  const askpass = { SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' };
  await refuses(
    user,
    ['--ssh-key', keys.locked],
    [/ssh-keygen did not sign with .*passphrase/, /ssh-add/],
    askpass,
  );
  await refuses(user, ['--ssh-key', `${user.folder}/none`], [/none: no such file/]);
  const path = `${user.folder}/key`;
  copyFileSync(keys.ed25519, path);
  chmodSync(path, 0o644);
  await refuses(user, ['--ssh-key', path], [/others than its owner may use this secret/]);
  writeFileSync(path, 'nothing');
  await refuses(user, ['--ssh-key', path], [/this is no SSH key/]);
});
