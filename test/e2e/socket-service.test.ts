/** That the socket service gives users without any privilege the connections that are theirs, and nothing else. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { throughService } from '../../src/client/throughservice.js';
import { libc } from '../../src/net/libc.js';
import { Daemon } from './harness/daemon.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import { missing, notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import {
  clientProgram,
  guard,
  knownUser,
  numbersAtOnce,
  numbersSince,
  oneUser,
  ours,
  profileOf,
  psk,
  SocketService,
  site,
  stranger,
  textOf,
  unprivileged,
  wish,
} from './harness/socketed.js';
import { SshServer } from './harness/ssh.js';

describe('users without any privilege', { skip: oneUser() }, () => {
  test('one whom the profile names is connected, by host and by profile', async t => {
    const { server, service } = await site(t, { users: ['nobody'] });
    const program = await service.start();
    const keyFile = writeSecret(temporaryFolder(t, 'key', 0o755), 'psk', psk);
    chownSync(keyFile, knownUser, knownUser);
    const argv = [process.execPath, clientProgram, 'connect', server.ipv4, '22', '--psk-file', keyFile];
    const direct = service.host.namespace.start('setpriv', [...unprivileged(knownUser), ...argv], {
      input: '',
    });
    assert.equal((await direct.end()).status, 1);
    assert.match(direct.stderr, /needs the privilege CAP_NET_ADMIN/);
    for (const argv of [
      ['connect', server.ipv4, '22'],
      ['proxy', 'home', 'home', '22'],
    ]) {
      const asking = service.ask(knownUser, argv);
      assert.deepEqual(await asking.end(), { status: 0, signal: null }, asking.output);
      assert.equal(asking.stdout, 'in\n');
    }
    await program.line(/gave uid 65534 \(pid \d+\) a connection to 10\.77\.0\.1 port 22, by "home"/);
  });

  test('another one is not, and hears what he would hear without any profile', async t => {
    const { server, service } = await site(t);
    const program = await service.start();
    const refused = async (argv: readonly string[], uid = stranger) => {
      const asking = service.ask(uid, argv);
      assert.equal((await asking.end()).status, 1);
      assert.equal(asking.stdout, '');
      return asking.stderr;
    };
    const known = await refused(['connect', server.ipv4, '22']);
    assert.match(known, /error: the socket service has no such connection for you/);
    assert.equal(await refused(['connect', '192.0.2.99', '22']), known);
    assert.equal(await refused(['proxy', 'home', 'home', '22']), known);
    assert.equal(await refused(['proxy', 'elsewhere', 'home', '22']), known);
    assert.equal(await refused(['connect', server.ipv4, '23'], knownUser), known);
    await program.line(/gave uid 65533 \(pid \d+\) none, asked for 10\.77\.0\.1 port 22: not allowed/);
  });
});

test('a real ssh is let in by it, by a real daemon', {
  skip: oneUser() || missing('ssh', 'sshd'),
}, async t => {
  const network = await Network.create(t);
  const client = await network.addClient();
  const { server } = network;
  const sshd = await SshServer.start(t, server);
  const daemon = new Daemon(t, server, {
    doors: [{ name: 'ssh', services: ['tcp/22'], sequence_number: true }],
    clients: [{ name: 'laptop', psk_file: 'laptop.psk' }],
  });
  writeSecret(daemon.folder, 'laptop.psk', `${psk}\n`);
  const guarding = await daemon.run();
  const seconds = { periodSeconds: 30, toleranceSeconds: 30 };
  const service = new SocketService(t, client, [profileOf(server, seconds)]);
  await service.start();
  const keyFile = writeSecret(temporaryFolder(t, 'key', 0o755), 'key', readFileSync(sshd.keyFile, 'utf8'));
  chownSync(keyFile, knownUser, knownUser);
  const call = (uid: number, name: string, option = '') => {
    const command = `${process.execPath} ${clientProgram} proxy home %h %p --socket ${service.path} ${option}`;
    const runner = ['env', `XDG_CONFIG_HOME=${service.path}.none`, 'setpriv', ...unprivileged(uid)];
    const passing = option === '' ? [] : ['-o', 'ProxyUseFdpass=yes'];
    return sshd.call(client, name, 'echo in', ['-o', `ProxyCommand=${command}`, ...passing], keyFile, runner);
  };
  assert.equal(await client.portState(server.ipv4, 22), 'silent');
  for (const [name, option] of [['home'], [server.ipv4, '--fdpass']] as const) {
    const calling = call(knownUser, name, option);
    assert.deepEqual(await calling.end(), { status: 0, signal: null }, calling.output);
    assert.equal(calling.stdout, 'in\n');
  }
  await guarding.line(/opened ssh for laptop from .*by its sequence number/);
  assert.notEqual((await call(knownUser, '10.77.0.2').end()).status, 0);
});

describe('what is given', { skip: notIsolated }, () => {
  test('a connected socket, out of repair mode, whose bytes nobody has read', async t => {
    const { server, service } = await site(t, ours);
    await service.start();
    for (const request of [{ name: 'home' }, { host: server.ipv4 }, { name: 'home', host: server.ipv4 }]) {
      const { socket, address } = await throughService({ ...wish(service), ...request });
      assert.equal(address, server.ipv4);
      const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
      assert.equal(option(fd, repair), 0);
      assert.ok(connected.includes(option(fd, information) & 0xff));
      assert.equal(await textOf(socket), 'in\n');
    }
  });

  test('over IPv6 too', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    await network.server.serve(22, 'in');
    await guard(network.server);
    const profile = profileOf(network.server, { ...ours, host: network.server.ipv6 });
    const service = new SocketService(t, client, [profile]);
    await service.start();
    const { socket } = await throughService({ ...wish(service), name: 'home', family: 6 });
    assert.equal(await textOf(socket), 'in\n');
  });

  test('no other host, port or profile', async t => {
    const { server, service } = await site(t, ours);
    service.keep(profileOf(server, { name: 'theirs', users: ['65533', 'no-such-user'] }));
    await service.start();
    for (const request of [
      { host: '10.77.0.2' },
      { host: server.ipv4, port: 23 },
      { name: 'theirs' },
      { name: 'home', host: '10.77.0.2' },
      { name: 'nowhere', host: server.ipv4 },
      { name: '../profiles/home' },
    ]) {
      const asking = throughService({ ...wish(service), ...request });
      await assert.rejects(asking, ({ code }: { code: string }) => /^(not-allowed|bad-request)$/.test(code));
    }
  });

  test('each number once; then how long to wait', async t => {
    const { service } = await site(t, ours);
    await service.start();
    const ask = () => throughService({ ...wish(service), name: 'home' });
    const begun = Date.now();
    let given = 0;
    const askOn = async () => {
      for (; given <= numbersSince(begun); given++) (await ask()).socket.destroy();
    };
    await assert.rejects(askOn(), { name: 'KnockError', code: 'used-up', message: /the next is good in/ });
    assert.ok(given >= numbersAtOnce, String(given));
  });

  test('why there is none, where it is not open', async t => {
    const { service } = await site(t, { ...ours, psk: 'another key' });
    const program = await service.start();
    const asking = throughService({ ...wish(service), name: 'home', timeoutMs: 300 });
    await assert.rejects(asking, { name: 'KnockError', code: 'not-open' });
    await program.line(/gave uid \d+ \(pid \d+\) none, asked for "home" port 22: port 22 of .* did not open/);
  });
});

describe('profiles that are not sound', { skip: notIsolated }, () => {
  for (const [what, spoil, pattern] of [
    [
      'others may read',
      (path: string) => chmodSync(`${path}/home.json`, 0o644),
      /others than its owner may use/,
    ],
    ['others may write', (path: string) => chmodSync(path, 0o777), /others than its owner may write/],
    ['somebody else has', (path: string) => chownSync(`${path}/home.json`, 1, 1), /belongs to user 1/],
    ['is none', (path: string) => writeFileSync(`${path}/home.json`, '{}'), /"portknock" expected 1/],
  ] as const) {
    test(`one that ${what} gives nothing, and the log says so`, {
      skip: what === 'somebody else has' && oneUser(),
    }, async t => {
      const { service } = await site(t, ours);
      spoil(service.profiles);
      const program = await service.start();
      await assert.rejects(throughService({ ...wish(service), name: 'home' }));
      await program.line(pattern);
    });
  }

  test('one of many does not stop the others', async t => {
    const { server, service } = await site(t, ours);
    service.keep(profileOf(server, { name: 'a' }), 0o644);
    await service.start();
    const { socket } = await throughService({ ...wish(service), name: 'home' });
    assert.equal(await textOf(socket), 'in\n');
  });
});

const tcpLevel = 6;
const repair = 19;
const information = 11;
/** Established, or its far end has closed already. */
const connected = [1, 8];

function option(fd: number, name: number): number {
  const value = new Uint8Array(4);
  libc().getsockopt(fd, tcpLevel, name, value, Uint32Array.of(4));
  return new DataView(value.buffer).getInt32(0, true);
}

describe('the socket file', { skip: notIsolated }, () => {
  test('everyone may ask; it goes when the service does', async t => {
    const { service } = await site(t, ours);
    const program = await service.start();
    assert.equal(statSync(service.path).mode & 0o777, 0o666);
    await program.stop();
    assert.equal(existsSync(service.path), false);
  });

  test('one that a killed service left behind is taken over, one that is served is not', async t => {
    const { service } = await site(t, ours);
    const killed = await service.start();
    // The program is a grandchild of ours.
    killed.signal('SIGKILL');
    await killed.ended;
    assert.equal(existsSync(service.path), true);
    const program = await service.start();
    const second = service.host.namespace.start(
      process.execPath,
      service.command(['--listen', service.path]),
    );
    assert.equal((await second.end()).status, 1);
    assert.match(second.stderr, /error: .*another service listens there/);
    const { socket } = await throughService({ ...wish(service), name: 'home' });
    assert.equal(await textOf(socket), 'in\n');
    await program.stop();
  });

  test('another file is not taken away', async t => {
    const { service } = await site(t, ours);
    writeFileSync(service.path, 'mine');
    const program = service.host.namespace.start(
      process.execPath,
      service.command(['--listen', service.path]),
    );
    assert.equal((await program.end()).status, 1);
    assert.match(program.stderr, /something else than a socket/);
    assert.equal(statSync(service.path).size, 4);
  });

  test('without a socket it says who starts it', async t => {
    const { service } = await site(t, ours);
    const program = service.host.namespace.start(process.execPath, service.command([]), { input: '' });
    assert.equal((await program.end()).status, 2);
    assert.match(program.stderr, /descriptor 3 is no Unix socket/);
  });
});
