/** Answers to challenges by keys of SSH: the real ssh-agent and ssh-keygen, agents that are odd; and each of their refusals. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { challenge } from '../../src/client/challenge.js';
import { Agent } from '../../src/client/signing/agent.js';
import { eventually } from '../e2e/harness/eventually.js';
import { Program, type Scope } from '../e2e/harness/program.js';
import { patient } from './challengerequest.js';
import { clientPath, User } from './program.js';
import { SigningSite } from './signingsite.js';
import { makeSshKey, publicLine, SshAgent } from './sshagent.js';

const end: Scope = { after };
/** Short: sockets lie in it. */
const folder = mkdtempSync('/tmp/k-');
after(() => rmSync(folder, { recursive: true, force: true }));

const names = ['ed25519', 'ecdsa', 'rsa', 'rsa4096', 'locked'] as const;
const keys = Object.fromEntries(names.map(name => [name, `${folder}/${name}`])) as Record<
  (typeof names)[number],
  string
>;
makeSshKey(keys.ed25519);
makeSshKey(keys.ecdsa, 'ecdsa', '', '-b', '384');
makeSshKey(keys.rsa, 'rsa', '', '-b', '2048');
makeSshKey(keys.rsa4096, 'rsa', '', '-b', '4096');
makeSshKey(keys.locked, 'ed25519', 'secret');
const site = await SigningSite.open(end, { ssh: names.map(name => publicLine(keys[name])) });

test('ssh-agent, with every type of key; the first, or the one that is named', async t => {
  const user = new User(t);
  for (const name of ['ed25519', 'ecdsa', 'rsa', 'rsa4096'] as const) {
    const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
    agent.add(keys[name]);
    const { stderr } = await site.opens(user, ['--ssh'], agent.environment);
    assert.doesNotMatch(stderr, /signing with the first/, name);
  }
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  agent.add(keys.ecdsa);
  agent.add(keys.ed25519);
  await site.opens(user, ['--ssh-key', `${keys.ed25519}.pub`], agent.environment);
  const { stderr } = await site.opens(user, ['--ssh'], agent.environment);
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
  await site.refuses(
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
  await site.refuses(user, ['--ssh'], [/SSH_AUTH_SOCK is not set/, /ssh-agent.*ssh-add.*--ssh-key FILE/]);
  const gone = { SSH_AUTH_SOCK: `${folder}/gone` };
  await site.refuses(user, ['--ssh'], [/ssh-agent cannot be asked \(.*gone: ENOENT\)/], gone);
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  await site.refuses(user, ['--ssh'], [/ssh-agent has no key\n/, /ssh-add/], agent.environment);
  const ca = makeSshKey(`${user.folder}/ca`);
  const subject = makeSshKey(`${user.folder}/subject`);
  signCertificate(ca, subject);
  await site.refuses(
    user,
    ['--ssh-key', `${subject}-cert.pub`],
    [/a key of type ssh-ed25519-cert-v01@openssh.com cannot be used/, /give the key that it is for/],
  );
  await site.refuses(
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
  await site.refuses(
    user,
    ['--ssh'],
    [/ssh-agent did not sign with ssh-ed25519 key SHA256:\S+ \(a\?\[2Jb\)/, /locked, .*not touched/],
    refusing,
  );
  const closing = strangeAgent(t, `${folder}/closing`, socket => socket.destroy());
  await site.refuses(user, ['--ssh'], [/ssh-agent cannot be asked .*it closed the connection/], closing);
  const endless = strangeAgent(t, `${folder}/endless`, socket => socket.write(Buffer.alloc(8, 0xff)));
  await site.refuses(user, ['--ssh'], [/ssh-agent cannot be asked/], endless);
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
  await site.opens(user, ['--ssh-key', keys.ecdsa]);
  await site.opens(user, ['--ssh-key', `${keys.rsa}.pub`]);
  const agent = await SshAgent.start(t, mkdtempSync(`${folder}/a`));
  await site.opens(user, ['--ssh-key', keys.rsa4096], agent.environment);
  const alone = `${user.folder}/alone`;
  copyFileSync(keys.ed25519, alone);
  await site.opens(user, ['--ssh-key', alone]);
});

test('ssh-keygen’s refusals; files of SSH keys that are none', async t => {
  const user = new User(t);
  const askpass = { SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' };
  await site.refuses(
    user,
    ['--ssh-key', keys.locked],
    [
      /^portknock: ssh-keygen asks for the passphrase of \/.*locked\n/,
      ...[/ssh-keygen did not sign with .*passphrase/, /ssh-add/],
    ],
    askpass,
  );
  await site.refuses(user, ['--ssh-key', `${user.folder}/none`], [/none: no such file/]);
  const path = `${user.folder}/key`;
  copyFileSync(keys.ed25519, path);
  chmodSync(path, 0o644);
  await site.refuses(user, ['--ssh-key', path], [/others than its owner may use this secret/]);
  writeFileSync(path, 'nothing');
  await site.refuses(user, ['--ssh-key', path], [/this is no SSH key/]);
});

test('without ssh-keygen it is said what to install', async t => {
  const user = new User(t);
  const env = { PATH: user.folder };
  await site.refuses(
    user,
    ['--ssh-key', keys.ed25519],
    [/ssh-keygen is not installed/, /openssh-client/],
    env,
  );
});

test('what ends the client ends what it has asked to sign', async t => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const user = new User(t);
    const asked = `${user.folder}/asked`;
    const keygen = `#!/bin/sh\necho $$ > ${asked}.new; mv ${asked}.new ${asked}; exec sleep 60\n`;
    writeFileSync(`${user.folder}/ssh-keygen`, keygen, { mode: 0o755 });
    const PATH = `${user.folder}:${process.env['PATH']}`;
    const argv = [clientPath, ...site.argv('--ssh-key', keys.ed25519)];
    const env = { ...user.environment, SSH_AUTH_SOCK: '', PATH };
    const program = new Program(t, process.execPath, argv, { env });
    await eventually('ssh-keygen runs', () => (existsSync(asked) ? true : undefined));
    const pid = Number(readFileSync(asked, 'utf8'));
    program.signal(signal);
    assert.equal((await program.end()).signal, signal, program.output);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  }
});

test('a hardware key is to be touched, and that is said', async t => {
  const user = new User(t);
  const type = 'sk-ssh-ed25519@openssh.com';
  const blob = Buffer.concat([text(type), text(Buffer.alloc(32, 1)), text('ssh:')]);
  const signature = text(Buffer.concat([text(type), text(Buffer.alloc(64, 1)), Buffer.alloc(5, 1)]));
  const signs = (socket: Socket) => socket.write(text(Buffer.concat([Uint8Array.of(14), signature])));
  const env = strangeAgent(t, `${folder}/hardware`, signs, blob);
  const { status, stderr } = await user.run(site.argv('--ssh'), { env });
  assert.equal(status, 0, stderr);
  const touch = 'touch the key: sk-ssh-ed25519 key SHA256:';
  assert.match(stderr, new RegExp(`^portknock: ${touch}\\S+ \\(a\\?\\[2Jb\\)\n$`));
  const before = process.env['SSH_AUTH_SOCK'];
  process.env['SSH_AUTH_SOCK'] = env['SSH_AUTH_SOCK'];
  t.after(() => {
    if (before === undefined) delete process.env['SSH_AUTH_SOCK'];
    else process.env['SSH_AUTH_SOCK'] = before;
  });
  const told: string[] = [];
  const { port } = site.server;
  const request = { method: 'challenge', port, site: 'test', door: 'ssh', sign: { ssh: 'agent' } } as const;
  const tell = { say: (message: string) => void told.push(message), note: () => {} };
  const both = [
    { family: 6, address: '::1' },
    { family: 4, address: '127.0.0.1' },
  ] as const;
  await challenge(request, { tell, limits: patient }).compose(both, () => {});
  assert.deepEqual(
    told.map(message => message.slice(0, touch.length)),
    ['2 addresses are signed for, each with a touch; '.slice(0, touch.length), touch, touch],
  );
});
