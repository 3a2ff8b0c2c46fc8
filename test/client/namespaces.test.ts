/** The client on a real network: what arrives, in which order, and how it waits. The server is a firewall and a log. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blockCipher, hasTag, tagKey, unseal, zeroAddress } from '../../src/methods/port-sequence/sealed.js';
import { parseAddress } from '../../src/net/address.js';
import { eventually } from '../e2e/harness/eventually.js';
import type { Host } from '../e2e/harness/host.js';
import { notIsolated } from '../e2e/harness/isolation.js';
import { Network } from '../e2e/harness/network.js';
import type { Program } from '../e2e/harness/program.js';
import { clientPath, type Said, said, User } from './program.js';
import type { Arrival } from './watcher.js';

const basePort = 40000;
const servicePort = 2222;
const watcherPath = fileURLToPath(new URL('watcher.js', import.meta.url));

const rules = `table inet guard {
  set open { type inet_service; }
  counter knocks { }
  counter tries { }
  chain in {
    type filter hook prerouting priority raw; policy accept;
    tcp flags & (fin|syn|rst|ack) == syn tcp dport ${basePort}-${basePort + 255} counter name knocks log group 5 drop
    tcp dport @open accept
    tcp flags & (fin|syn|rst|ack) == syn tcp dport ${servicePort} counter name tries drop
  }
}`;

/** A guarded server and a client, each with the addresses of the network's own. */
class Scene {
  readonly user: User;
  readonly network: Network;
  readonly client: Host;
  readonly arrivals: Arrival[] = [];

  private constructor(user: User, network: Network, client: Host) {
    this.user = user;
    this.network = network;
    this.client = client;
  }

  static async create(t: TestContext): Promise<Scene> {
    const network = await Network.create(t);
    const scene = new Scene(new User(t), network, await network.addClient());
    await network.server.namespace.nft(rules);
    const watcher = network.server.namespace.start(process.execPath, [watcherPath, 'watch']);
    await watcher.line(/^ready$/);
    watcher.onLine(line => scene.arrivals.push(JSON.parse(line) as Arrival));
    return scene;
  }

  start(argv: readonly string[], input?: string): Program {
    const options = { env: this.user.environment, ...(input === undefined ? {} : { input }) };
    return this.client.namespace.start(process.execPath, [clientPath, ...argv], options);
  }

  run(argv: readonly string[], input = ''): Promise<Said> {
    return said(this.start(argv, input));
  }

  knock(host: string, ...options: readonly string[]): Promise<Said> {
    return this.run([host, String(basePort), '3', ...this.user.identity(), ...options]);
  }

  async open(): Promise<void> {
    await this.network.server.namespace.nft(`add element inet guard open { ${servicePort} }`);
  }

  /** SYNs that the kernel counted. */
  async count(counter: 'knocks' | 'tries'): Promise<number> {
    const text = await this.network.server.namespace.exec('nft', [
      'list',
      'counter',
      'inet',
      'guard',
      counter,
    ]);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  }

  /** The knocks that arrived: 16 SYNs each, as they came. */
  async knocks(count: number): Promise<Arrival[][]> {
    await eventually(`${count} knocks arrive`, () => this.arrivals.length >= 16 * count);
    return Array.from({ length: this.arrivals.length / 16 }, (_, index) =>
      this.arrivals.slice(16 * index, 16 * index + 16),
    );
  }

  /** What a knock says, where it was made with the user's keys and bound to this address. */
  claim(knock: readonly Arrival[], bound: Uint8Array): { readonly commandId: number; readonly time: number } {
    const block = Buffer.from(knock.map(({ port }) => port - basePort));
    const claim = unseal(blockCipher(this.user.siteKey), block);
    assert.equal(claim.clientId, 7);
    assert(hasTag(claim, tagKey(this.user.key), basePort, bound), 'the tag fits the address');
    return claim;
  }
}

const families = ['ipv4', 'ipv6'] as const;

describe('the client in network namespaces', { skip: notIsolated }, () => {
  for (const family of families) {
    test(`one SYN each, in order, and none is sent twice: ${family}`, async t => {
      const scene = await Scene.create(t);
      const address = scene.network.server[family];
      const { status, stdout, stderr } = await scene.knock(address);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, `knocked ${address} for command 3\n`);
      const [knock] = await scene.knocks(1);
      assert.equal(scene.claim(knock!, zeroAddress).commandId, 3);
      assert(knock!.every(({ source }) => source === scene.client[family]));
      // Longer than the kernel waits before it repeats a SYN.
      await new Promise(resolve => setTimeout(resolve, 1500));
      assert.equal(await scene.count('knocks'), 16);
    });

    test(`raw packets are whole, each with numbers of its own: ${family}`, async t => {
      const scene = await Scene.create(t);
      const { status, stderr } = await scene.knock(scene.network.server[family], '--raw', '--delay', '1');
      assert.equal(status, 0, stderr);
      const [knock] = await scene.knocks(1);
      scene.claim(knock!, zeroAddress);
      assert(knock!.every(({ source, isSound }) => isSound && source === scene.client[family]));
      assert.equal(new Set(knock!.map(({ sequence }) => sequence)).size, 16);
      assert(new Set(knock!.map(({ sourcePort }) => sourcePort)).size > 8);
    });

    test(`waits, and knocks again until it opens: ${family}`, async t => {
      const scene = await Scene.create(t);
      await scene.network.server.serve(servicePort, 'hello');
      const program = scene.start([
        ...[scene.network.server[family], String(basePort), '3', ...scene.user.identity()],
        ...['--wait', String(servicePort), '--json'],
      ]);
      const [first, second] = await scene.knocks(2);
      await scene.open();
      const { status, stdout } = await said(program);
      assert.equal(status, 0);
      const result = JSON.parse(stdout) as Record<string, unknown>;
      assert.equal(result['opened'], scene.network.server[family]);
      assert.equal(result['outcome'], 'opened');
      assert((result['attempts'] as number) >= 2);
      const times = [first, second].map(knock => scene.claim(knock!, zeroAddress).time);
      assert(times[1]! > times[0]!);
    });
  }

  test('knocks at both families of a name, one after the other, at times of their own', async t => {
    const scene = await Scene.create(t);
    const { ipv4, ipv6 } = scene.network.server;
    const { status, stderr } = await withName(scene, [ipv4, ipv6]);
    assert.equal(status, 0, stderr);
    const knocks = await scene.knocks(2);
    assert.deepEqual(
      knocks.map(knock => new Set(knock.map(({ source }) => source)).size),
      [1, 1],
    );
    assert.deepEqual(
      new Set(knocks.map(knock => knock[0]!.source)),
      new Set([scene.client.ipv4, scene.client.ipv6]),
    );
    const times = knocks.map(knock => scene.claim(knock, zeroAddress).time);
    assert.equal(times[1], times[0]! + 1);
  });

  test('the server sees one connection, though both families are open', async t => {
    const scene = await Scene.create(t);
    const { namespace, ipv4, ipv6 } = scene.network.server;
    await scene.network.server.serve(servicePort, 'hello');
    await scene.open();
    const { status, stdout } = await withName(scene, [ipv4, ipv6], '--wait', String(servicePort));
    assert.equal(status, 0);
    assert.match(stdout, /^knocked two\.test \(.+, .+\) for command 3: port 2222 open after [\d.]+ m?s \(/);
    assert.equal(await accepted(namespace), 1);
  });

  test('binds the local address where it is public, or where it is told to', async t => {
    const scene = await Scene.create(t);
    const { client, network } = scene;
    await network.server.namespace.ip('address add 198.51.100.1/24 dev down1');
    await client.namespace.ip('address add 198.51.100.2/24 dev uplink');
    await scene.knock('198.51.100.1');
    await scene.knock(network.server.ipv4, '--address', 'local');
    await scene.knock(network.server.ipv4, '--address', '203.0.113.9');
    const expected = ['198.51.100.2', client.ipv4, '203.0.113.9'];
    for (const [index, knock] of (await scene.knocks(3)).entries()) {
      scene.claim(knock, parseAddress(expected[index]!)!);
    }
  });

  test('warns where NAT will make a local address wrong', async t => {
    const scene = await Scene.create(t);
    await scene.client.namespace.ip('route add 198.51.100.0/24 via 10.77.1.1');
    const { status, stderr } = await scene.knock('198.51.100.1', '--address', 'local');
    assert.equal(status, 0);
    assert.match(stderr, /^portknock: warning: the own address 10\.77\.1\.2 is a private one/);
  });

  test('a link-local address with its zone', async t => {
    const scene = await Scene.create(t);
    const text = await scene.network.server.namespace.ip('-6 -o address show dev down1 scope link');
    const address = /inet6 (fe80:[^/]+)/.exec(text)![1];
    for (const options of [[], ['--raw']]) {
      const { status, stderr } = await scene.knock(`${address}%uplink`, ...options);
      assert.equal(status, 0, stderr);
    }
    for (const knock of await scene.knocks(2)) scene.claim(knock, zeroAddress);
    const { status, stderr } = await scene.knock(address!);
    assert.equal(status, 1);
    assert.match(stderr, /needs its interface, such as fe80::1%eth0/);
  });

  test('did not open in time: status 3, after every retry', async t => {
    const scene = await Scene.create(t);
    const wait = ['--wait', String(servicePort), '--timeout', '1500ms', '--retries', '1'];
    const { status, stderr } = await scene.knock(scene.network.server.ipv4, ...wait);
    assert.equal(status, 3);
    assert.match(stderr, /error: port 2222 of 10\.77\.0\.1 did not open \(2 knocks, /);
    assert.equal((await scene.knocks(2)).length, 2);
    assert((await scene.count('tries')) > 10);
  });

  test('open, and nothing listens: status 1, without waiting for the end', async t => {
    const scene = await Scene.create(t);
    await scene.open();
    const wait = ['--wait', String(servicePort), '--timeout', '10m', '--retries', '0'];
    const { status, stderr } = await scene.knock(scene.network.server.ipv6, ...wait);
    assert.equal(status, 1);
    assert.match(stderr, /error: fd77::1 refuses port 2222/);
  });

  test('no way to any address: status 1, and why', async t => {
    const scene = await Scene.create(t);
    await scene.client.namespace.ip('route del default');
    for (const options of [[], ['--address', 'none']]) {
      const { status, stderr } = await scene.knock(scene.network.server.ipv4, ...options);
      assert.equal(status, 1);
      assert.match(stderr, /error: 10\.77\.0\.1 cannot be reached \(10\.77\.0\.1: ENETUNREACH\)/);
    }
  });

  test('raw packets without the privilege', async t => {
    const scene = await Scene.create(t);
    const client = [process.execPath, clientPath, scene.network.server.ipv4, String(basePort), '3'];
    const program = scene.client.namespace.start(
      'setpriv',
      ['--bounding-set', '-net_raw', '--inh-caps', '-net_raw', ...client, ...scene.user.identity(), '--raw'],
      { env: scene.user.environment },
    );
    const { status, stderr } = await said(program);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /error: raw packets need the privilege CAP_NET_RAW\n.*leave out --raw.*sudo.*setcap/,
    );
  });

  test('proxy: knocks, connects, and joins', async t => {
    const scene = await Scene.create(t);
    const { server } = scene.network;
    await server.serve(servicePort, 'hello');
    await scene.user.import(
      scene.user.profile(server.ipv4, {
        web: {},
        ssh: { command: 5, services: ['tcp/2222'], singleUse: true },
      }),
    );
    // Nothing by which it could resolve this name: it is the profile's.
    const program = scene.start(['proxy', 'home', 'home', String(servicePort)], '');
    const [knock] = await scene.knocks(1);
    assert.equal(scene.claim(knock!, zeroAddress).commandId, 5);
    await scene.open();
    assert.deepEqual(await said(program), { status: 0, stdout: 'hello\n', stderr: '' });
  });
});

/** Knocks at a name that has these addresses, in a hosts file that only this run sees. */
function withName(scene: Scene, addresses: readonly string[], ...options: readonly string[]): Promise<Said> {
  const file = `${scene.user.folder}/hosts`;
  const hosts = addresses.map(address => `${address} two.test`).join('\n');
  const script = `printf '%s\\n' "$1" > ${file} && mount --bind ${file} /etc/hosts && shift && exec "$@"`;
  const client = [
    process.execPath,
    clientPath,
    'two.test',
    String(basePort),
    '3',
    ...scene.user.identity(),
    ...options,
  ];
  return said(
    scene.client.namespace.start('unshare', ['--mount', 'sh', '-c', script, 'sh', hosts, ...client], {
      env: scene.user.environment,
      input: '',
    }),
  );
}

/** Connections that a namespace's kernel has handed to those who listen. */
async function accepted(namespace: Host['namespace']): Promise<number> {
  const text = await namespace.exec('nstat', ['-asz', 'TcpPassiveOpens']);
  return Number(/TcpPassiveOpens +(\d+)/.exec(text)?.[1]);
}
