/** `portknock datagram` and profiles of datagrams: what arrives, read by a reader of the test's own. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import type { DatagramProfile } from '../../src/system/datagramprofile.js';
import { formatProfile } from '../../src/system/profile.js';
import { eventually } from '../e2e/harness/eventually.js';
import { writeSecret } from '../e2e/harness/folder.js';
import { Program } from '../e2e/harness/program.js';
import { authority, client, Openssl, server } from '../system/openssl.js';
import { Receiver, readDatagram } from './datagramreader.js';
import { clientPath, said, User } from './program.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', client);
openssl.certificate('any', { ...client, ownRights: ['tcp/1024-65535', 'udp/53'] });
openssl.certificate('server', server);
openssl.pfx('alice', 'alice.pfx', 'secret');
openssl.pfx('any', 'any.pfx', 'secret', '-legacy');
openssl.run(...'x509 -in server.pem -outform DER -out server.cer'.split(' '));
const serverKey = openssl.read('server.key');
/** A whole second at which the certificates are good. */
const tomorrow = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000);
const env = { PORTKNOCK_PASSWORD: 'secret' };

/** The arguments of a knock; later ones replace earlier ones. */
function knock(port: string, ...rest: readonly string[]): string[] {
  const pfx = rest.includes('--pfx') ? [] : ['--pfx', openssl.path('alice.pfx')];
  const certificate = ['--server-certificate', openssl.path('server.cer')];
  return ['datagram', '127.0.0.1', '--port', port, ...pfx, ...certificate, ...rest];
}

function profile(services: Readonly<Record<string, readonly string[]>>): DatagramProfile {
  return {
    ...{ name: 'work', host: '127.0.0.1', method: 'datagram', knockPort: undefined, address: 'auto' },
    certificate: openssl.read('any.pem').toString(),
    key: openssl.read('any.key').toString(),
    serverCertificate: openssl.read('server.pem').toString(),
    doors: new Map(
      Object.entries(services).map(([door, services]) => [door, { services, singleUse: false }]),
    ),
  };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

/** A service that repeats what it hears, from the moment of the call. */
function serve(t: TestContext, port: number): void {
  const listener = createServer(socket => socket.on('error', () => {}).pipe(socket)).listen(
    port,
    '127.0.0.1',
  );
  t.after(() => listener.close());
}

test('what arrives is the datagram of the protocol', async t => {
  const user = new User(t);
  const receiver = await Receiver.open(t, serverKey);
  const to = ['--knock-port', String(receiver.port)];
  const before = Math.floor(Date.now() / 1000);
  const { status, stdout, stderr } = await user.run(knock('tcp/2000', ...to), { env });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.equal(stdout, 'knocked 127.0.0.1 for tcp/2000\n');
  await user.run(
    knock(
      'udp/8000',
      ...to,
      '--time',
      tomorrow.toISOString().replace('.000', '.999'),
      '--address',
      '192.0.2.9',
    ),
    {
      env,
    },
  );
  const [first, second] = await receiver.first(2);
  assert.equal(first!.service, 'tcp/2000');
  assert.equal(first!.address, `7f000001${'00'.repeat(12)}`);
  assert(first!.time >= before && first!.time <= Date.now() / 1000);
  assert.equal(first!.certificate.subject, 'CN=alice');
  assert(first!.certificate.verify(new X509Certificate(openssl.read('ca.pem')).publicKey));
  assert.equal(second!.service, 'udp/8000');
  assert.equal(second!.address, `c0000209${'00'.repeat(12)}`);
  assert.equal(second!.time, tomorrow.getTime() / 1000);
});

test('IPv6: sixteen bytes, of the address that it comes from', async t => {
  const user = new User(t);
  const receiver = await Receiver.open(t, serverKey, undefined, '::1');
  const argv = knock('tcp/2000', '--knock-port', String(receiver.port));
  argv[1] = '::1';
  // For the other family: it could never be right.
  const { status } = await user.run([...argv, '--address', '192.0.2.9'], { env });
  assert.equal(status, 0);
  const [heard] = await receiver.first(1);
  assert.deepEqual([heard!.address, heard!.source], [`${'00'.repeat(15)}01`, '::1']);
});

test('programs that knock at once say each a second of its own', async t => {
  const user = new User(t);
  const receiver = await Receiver.open(t, serverKey);
  const argv = knock('tcp/2000', '--knock-port', String(receiver.port));
  await Promise.all(Array.from({ length: 4 }, () => user.run(argv, { env })));
  const heard = await receiver.first(4);
  assert.equal(new Set(heard.map(({ time }) => time)).size, 4);
});

test('a dry run shows what would be sent, and it is that', async t => {
  const user = new User(t);
  const argv = knock('tcp/2000', '--dry-run', '--time', tomorrow.toISOString());
  const { status, stdout } = await user.run(argv, { env });
  assert.equal(status, 0);
  const [, port, shown, hex] =
    /^to: 127\.0\.0\.1, UDP port (\d+)\nservice: tcp\/2000\naddress signed: 127\.0\.0\.1\ntime: (\S+)\ndatagram: ([0-9a-f]+)\n$/.exec(
      stdout,
    ) ?? assert.fail(stdout);
  assert.equal(shown, tomorrow.toISOString());
  assert(Number(port) >= 10_000 && Number(port) <= 60_000);
  const { service, time } = readDatagram(Buffer.from(hex!, 'hex'), serverKey);
  assert.deepEqual([service, time], ['tcp/2000', tomorrow.getTime() / 1000]);
  const json = await user.run([...argv, '--json'], { env });
  const { datagrams, ...rest } = JSON.parse(json.stdout) as { datagrams: { hex: string; port: number }[] };
  assert.deepEqual(rest, {
    ...{ host: '127.0.0.1', address: '127.0.0.1', bound: '127.0.0.1', time: tomorrow.toISOString() },
  });
  // A key for each datagram, and a port for each process.
  assert.notEqual(datagrams[0]!.hex.slice(-130), hex!.slice(-130));
  const ports = await Promise.all(
    Array.from({ length: 3 }, async () => /UDP port (\d+)/.exec((await user.run(argv, { env })).stdout)![1]),
  );
  assert.notDeepEqual(new Set(ports), new Set([port]));
});

test('the result as JSON', async t => {
  const user = new User(t);
  const { stdout } = await user.run(knock('tcp/2000', '--json', '--knock-port', '9'), { env });
  const { outcome, purpose, addresses } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([outcome, purpose], ['sent', 'tcp/2000']);
  assert.match(JSON.stringify(addresses), /"bound":"127\.0\.0\.1","time":"20[^"]*\.000Z","ports":1,/);
});

test('--verify knocks again until somebody listens', async t => {
  const user = new User(t);
  const port = await freePort();
  const receiver = await Receiver.open(t, serverKey, count => {
    if (count === 2) serve(t, port);
  });
  const rights = ['--pfx', openssl.path('any.pfx'), '--knock-port', String(receiver.port)];
  const { status, stdout, stderr } = await user.run(knock(`tcp/${port}`, ...rights, '--verify', '-v'), {
    env,
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^knocked 127\.0\.0\.1 for tcp\/\d+: port \d+ open after .*, 2 knocks\)\n$/);
  const [first, second] = receiver.heard;
  assert.equal(receiver.heard.length, 2);
  assert(second!.time > first!.time);
  assert.match(stderr, /knock 2 at 127\.0\.0\.1, for tcp\/\d+, signed by "any" for 127\.0\.0\.1 at 20/);
});

test('--verify gives up after three knocks; UDP has nothing to verify', async t => {
  const user = new User(t);
  const receiver = await Receiver.open(t, serverKey);
  const to = ['--knock-port', String(receiver.port), '--verify'];
  const port = await freePort();
  const any = ['--pfx', openssl.path('any.pfx')];
  const { status, stderr } = await user.run(knock(`tcp/${port}`, ...any, ...to), { env });
  assert.equal(status, 1);
  assert.match(stderr, /127\.0\.0\.1 refuses port \d+: it did not open, or open with nothing listening/);
  assert.equal(receiver.heard.length, 3);
  const udp = await user.run(knock('udp/8000', ...to), { env });
  assert.deepEqual([udp.status, udp.stdout], [0, 'knocked 127.0.0.1 for udp/8000\n']);
  await receiver.first(4);
});

test('a door of a profile: a datagram for each of its services, to one port', async t => {
  const user = new User(t);
  const receiver = await Receiver.open(t, serverKey);
  const input = formatProfile({
    ...profile({ web: ['tcp/2000', 'udp/53'], ssh: ['tcp/3000'] }),
    knockPort: receiver.port,
  });
  const imported = await user.run(['import', '-'], { input });
  assert.deepEqual(imported, { status: 0, stdout: 'imported work (127.0.0.1): web, ssh\n', stderr: '' });
  const { status, stdout } = await user.run(['work', 'web']);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'knocked work (127.0.0.1) for web\n' });
  const heard = await receiver.first(2);
  assert.deepEqual(new Set(heard.map(({ service }) => service)), new Set(['tcp/2000', 'udp/53']));
  const listed = JSON.parse((await user.run(['profiles', '--json'])).stdout) as unknown;
  assert.deepEqual(listed, [{ name: 'work', host: '127.0.0.1', method: 'datagram', doors: ['web', 'ssh'] }]);
});

test('--wait and proxy, with a profile', async t => {
  const user = new User(t);
  const port = await freePort();
  const receiver = await Receiver.open(t, serverKey, count => {
    if (count === 1) serve(t, port);
  });
  const knocking = { ...profile({ echo: [`tcp/${port}`] }), knockPort: receiver.port };
  await user.import(knocking);
  const waited = await user.run(['work', '--wait', String(port)]);
  assert.equal(waited.status, 0, waited.stderr);
  assert.match(waited.stdout, /for echo: port \d+ open after/);
  const argv = [clientPath, 'proxy', 'work', 'work', String(port)];
  const program = new Program(t, process.execPath, argv, { input: 'hello\n', env: user.environment });
  assert.deepEqual(await said(program), { status: 0, stdout: 'hello\n', stderr: '' });
  assert(receiver.heard.length >= 2);
});

test('a profile of a certificate that cannot be used is kept, with a warning', async t => {
  const user = new User(t);
  const input = formatProfile(profile({ web: ['tcp/80'] }));
  const imported = await user.run(['import', '-'], { input });
  assert.equal(imported.status, 0);
  assert.match(imported.stderr, /warning: the certificate of "any" does not allow tcp\/80$/m);
  const { status, stderr } = await user.run(['work']);
  assert.equal(status, 1);
  assert.match(stderr, /does not allow tcp\/80\n.*it allows tcp\/2000, udp\/8000, tcp\/1024-65535, udp\/53;/);
});

test('the password: from a file before the environment', async t => {
  const user = new User(t);
  const right = writeSecret(user.folder, 'right', 'secret\n');
  const wrong = writeSecret(user.folder, 'wrong', 'other\n');
  const good = await user.run(knock('tcp/2000', '-q', '--password-file', right), {
    env: { PORTKNOCK_PASSWORD: 'other' },
  });
  assert.deepEqual(good, { status: 0, stdout: '', stderr: '' });
  const bad = await user.run(knock('tcp/2000', '--password-file', wrong), { env });
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /alice\.pfx: the password does not open it\n/);
  openssl.pfx('alice', 'open.pfx', '');
  const empty = ['--pfx', openssl.path('open.pfx'), '-q'];
  assert.equal((await user.run(knock('tcp/2000', ...empty), { env: { PORTKNOCK_PASSWORD: '' } })).status, 0);
});

/** Runs the client at a terminal of its own; script(1) makes one. */
function atTerminal(t: TestContext, argv: readonly string[]): Program {
  const user = new User(t);
  const command = [process.execPath, clientPath, ...argv].map(word => `'${word}'`).join(' ');
  return new Program(t, 'script', ['-qec', command, '/dev/null'], { env: user.environment });
}

for (const [name, typed, status, said] of [
  ['typed', 'secret\r', 0, /knocked 127\.0\.0\.1 for tcp\/2000/],
  ['mended', 'sekr\x7f\x7fcret\r', 0, /knocked 127\.0\.0\.1 for tcp\/2000/],
  ['wrong', 'geheim\r', 1, /the password does not open it/],
  ['broken off', 'secr\x03', 1, /no password was given/],
  ['ended', '\x04', 1, /no password was given/],
] as const) {
  test(`the password, ${name} at a terminal, which does not show it`, async t => {
    const program = atTerminal(t, knock('tcp/2000'));
    await eventually('it asks', () => /password of .*alice\.pfx: $/.test(program.stdout) || undefined);
    program.write(typed);
    assert.equal((await program.end()).status, status, program.stdout);
    assert.match(program.stdout, said);
    for (const shown of ['secr', 'sekr', 'geheim']) assert(!program.stdout.includes(shown), program.stdout);
  });
}
