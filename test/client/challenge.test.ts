/** `portknock challenge` and profiles of challenges: what a server that recognises and judges makes of what arrives. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import type { ChallengeProfile } from '../../src/system/challengeprofile.js';
import { formatProfile } from '../../src/system/profile.js';
import { temporaryFolder, writeSecret } from '../e2e/harness/folder.js';
import { ChallengeServer, type ServerOptions, sourceOf } from './challengeserver.js';
import { type Said, User } from './program.js';
import { makeSshKey, publicLine } from './sshagent.js';

const folder = temporaryFolder({ after }, 'k');
const key = makeSshKey(`${folder}/key`);
/** No agent of whoever runs the tests. */
const env = { SSH_AUTH_SOCK: '' };

function serve(t: TestContext, user: User, options: ServerOptions = {}): Promise<ChallengeServer> {
  const { siteKey } = user;
  return ChallengeServer.open(
    t,
    { ssh: [publicLine(key)] },
    options.name ? options : { siteKey, ...options },
  );
}

function challenge(user: User, port: number, ...rest: readonly string[]): Promise<Said> {
  const siteKeyFile = writeSecret(user.folder, 'site.key', user.siteKey.toString('hex'));
  const site = rest.includes('--site') ? [] : ['--site-key-file', siteKeyFile];
  const argv = ['challenge', '127.0.0.1', 'ssh', '--port', String(port), ...site, '--ssh-key', key, ...rest];
  return user.run(argv, { env });
}

function profile(user: User, port: number): ChallengeProfile {
  return {
    ...{ name: 'work', host: '127.0.0.1', method: 'challenge', port },
    ...{ server: { siteKey: user.siteKey }, sign: { ssh: '../../keys/key' } },
    doors: new Map([['ssh', { services: ['tcp/22'], singleUse: false }]]),
  };
}

/** A port that is free, and what opens it. */
async function closedPort(t: TestContext): Promise<{ port: number; open: () => void }> {
  const listener = createServer(socket => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  t.after(() => listener.close());
  return { port, open: () => listener.listen(port, '127.0.0.1') };
}

test('a signature opens the door for the address that it comes from', async t => {
  const user = new User(t);
  const server = await serve(t, user);
  const { status, stdout, stderr } = await challenge(user, server.port);
  assert.deepEqual([status, stdout], [0, 'knocked 127.0.0.1 for ssh\n']);
  assert.doesNotMatch(stderr, /warning|error/);
  const [knock] = await server.first(1);
  assert.deepEqual([knock!.door, knock!.client, sourceOf(knock!)], ['ssh', 'john', '127.0.0.1']);
});

test('IPv6', async t => {
  const user = new User(t);
  const server = await serve(t, user);
  const siteKeyFile = writeSecret(user.folder, 'site.key', user.siteKey.toString('hex'));
  const argv = ['challenge', '::1', 'ssh', '--port', String(server.port), '--site-key-file', siteKeyFile];
  assert.equal((await user.run([...argv, '--ssh-key', key], { env })).status, 0);
  assert.equal(sourceOf((await server.first(1))[0]!), '::1');
});

test('a server without a site key, by its name', async t => {
  const user = new User(t);
  const server = await serve(t, user, { name: 'work.example' });
  assert.equal((await challenge(user, server.port, '--site', 'work.example')).status, 0);
  await server.first(1);
  assert.equal((await challenge(user, server.port, '--site', 'other.example')).status, 0);
  const [refused] = await server.firstRefusals(1);
  assert.equal(refused!.reason, 'bad-tag');
});

test('--verbose, --json and --wait', async t => {
  const user = new User(t);
  const { port, open } = await closedPort(t);
  const server = await serve(t, user, { onKnock: open });
  const { status, stdout, stderr } = await challenge(
    user,
    server.port,
    '--wait',
    String(port),
    '--json',
    '-v',
  );
  assert.equal(status, 0, stderr);
  const { outcome, purpose, addresses } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([outcome, purpose], ['opened', 'ssh']);
  assert.match(JSON.stringify(addresses), /"bound":"127\.0\.0\.1","time":"20[^"]*Z","ports":1,/);
  assert.match(stderr, /hello to 127\.0\.0\.1, UDP port \d+\n/);
  assert.match(
    stderr,
    /knock 1 at 127\.0\.0\.1, for ssh, signed by ssh-ed25519 key SHA256:\S+ \(.*\) for 127\.0\.0\.1 until 20\S+Z, to UDP port \d+ \(\d+ bytes\)\n/,
  );
});

test('knocking again sends the same response, and signs nothing anew', async t => {
  const user = new User(t);
  const { port, open } = await closedPort(t);
  const server = await serve(t, user);
  const waiting = challenge(user, server.port, '--wait', String(port));
  await server.firstRefusals(1);
  open();
  assert.equal((await waiting).status, 0);
  assert.deepEqual(server.responses[1], server.responses[0]);
  assert.deepEqual([server.knocks.length, server.refusals[0]?.reason], [1, 'replayed']);
});

test('a dry run shows the hello and what would be signed, and sends nothing', async t => {
  const user = new User(t);
  const server = await serve(t, user);
  const { status, stdout } = await challenge(
    user,
    server.port,
    '--dry-run',
    '--time',
    '2026-11-18T11:06:40Z',
  );
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^to: 127\.0\.0\.1, UDP port \d+\ntime: 2026-11-18T11:06:40\.000Z\nhello: [0-9a-f]{256}\nto be signed:\nportknock challenge 1\nsite: key [0-9a-f]{32}\ndoor: ssh\nsource: <.*>\nchallenge: <.*>\nexpires: <.*>\n$/,
  );
  const json = await challenge(user, server.port, '--dry-run', '--json');
  assert.equal((JSON.parse(json.stdout) as { hello: string }).hello.length, 256);
  assert.equal(server.hellos, 0);
});

test('a profile: imported, listed, knocked with, and a proxy', async t => {
  const user = new User(t);
  const { port, open } = await closedPort(t);
  const server = await serve(t, user, { onKnock: open });
  const keys = `${user.folder}/config/keys`;
  const input = formatProfile(profile(user, server.port));
  const imported = await user.run(['import', '-'], { input });
  assert.equal(imported.stdout, 'imported work (127.0.0.1): ssh\n');
  assert.equal(imported.stderr, `portknock: warning: there is no ${keys}/key, with which it signs\n`);
  mkdirSync(keys);
  makeSshKey(`${keys}/key`);
  const strange = await user.run(['work'], { env });
  assert.deepEqual([strange.status, strange.stdout], [0, 'knocked work (127.0.0.1) for ssh\n']);
  const mine = { ...profile(user, server.port), sign: { ssh: key } };
  assert.equal((await user.run(['import', '-', '--force'], { input: formatProfile(mine) })).stderr, '');
  const listed = await user.run(['profiles', '--json']);
  assert.deepEqual(JSON.parse(listed.stdout), [
    { name: 'work', host: '127.0.0.1', method: 'challenge', doors: ['ssh'] },
  ]);
  const proxied = await user.run(['proxy', 'work', '127.0.0.1', String(port)], { env, input: 'hello' });
  assert.deepEqual([proxied.status, proxied.stdout], [0, 'hello']);
  assert.doesNotMatch(proxied.stderr, /warning|error/);
  assert.equal(server.refusals[0]?.reason, 'unknown-client');
});

const mistakes: readonly [argv: readonly string[], ...expected: RegExp[]][] = [
  [['challenge', 'h'], /too few arguments/, /it is: portknock challenge HOST DOOR/],
  [['challenge', 'h', 'ssh'], /missing: --port/, /such as: portknock challenge/],
  [['challenge', 'h', 'ssh', '--port', '0'], /--site-key-file|--port expected/],
  [['challenge', 'h', 'ssh', '--port', '7'], /missing: --site-key-file/, /--site NAME/],
  [['challenge', 'h', 'a/b', '--port', '7'], /DOOR expected the name of a door, got "a\/b"/],
  [['challenge', 'h', 'ssh', '--port', '7', '--site', 'a b'], /--site expected 1 to 64 letters/],
  [['challenge', 'h', 'ssh', '--port', '7', '--site', 's'], /no key to sign with/, /--user UID for gpg/],
  [
    ['challenge', 'h', 'ssh', '--port', '7', '--site', 's', '--user', 'j', '--ssh'],
    /--user and --ssh exclude each other/,
  ],
  [
    ['challenge', 'h', 'ssh', '--port', '7', '--site', 's', '--ssh', '--password-file', 'f'],
    /--password-file is about --key-file/,
  ],
  [['chalenge', 'h', 'ssh'], /unknown command "chalenge"/, /did you mean: portknock challenge\?/],
  [['challenge', 'h', 'ssh', '--raw'], /--raw has no meaning for: portknock challenge/],
  [['challenge', 'h', 'ssh', '--sshkey', 'f'], /unknown option --sshkey/, /did you mean --ssh-key\?/],
];

test('each mistake is named, with what to do', async t => {
  const user = new User(t);
  for (const [argv, ...expected] of mistakes) {
    const { status, stderr } = await user.run(argv, { env });
    assert.equal(status, 2, argv.join(' '));
    for (const each of expected) assert.match(stderr, each);
  }
});
