/** Listening on an interface: every kind of link, what is heard there and what is not, and an interface that changes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from './harness/eventually.js';
import { frame, packets } from './harness/frames.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Namespace } from './harness/namespace.js';
import { Network } from './harness/network.js';
import type { Scope } from './harness/program.js';
import { Sender } from './harness/sender.js';
import { Tapped, tapProgram } from './harness/tapped.js';

/** The server's address on the first client's link, on interface `down1`, and the client's. */
const near = '10.77.1.1';
const near6 = 'fd77:1::1';
const far = '10.77.1.2';
/** Where the packets of test/net/made.ts are for. */
const elsewhere = '198.51.100.9';

async function link(scope: Scope) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  return { network, server: network.server.namespace, client, sender: new Sender(client.namespace) };
}

const knocks = (source: string, destination: string) => [
  `tcp ${source} > ${destination} 7000`,
  `udp ${source} > ${destination} 8000`,
];

/** Sends what is wanted and what is not, and waits for the last of it. @returns what was heard */
async function knock(tapped: Tapped, client: Host, sender: Sender, address: string, expected: string) {
  await client.tap(address, [7001, 7000, 8000]);
  await sender.datagrams(address, 7000);
  await sender.datagrams(address, 8000);
  return tapped.hears(expected);
}

async function linkLocal(namespace: Namespace, name: string): Promise<string> {
  const text = await namespace.ip(`-6 address show dev ${name} scope link`);
  return /fe80::[0-9a-f:]+/.exec(text)![0];
}

describe('links', { skip: notIsolated }, () => {
  test('Ethernet: IPv4, IPv6 and link-local, and only what is wanted', async t => {
    const { server, client, sender } = await link(t);
    const local = await linkLocal(server, 'down1');
    const localClient = await linkLocal(client.namespace, 'uplink');
    const tapped = await Tapped.start(server, 'down1');
    assert.equal(tapped.ethernet, true);
    assert.deepEqual([...tapped.addresses].sort(), [near, near6, local].sort());
    for (const [source, destination, zone] of [
      [far, near, ''],
      ['fd77:1::2', near6, ''],
      [localClient, local, '%uplink'],
    ] as const) {
      const expected = knocks(source, destination);
      assert.deepEqual(await knock(tapped, client, sender, destination + zone, expected[1]!), expected);
    }
    await tapped.want({ ipv6: false });
    await client.tap(near6, [7000]);
    await client.tap(near, [7000]);
    assert.deepEqual(await tapped.hears(`tcp ${far} > ${near} 7000`), [`tcp ${far} > ${near} 7000`]);
  });

  test('neither what goes out nor what is for others, unless it is a target', async t => {
    const { network, server, client, sender } = await link(t);
    const tapped = await Tapped.start(server, 'down1', { targets: [far] });
    const [others] = packets(elsewhere);
    await network.server.tap(far, [7000]);
    await sender.frame('uplink', frame(others));
    await client.tap(network.server.ipv4, [7000]);
    await client.tap(near, [7000]);
    assert.deepEqual(await tapped.hears(`tcp ${far} > ${near} 7000`), [`tcp ${far} > ${near} 7000`]);
    await tapped.want({ targets: [elsewhere] });
    await sender.frame('uplink', frame(others));
    await tapped.hears(`tcp 192.0.2.7 > ${elsewhere} 7000`);
  });

  test('the loopback, each packet once', async t => {
    const { network, server } = await link(t);
    const tapped = await Tapped.start(server, 'lo');
    const sender = new Sender(server);
    assert.equal(tapped.ethernet, true);
    for (const address of ['127.0.0.1', '::1']) {
      const expected = knocks(address, address);
      assert.deepEqual(await knock(tapped, network.server, sender, address, expected[1]!), expected);
    }
  });

  test('any: every interface, each packet once', async t => {
    const { network, server, client, sender } = await link(t);
    const second = await network.addClient();
    const tapped = await Tapped.start(server, 'any');
    assert.equal(tapped.ethernet, false);
    await knock(tapped, client, sender, near, `udp ${far} > ${near} 8000`);
    const expected = knocks(second.ipv4, network.server.ipv4);
    const heard = await knock(
      tapped,
      second,
      new Sender(second.namespace),
      network.server.ipv4,
      expected[1]!,
    );
    assert.deepEqual(heard, expected);
    // Its far end is down: it has no carrier, but its address is this machine's.
    await server.ip('link add idle type veth peer name dead');
    await server.ip('address add 10.80.0.1/24 dev idle');
    await server.ip('link set idle up');
    await eventually('the new address', () => tapped.addresses.includes('10.80.0.1'));
    await client.tap('10.80.0.1', [7000]);
    await tapped.hears(`tcp ${far} > 10.80.0.1 7000`);
    await network.server.tap('127.0.0.1', [7000]);
    assert.deepEqual(await tapped.hears('tcp 127.0.0.1 > 127.0.0.1 7000'), [
      'tcp 127.0.0.1 > 127.0.0.1 7000',
    ]);
  });

  test('frames with the tag of a VLAN, on the interface below it', async t => {
    const { server, sender } = await link(t);
    const tapped = await Tapped.start(server, 'down1', { targets: [elsewhere] });
    for (const packet of packets(elsewhere)) await sender.frame('uplink', frame(packet, 5));
    const expected = knocks('192.0.2.7', elsewhere);
    assert.deepEqual(await tapped.hears(expected[1]!), expected);
  });

  test('a VLAN', async t => {
    const { server, client, sender } = await link(t);
    try {
      await server.ip('link add link down1 name vlan5 type vlan id 5');
    } catch {
      return t.skip('this kernel makes no VLAN');
    }
    await client.namespace.ip('link add link uplink name vlan5 type vlan id 5');
    await server.ip('address add 10.78.5.1/24 dev vlan5');
    await client.namespace.ip('address add 10.78.5.2/24 dev vlan5');
    await server.ip('link set vlan5 up');
    await client.namespace.ip('link set vlan5 up');
    const tapped = await Tapped.start(server, 'vlan5');
    const expected = knocks('10.78.5.2', '10.78.5.1');
    assert.deepEqual(await knock(tapped, client, sender, '10.78.5.1', expected[1]!), expected);
  });

  test('a tunnel without a link layer', async t => {
    const namespace = await Namespace.create(t, 'tunnel');
    const sender = new Sender(namespace);
    try {
      await sender.tunnel('tun7');
    } catch (error) {
      return t.skip(`no tunnel here: ${(error as Error).message}`);
    }
    await namespace.ip('address add 10.79.0.1/24 dev tun7');
    await namespace.ip('link set tun7 up');
    const tapped = await Tapped.start(namespace, 'tun7');
    assert.equal(tapped.ethernet, false);
    for (const packet of [...packets(elsewhere), ...packets('10.79.0.1')]) await sender.arrive(packet);
    const expected = knocks('192.0.2.7', '10.79.0.1');
    assert.deepEqual(await tapped.hears(expected[1]!), expected);
  });
});

describe('an interface', { skip: notIsolated }, () => {
  test('that is not there is an error that says which there are', async t => {
    const { server } = await link(t);
    const program = server.start(process.execPath, [tapProgram, 'down9']);
    assert.equal((await program.end()).status, 1);
    assert.match(program.stderr, /error: there is no interface "down9"\n.*hint: there are: .*down1.*, any\n/);
  });

  test('cannot be listened on without CAP_NET_RAW', async t => {
    const { server } = await link(t);
    const program = server.start('setpriv', [
      '--bounding-set=-net_raw',
      '--inh-caps=-net_raw',
      process.execPath,
      tapProgram,
      'down1',
    ]);
    assert.equal((await program.end()).status, 1);
    assert.match(program.stderr, /error: cannot listen on down1: .*EPERM\n.*hint: CAP_NET_RAW is missing/);
  });

  test('gets another address, which is heard, and the old one no more', async t => {
    const { server, client } = await link(t);
    // Or an address of the same network goes with the one that was there before.
    await server.configure('ipv4/conf/down1/promote_secondaries', '1');
    await server.ip('address add 10.81.0.1 peer 10.81.0.2 dev down1');
    await server.ip('address add fd81::1 peer fd81::2 dev down1');
    const tapped = await Tapped.start(server, 'down1');
    const isOwn = (address: string) => tapped.addresses.includes(address);
    assert.deepEqual(['10.81.0.1', '10.81.0.2', 'fd81::1', 'fd81::2'].map(isOwn), [true, false, true, false]);
    for (const [added, removed] of [
      ['10.77.1.9', near],
      ['fd77:1::9', near6],
    ] as const) {
      const prefix = added.includes(':') ? 64 : 24;
      await server.ip(`address add ${added}/${prefix} dev down1`);
      await eventually('the new address', () => tapped.addresses.includes(added));
      await server.ip(`address delete ${removed}/${prefix} dev down1`);
      await eventually('the old address is gone', () => !tapped.addresses.includes(removed));
      // Some other machine's now: it still knows where that was.
      await client.tap(removed, [7000]);
      await client.tap(added, [7000]);
      const { length } = await tapped.hears(`tcp ${client[prefix === 64 ? 'ipv6' : 'ipv4']} > ${added} 7000`);
      assert.equal(length, 1);
    }
  });

  test('changes so often that word of it is lost', async t => {
    const { server } = await link(t);
    const tapped = await Tapped.start(server, 'down1');
    tapped.pause();
    const each = Array.from({ length: 1000 }, (_, n) => `10.82.${n >> 8}.${n & 255}/32 dev down1`);
    const lines = each.flatMap(address => [`address add ${address}`, `address delete ${address}`]);
    await server.exec('ip', ['-batch', '-'], {
      input: [...lines, 'address add 10.83.0.1/32 dev down1', ''].join('\n'),
    });
    tapped.resume();
    await eventually('the last address', () => tapped.addresses.includes('10.83.0.1'));
    await server.ip('address delete 10.83.0.1/32 dev down1');
    await eventually('it is gone again', () => !tapped.addresses.includes('10.83.0.1'));
  });

  test('goes down and comes up again, also more than once', async t => {
    const { server, client } = await link(t);
    const tapped = await Tapped.start(server, 'down1');
    for (let round = 0; round < 3; round++) {
      await client.tap(near, [7000]);
      await tapped.hears(`tcp ${far} > ${near} 7000`);
      await server.ip('link set down1 down');
      await tapped.says(/down1 is down or has no address/);
      await server.ip('link set down1 up');
      await tapped.says(/down1 is back: .*10\.77\.1\.1/);
    }
    await client.tap(near, [7000]);
    await tapped.hears(`tcp ${far} > ${near} 7000`);
  });

  test('is down at first', async t => {
    const { server, client } = await link(t);
    await server.ip('link set down1 down');
    const tapped = await Tapped.start(server, 'down1');
    await tapped.says(/down1 is down or has no address/);
    await server.ip('link set down1 up');
    await tapped.says(/is back/);
    await client.tap(near, [7000]);
    await tapped.hears(`tcp ${far} > ${near} 7000`);
  });

  test('goes away, and another of its name comes, also at once', async t => {
    const { server, client } = await link(t);
    const again = async () => {
      await server.ip(`link add down1 type veth peer name uplink netns ${client.namespace.name}`);
      await server.ip(`address add ${near}/24 dev down1`);
      await client.namespace.ip(`address add ${far}/24 dev uplink`);
      await server.ip('link set down1 up');
      await client.namespace.ip('link set uplink up');
    };
    const tapped = await Tapped.start(server, 'down1');
    await server.ip('link delete down1');
    await tapped.says(/down1 is gone/);
    await again();
    await tapped.says(/down1 is back: .*10\.77\.1\.1/);
    await client.tap(near, [7000]);
    await tapped.hears(`tcp ${far} > ${near} 7000`);
    await server.ip('link delete down1');
    await again();
    await tapped.says(/is back/);
    await eventually('it is heard again', async () => {
      await client.tap(near, [7000]);
      return tapped.heard.length > 0;
    });
  });

  test('has no address: a target is heard, also from another of its name', async t => {
    const { server, client, sender } = await link(t);
    const bare = async () => {
      await server.configure('ipv6/conf/down1/disable_ipv6', '1');
      await server.ip('address flush dev down1');
    };
    await bare();
    const tapped = await Tapped.start(server, 'down1', { targets: [elsewhere] });
    await tapped.says(/down1 is down or has no address/);
    const [packet] = packets(elsewhere);
    await sender.frame('uplink', frame(packet));
    await tapped.hears(`tcp 192.0.2.7 > ${elsewhere} 7000`);
    await server.configure('ipv6/conf/default/disable_ipv6', '1');
    await server.ip('link delete down1');
    await tapped.says(/down1 is gone/);
    await server.ip(`link add down1 type veth peer name uplink netns ${client.namespace.name}`);
    await server.ip('link set down1 up');
    await client.namespace.ip('link set uplink up');
    await tapped.says(/down1 is down or has no address/);
    await sender.frame('uplink', frame(packet));
    await tapped.hears(`tcp 192.0.2.7 > ${elsewhere} 7000`);
  });
});

test('hundreds of doors and of destinations: as the kernel runs the filter', {
  skip: notIsolated,
}, async t => {
  const { server, client } = await link(t);
  const every = (first: number) =>
    Array.from({ length: 600 }, (_, n) => ({ first: first + n * 3, last: first + n * 3 }));
  const targets = Array.from({ length: 200 }, (_, n) => [
    `198.51.100.${n}`,
    `2001:db8:${n % 9}::${n}`,
  ]).flat();
  const tcpWanted = [{ ports: every(7000), mask: 0x17, value: 0x02 }];
  const tapped = await Tapped.start(server, 'down1', { tcp: tcpWanted, udp: every(20_000), targets });
  for (const [source, destination] of [
    [far, near],
    [client.ipv6, near6],
  ] as const) {
    await client.tap(destination, [6999, 7000, 7001, 7899, 7900, 8797, 8800]);
    const heard = await tapped.hears(`tcp ${source} > ${destination} 8797`);
    const expected = [7000, 7900, 8797].map(port => `tcp ${source} > ${destination} ${port}`);
    assert.deepEqual(heard, expected);
  }
});

test('what is lost is counted, and reading goes on', { skip: notIsolated }, async t => {
  const { server, client, sender } = await link(t);
  const tapped = await Tapped.start(server, 'down1');
  // The first of all waits for the neighbour's address, and so may be dropped elsewhere.
  await client.tap(near, [7000]);
  await tapped.hears(`tcp ${far} > ${near} 7000`);
  tapped.signal('SIGSTOP');
  const sent = 60_000;
  await sender.datagrams(near, 8000, sent);
  tapped.signal('SIGCONT');
  // A few may be dropped on the way, before they come to the socket.
  const accounted = () => tapped.heard.length + tapped.lost;
  await eventually('all is accounted for', () => accounted() > sent * 0.99, 20_000);
  assert.ok(tapped.lost > 0 && accounted() <= sent, `${tapped.lost} of ${accounted()}`);
  tapped.heard = [];
  await client.tap(near, [7000]);
  await tapped.hears(`tcp ${far} > ${near} 7000`);
});
