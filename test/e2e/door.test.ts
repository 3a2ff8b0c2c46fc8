/** The main job on the real kernel: who gets in, who does not, and for how long. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Family, Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Program, Scope } from './harness/program.js';
import { race } from './harness/race.js';

const greeting = 'hello from inside';
const ssh = { name: 'ssh', command: 1, services: ['tcp/22'], open_for: '30s' };

async function guarded(scope: Scope, settings: DaemonSettings = {}) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  await network.server.serve(22, greeting);
  const daemon = await Daemon.start(scope, network.server, settings);
  return { network, server: network.server, client, daemon };
}

async function succeeds(program: Program): Promise<Program> {
  const { status } = await program.end();
  assert.equal(status, 0, program.output);
  return program;
}

async function opens(from: Host, server: Host, family: Family = 'ipv4', port = 22): Promise<void> {
  await eventually(`${port} opens`, async () => (await from.greeting(server[family], port)) === greeting);
}

async function closes(from: Host, server: Host, deadlineMs: number, port = 22): Promise<void> {
  await eventually(
    `${port} closes`,
    async () => (await from.portState(server.ipv4, port)) === 'silent',
    deadlineMs,
  );
}

/** The 16 ports of a knock at this moment, as the client would send them. */
async function portsOf(daemon: Daemon, from: Host, options: readonly string[] = []): Promise<number[]> {
  const printed = await succeeds(daemon.knock(from, ['--dry-run', ...options]));
  return printed.stdout.trim().split('\n').map(Number);
}

describe('a guarded service', { skip: notIsolated }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`is silent, opens to its knocker alone, and closes on time, over ${family}`, async t => {
      const { network, server, client, daemon } = await guarded(t, {
        doors: [{ ...ssh, open_for: '1500ms' }],
      });
      const other = await network.addClient();
      assert.equal(await client.portState(server[family], 22), 'silent');
      await succeeds(daemon.knock(client, [], { address: server[family] }));
      await opens(client, server, family);
      assert.equal(await other.portState(server[family], 22), 'silent');
      await eventually('closes', async () => (await client.portState(server[family], 22)) === 'silent');
      await daemon.program?.line(/closed ssh for laptop/);
    });
  }

  test('is open to loopback and to networks that are always allowed', async t => {
    const { network, server, client } = await guarded(t, {
      guard: { always_allow: ['10.77.1.0/24', 'fd77:1::/64'] },
    });
    const other = await network.addClient();
    assert.equal(await client.greeting(server.ipv4, 22), greeting);
    assert.equal(await client.greeting(server.ipv6, 22), greeting);
    assert.equal(await server.greeting(server.ipv4, 22), greeting);
    assert.equal(await other.portState(server.ipv4, 22), 'silent');
  });

  test('stays open for longer after a second knock, and is there once', async t => {
    const { server, client, daemon } = await guarded(t, { doors: [{ ...ssh, open_for: '2s' }] });
    const elements = async () =>
      (await server.namespace.exec('nft', ['list', 'set', 'inet', 'portknock', 'open4'])).match(/10\.77/g);
    await succeeds(daemon.knock(client));
    await opens(client, server);
    const firstEnd = performance.now() + 2000;
    await new Promise(resolve => setTimeout(resolve, 1200));
    await succeeds(daemon.knock(client));
    await eventually('two knocks', () => (daemon.program?.stderr.match(/opened ssh/g)?.length ?? 0) === 2);
    assert.deepEqual(await elements(), ['10.77']);
    await new Promise(resolve => setTimeout(resolve, firstEnd + 300 - performance.now()));
    assert.equal(await client.greeting(server.ipv4, 22), greeting);
    await closes(client, server, 4000);
  });

  test('is not closed earlier by a door that opens it for shorter', async t => {
    const brief = { name: 'brief', command: 2, services: ['tcp/22'], open_for: '500ms' };
    const { server, client, daemon } = await guarded(t, { doors: [ssh, brief] });
    await succeeds(daemon.knock(client));
    await opens(client, server);
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/opened brief/);
    await new Promise(resolve => setTimeout(resolve, 800));
    assert.equal(await client.greeting(server.ipv4, 22), greeting);
  });

  test('lets one connection in where the door is for single use', async t => {
    const { server, client, daemon } = await guarded(t, { doors: [{ ...ssh, single_use: true }] });
    for (const address of [server.ipv4, server.ipv6]) {
      await succeeds(daemon.knock(client, [], { address }));
      const states = async () => Promise.all(Array.from({ length: 8 }, () => client.portState(address, 22)));
      await daemon.program?.line(
        new RegExp(`opened ssh for laptop from ${address === server.ipv4 ? '10' : 'fd'}`),
      );
      assert.deepEqual(
        (await states()).filter(state => state === 'open'),
        ['open'],
      );
      assert.equal(await client.portState(address, 22), 'silent');
    }
  });

  test('lets one connection in where two come at the same moment', async t => {
    const network = await Network.create(t);
    const hosts = [await network.addClient(), await network.addClient()];
    await Daemon.start(t, network.server, { doors: [{ ...ssh, single_use: true }] });
    // From anywhere, as a router would bring them; each source by both ways at once.
    const sources = Array.from({ length: 5000 }, (_, index) => `198.18.${index >> 8}.${index & 255}`);
    const elements = sources.map(source => `${source} . tcp . 22 timeout 1m`).join(', ');
    await network.server.namespace.nft(`add element inet portknock once4 { ${elements} }`);
    const lines = sources.map((source, index) => `${index} ${source}`);
    assert.equal(await race(network.server, hosts, lines), sources.length);
  });

  test('lets a connection live on when its door closes, and when the daemon ends', async t => {
    const { server, client, daemon } = await guarded(t, {
      doors: [{ ...ssh, services: ['tcp/2200'], open_for: '1s' }],
    });
    const echo = server.namespace.start(process.execPath, ['-e', echoServer]);
    await echo.line(/listening/);
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/opened ssh/);
    const talk = client.namespace.start(process.execPath, ['-e', talker, server.ipv4]);
    talk.write('one\n');
    await talk.line(/one/);
    await closes(client, server, 5000, 2200);
    await daemon.program?.kill();
    talk.write('two\n');
    await talk.line(/two/);
  });

  test('lets a connection live on that was there before the table, and whose client speaks first', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const echo = network.server.namespace.start(process.execPath, ['-e', echoServer]);
    await echo.line(/listening/);
    for (const address of [network.server.ipv4, network.server.ipv6]) {
      const talk = client.namespace.start(process.execPath, ['-e', talker, address]);
      talk.write('one\n');
      await talk.line(/one/);
      const daemon = new Daemon(t, network.server, { doors: [{ ...ssh, services: ['tcp/2200'] }] });
      await succeeds(daemon.command(['firewall', 'install']));
      assert.equal(await client.portState(address, 2200), 'silent');
      talk.write('two\n');
      await talk.line(/two/);
      await succeeds(daemon.command(['firewall', 'remove']));
    }
  });

  test('does not open to a SYN that connection tracking takes for part of an old connection', async t => {
    const { server, client, daemon } = await guarded(t, { doors: [{ ...ssh, services: ['tcp/2200'] }] });
    const resetting = server.namespace.start(process.execPath, ['-e', resettingServer]);
    await resetting.line(/listening/);
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/opened ssh/);
    const connect = () => client.namespace.start(process.execPath, ['-e', fromOnePort, server.ipv4]);
    const first = connect();
    await first.line(/connected/);
    await first.line(/ECONNRESET/);
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    // The server ended it with a reset, and the entry of the connection is still there.
    await assert.rejects(connect().line(/connected/, 3000), /did not happen/);
  });

  test('is guarded where its port is forwarded to an inner host', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const inner = await network.addInnerHost();
    await inner.serve(4711, greeting);
    await network.forward(8022, inner, 4711);
    const daemon = await Daemon.start(t, network.server, { doors: [{ ...ssh, services: ['tcp/8022'] }] });
    for (const family of ['ipv4', 'ipv6'] as const) {
      assert.equal(await client.portState(network.server[family], 8022), 'silent');
      await succeeds(daemon.knock(client, [], { address: network.server[family] }));
      await opens(client, network.server, family, 8022);
    }
  });

  test('is no business of what only passes through', async t => {
    const { network, client } = await guarded(t);
    const inner = await network.addInnerHost();
    await inner.serve(22, 'another machine');
    await inner.serve(40_010, 'in the window');
    assert.equal(await client.greeting(inner.ipv4, 22), 'another machine');
    assert.equal(await client.greeting(inner.ipv6, 22), 'another machine');
    assert.equal(await client.greeting(inner.ipv4, 40_010), 'in the window');
  });

  test('opens over UDP too', async t => {
    const { server, client, daemon } = await guarded(t, { doors: [{ ...ssh, services: ['udp/5000'] }] });
    const echo = server.namespace.start(process.execPath, ['-e', udpEchoServer]);
    await echo.line(/listening/);
    const ask = async () =>
      client.namespace.exec(process.execPath, ['-e', udpAsk, server.ipv4]).then(
        text => text.trim(),
        () => 'failed',
      );
    assert.equal(await ask(), 'silent');
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/opened ssh/);
    assert.equal(await ask(), 'answered');
  });
});

describe('a client behind a router', { skip: notIsolated }, () => {
  const address = (choice: string) => ({ clients: [{ name: 'laptop', id: 7, address: choice }] });

  test('gets in where its address is optional, through the address of the router', async t => {
    const { network, server, daemon } = await guarded(t, address('optional'));
    const { client } = await network.addClientBehindRouter();
    await succeeds(daemon.knock(client, ['--address', 'none']));
    await opens(client, server);
    await succeeds(daemon.knock(client, ['--address', 'none'], { address: server.ipv6 }));
    await opens(client, server, 'ipv6');
  });

  test('is told why not where its address is required', async t => {
    const { network, server, daemon } = await guarded(t, address('required'));
    const { client } = await network.addClientBehindRouter();
    await succeeds(daemon.knock(client, ['--address', 'none']));
    await daemon.program?.line(/refused: wrong-address: laptop .*address = "optional"/);
    await succeeds(daemon.knock(client, ['--address', 'local']));
    await daemon.program?.line(/refused: bad-tag: laptop/);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });
});

describe('what must not open', { skip: notIsolated }, () => {
  test('a knock played again, at once, after a restart, and after kill -9', async t => {
    const { server, client, daemon } = await guarded(t, { doors: [{ ...ssh, open_for: '500ms' }] });
    const ports = await portsOf(daemon, client);
    await client.tap(server.ipv4, ports);
    await opens(client, server);
    const refused = async () => {
      await closes(client, server, 3000);
      await client.tap(server.ipv4, ports);
      await daemon.program?.line(/refused: replayed: laptop/);
      assert.equal(await client.portState(server.ipv4, 22), 'silent');
    };
    await refused();
    await daemon.program?.stop();
    await daemon.run();
    await refused();
    await daemon.program?.kill();
    await daemon.run();
    await refused();
  });

  test('an old knock, a knock for the wrong door, of an unknown client, of a removed one', async t => {
    const backup = { name: 'backup', command: 2, services: ['tcp/873'] };
    const clients = [
      { name: 'laptop', id: 7, doors: ['ssh'] },
      { name: 'lost', id: 8, doors: ['ssh'], revoked: true },
    ];
    const { server, client, daemon } = await guarded(t, { doors: [ssh, backup], clients });
    const cases: [RegExp, readonly string[], { command?: number; client?: string; id?: number }][] = [
      [/refused: stale: laptop .*10m.* behind/, ['--time', String(Date.now() - 600_000)], {}],
      [/refused: not-allowed: laptop/, [], { command: 2 }],
      [/refused: unknown-command: laptop/, [], { command: 9 }],
      [/refused: unknown-client: somebody/, [], { id: 9 }],
      [/refused: bad-tag: lost/, [], { id: 8 }],
      [/refused: revoked: lost/, [], { id: 8, client: 'lost' }],
    ];
    for (const [expected, options, identity] of cases) {
      const printed = await succeeds(daemon.knock(client, ['--dry-run', ...options], identity));
      await client.tap(server.ipv4, printed.stdout.trim().split('\n').map(Number));
      await daemon.program?.line(expected);
    }
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
    assert.equal(await client.portState(server.ipv4, 873), 'silent');
  });

  test('a knock from another address than the bound one', async t => {
    const { network, server, client, daemon } = await guarded(t);
    const thief = await network.addClient();
    const ports = await portsOf(daemon, client);
    await thief.tap(server.ipv4, ports);
    await daemon.program?.line(/refused: bad-tag: laptop from 10\.77\.2\.2/);
    assert.equal(await thief.portState(server.ipv4, 22), 'silent');
  });
});

const echoServer = `net.createServer(s => s.pipe(s)).listen(2200, '::', () => console.log('listening'))`;
const resettingServer = `net.createServer(s => setTimeout(() => s.resetAndDestroy(), 100)).listen(2200, '::', () => console.log('listening'))`;
const fromOnePort = `net.connect({ host: process.argv[1], port: 2200, localPort: 5555 }, () => console.log('connected'))
.on('error', error => console.log(error.code)).resume()`;
const talker = `const s = net.connect(2200, process.argv[1]); process.stdin.pipe(s).pipe(process.stdout)`;
const udpEchoServer = `const s = dgram.createSocket('udp4', (m, r) => s.send(m, r.port, r.address)).bind(5000, () => console.log('listening'))`;
const udpAsk = `const s = dgram.createSocket('udp4', () => end('answered')); s.send('x', 5000, process.argv[1]);
const end = what => { console.log(what); process.exit() }; setTimeout(end, 500, 'silent')`;
