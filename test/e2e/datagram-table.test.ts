/** The table's rules for datagrams on the real kernel: what they pick out, what a policy shuts, and what both leave alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { longestDatagram, shortestDatagram } from '../../src/methods/datagram/format.js';
import { parseAddress } from '../../src/net/address.js';
import { extension, fragment, udpDatagram } from '../net/made.js';
import { answer, ask } from './harness/asking.js';
import { Certified, serverAuthority } from './harness/certified.js';
import { eventually } from './harness/eventually.js';
import type { Family, Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Scope } from './harness/program.js';
import { Sender } from './harness/sender.js';

const families: readonly Family[] = ['ipv4', 'ipv6'];
const headers = { '1.0.0': '61010000', '0.0.1': '61000001' } as const;
const web = '[[door]]\nname = "web"\nservices = ["tcp/80", "udp/443"]\n';
const authority = notIsolated === false ? serverAuthority() : undefined;

/** A payload of this length that begins so. */
function payload(begin: string, length = 600): string {
  return begin.padEnd(2 * length, '5a');
}

async function scene(scope: Scope, datagram = '', rest = web) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  const { server } = network;
  // By default the kernel refuses six times, then once a second.
  await server.namespace.configure('ipv4/icmp_ratelimit', '0');
  await server.namespace.configure('ipv6/icmp/ratelimit', '0');
  const daemon = new Certified(scope, server, datagram, rest, authority);
  const install = async () => {
    const program = daemon.command(['firewall', 'install']);
    assert.equal((await program.end()).status, 0, program.output);
  };
  await install();
  return { network, client, server, daemon, install };
}

/** Packets that a rule of a chain has met. */
async function counted(server: Host, chain: string, rule: RegExp): Promise<number> {
  const text = await server.namespace.exec('nft', ['list', 'chain', 'inet', 'portknock', chain]);
  const line = text.split('\n').find(found => rule.test(found)) ?? assert.fail(text);
  return Number(/counter packets (\d+)/.exec(line)?.[1]);
}

const logged = (server: Host) => counted(server, 'datagram', /log prefix "datagram"/);
/** How many are kept away from the daemon. */
const limited = (server: Host, set: string) => counted(server, 'datagram', new RegExp(`add @${set} `));

describe('the rules for datagrams', { skip: notIsolated }, () => {
  test('pick out both versions to any port, over both families, and answer nothing', async t => {
    const { client, server } = await scene(t);
    await answer(server, 5353);
    for (const family of families) {
      const address = server[family];
      const before = await logged(server);
      const met = [];
      for (const hex of Object.values(headers)) {
        met.push(await ask(client, { address, port: 9, hex: payload(hex) }));
        met.push(await ask(client, { address, port: 5353, hex: payload(hex, shortestDatagram) }));
        met.push(await ask(client, { address, port: 443, hex: payload(hex, longestDatagram) }));
      }
      assert.deepEqual(new Set(met), new Set(['silent']), family);
      assert.equal((await logged(server)) - before, 6, family);
    }
  });

  test('leave alone what is none', async t => {
    const { client, server } = await scene(t);
    await answer(server, 5353);
    for (const family of families) {
      const address = server[family];
      for (const hex of [
        payload('61010001'),
        payload('61000000'),
        payload('60010000'),
        payload('5a61010000'),
        payload(headers['1.0.0'], shortestDatagram - 1),
        payload(headers['0.0.1'], longestDatagram + 1),
        '61010000',
      ]) {
        assert.equal(await ask(client, { address, port: 5353, hex }), 'answered', hex.slice(0, 12));
      }
      assert.equal(await ask(client, { address, port: 9, hex: payload('00') }), 'refused');
    }
    assert.equal(await logged(server), 0);
  });

  test('see through extension headers, and past none that is a fragment', async t => {
    const { client, server } = await scene(t);
    const [, mac = ''] = /link\/ether (\S+)/.exec(await server.namespace.ip('link show down1')) ?? [];
    const sender = new Sender(client.namespace);
    const send = (next: number, ...parts: Buffer[]) =>
      sender.frame('uplink', ipv6Frame(mac, client.ipv6, server.ipv6, next, Buffer.concat(parts)));
    const candidate = udpDatagram(4711, 9, payload(headers['1.0.0']));
    const arrives = async (count: number) =>
      eventually(`${count} logged`, async () => (await logged(server)) === count);
    await send(17, candidate);
    await arrives(1);
    // Hop-by-hop options, destination options, and both.
    await send(0, extension(17, 0).fill(0, 2).fill(1, 2, 3).fill(4, 3, 4), candidate);
    await arrives(2);
    await send(60, extension(17, 1).fill(0, 2).fill(1, 2, 3).fill(12, 3, 4), candidate);
    await arrives(3);
    const [first, second] = [candidate.subarray(0, 320), candidate.subarray(320)];
    await send(44, fragment(17, 0, true), first);
    await send(44, fragment(17, 40, false), second);
    await arrives(4);
  });

  test('see fragments as the whole that they make', async t => {
    const { client, server } = await scene(t);
    for (const family of families) {
      const before = await logged(server);
      const hex = payload(headers['1.0.0'], 4000);
      assert.equal(await ask(client, { address: server[family], port: 9, hex }), 'silent');
      assert.equal((await logged(server)) - before, 1, family);
    }
  });

  test('keep away a source that sends too many, and nobody beside it', async t => {
    const { network, client, server } = await scene(t);
    const other = await network.addClient();
    for (const [family, set] of [
      ['ipv4', 'datagrams4'],
      ['ipv6', 'datagrams6'],
    ] as const) {
      const before = await logged(server);
      const asked = { address: server[family], port: 9, hex: payload(headers['1.0.0']) };
      await ask(client, { ...asked, count: 1000 });
      const [passed, kept] = [(await logged(server)) - before, await limited(server, set)];
      assert.equal(passed + kept, 1000, family);
      assert.ok(passed >= 200 && kept >= 200, `${passed} passed, ${kept} did not`);
      await ask(other, asked);
      assert.equal((await logged(server)) - before - passed, 1);
    }
  });

  test('count all addresses of an IPv6 network as one source', async t => {
    const { client, server } = await scene(t);
    await client.namespace.ip('address add fd77:1::abcd/64 dev uplink nodad');
    await client.namespace.ip('address add fd77:1::dcba/64 dev uplink nodad');
    await client.namespace.ip('-6 route change default via fd77:1::1 src fd77:1::abcd');
    const asked = { address: server.ipv6, port: 9, hex: payload(headers['1.0.0']), count: 600 };
    await ask(client, asked);
    await client.namespace.ip('-6 route change default via fd77:1::1 src fd77:1::dcba');
    const before = await limited(server, 'datagrams6');
    await ask(client, asked);
    assert.ok((await limited(server, 'datagrams6')) - before >= 300);
    const elements = await server.namespace.exec('nft', ['list', 'set', 'inet', 'portknock', 'datagrams6']);
    assert.match(elements, /elements = \{ fd77:1:: [^,]*\}/);
  });

  test('hear nothing of loopback and of what is only passing through', async t => {
    const { network, client, server } = await scene(t);
    const inner = await network.addInnerHost();
    await answer(inner, 9);
    const hex = payload(headers['1.0.0']);
    assert.equal(await ask(client, { address: inner.ipv4, port: 9, hex }), 'answered');
    await answer(server, 9);
    assert.equal(await ask(server, { address: server.ipv4, port: 9, hex }), 'answered');
    assert.equal(await logged(server), 0);
  });
});

/** An Ethernet frame with an IPv6 packet. */
function ipv6Frame(mac: string, from: string, to: string, next: number, data: Buffer): Buffer {
  const header = Buffer.alloc(54);
  header.set(mac.split(':').map(byte => Number.parseInt(byte, 16)));
  header.writeUInt16BE(0x86dd, 12);
  header[14] = 0x60;
  header.writeUInt16BE(data.length, 18);
  header[20] = next;
  header[21] = 64;
  header.set(parseAddress(from)!, 22);
  header.set(parseAddress(to)!, 38);
  return Buffer.concat([header, data]);
}

const refusal = { none: 'refused', reject: 'refused', drop: 'silent' } as const;

describe('a policy', { skip: notIsolated }, () => {
  for (const policy of ['none', 'reject', 'drop'] as const) {
    for (const family of families) {
      test(`${policy}: what becomes of doors and of other ports, over ${family}`, async t => {
        const { client, server } = await scene(t, `policy = "${policy}"`);
        const address = server[family];
        for (const port of [22, 80, 8080]) await server.serve(port, 'hello');
        for (const port of [443, 8443]) await answer(server, port);
        const tcp = (port: number) => client.portState(address, port);
        const udp = (port: number) => ask(client, { address, port, hex: '00' });
        const others = policy === 'none' ? 'open' : refusal[policy];
        assert.deepEqual(
          [await tcp(80), await udp(443), await tcp(8080), await udp(8443), await tcp(9), await udp(9)],
          [
            ...(policy === 'reject' ? ['refused', 'refused'] : ['silent', 'silent']),
            ...[others, policy === 'none' ? 'answered' : refusal[policy]],
            ...[refusal[policy], refusal[policy]],
          ],
        );
        assert.equal(await tcp(22), 'open', 'ssh stays open as a precaution');
        await client.namespace.ip('neigh flush all');
        assert.equal(await tcp(22), 'open', 'neighbours are found again');
        assert.equal(await server.portState('127.0.0.1', 8080), 'open', 'loopback');
        const protocol = family === 'ipv4' ? 'open4' : 'open6';
        await server.namespace.nft(
          `add element inet portknock ${protocol} { ${client[family]} . tcp . 80, ${client[family]} . udp . 443 }`,
        );
        assert.deepEqual([await tcp(80), await udp(443)], ['open', 'answered'], 'a door that is open');
        if (policy === 'none') return;
        await server.namespace.nft(
          `add element inet portknock ${protocol} { ${client[family]} . tcp . 8080, ${client[family]} . udp . 8443 }`,
        );
        assert.deepEqual(
          [await tcp(8080), await udp(8443)],
          ['open', 'answered'],
          'a port of no door that is open',
        );
        assert.equal(await tcp(9), 'refused' === refusal[policy] ? 'refused' : 'silent');
      });
    }
  }

  test('guards tcp/22 where a door has it', async t => {
    const ssh = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\n';
    const { client, server } = await scene(t, 'policy = "drop"', ssh);
    await server.serve(22, 'hello');
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('lets in whoever is always allowed', async t => {
    const allowed = '[guard]\nalways_allow = ["10.77.1.0/24", "fd77:1::/64"]\n';
    const { network, client, server } = await scene(t, 'policy = "drop"', allowed + web);
    const other = await network.addClient();
    await server.serve(8080, 'hello');
    for (const family of families) {
      assert.equal(await client.portState(server[family], 8080), 'open');
      assert.equal(await other.portState(server[family], 8080), 'silent');
    }
  });

  test('leaves alone what goes out, what is forwarded, and what was translated', async t => {
    const { network, client, server } = await scene(t, 'policy = "drop"');
    const inner = await network.addInnerHost();
    await inner.serve(8080, 'inner');
    await answer(inner, 53);
    await network.forward(2080, inner, 8080);
    await server.serve(8080, 'redirected');
    await server.namespace.nft(
      'table inet translated { chain in { type nat hook prerouting priority dstnat; tcp dport 3080 redirect to :8080; }; }',
    );
    for (const family of families) {
      assert.equal(await client.greeting(inner[family], 8080), 'inner', 'forwarded');
      assert.equal(await client.greeting(server[family], 2080), 'inner', 'translated to another host');
      assert.equal(await client.greeting(server[family], 3080), 'redirected', 'translated to another port');
      assert.equal(await client.portState(server[family], 8080), 'silent');
      assert.equal(await server.greeting(inner[family], 8080), 'inner', 'from here');
      assert.equal(
        await ask(server, { address: inner[family], port: 53, hex: '00' }),
        'answered',
        'from here',
      );
    }
  });

  test('lets in answers of DHCP servers', async t => {
    const { client, server } = await scene(t, 'policy = "drop"');
    await answer(server, 68);
    await answer(server, 546);
    const from = (port: number, sourcePort: number, address: string) =>
      ask(client, { address, port, hex: '00', sourcePort });
    assert.equal(await from(68, 67, server.ipv4), 'answered');
    assert.equal(await from(68, 66, server.ipv4), 'silent');
    assert.equal(await from(546, 547, server.ipv6), 'silent', 'not from a link-local address');
    const [, local = ''] =
      /inet6 (fe80::\S+)\//.exec(await server.namespace.ip('-6 address show down1')) ?? [];
    assert.equal(await from(546, 547, `${local}%uplink`), 'answered');
  });

  test('lets connections go on that were there before, from there and from here, and nobody new', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const { server } = network;
    const daemon = new Certified(t, server, '', web, authority);
    const echo = (host: Host, port: number) => {
      const program = `require('net').createServer(s => s.on('error', () => {}).pipe(s)).listen(${port}, () => console.log('on'))`;
      return host.namespace.start(process.execPath, ['-e', program]).line(/on/);
    };
    await echo(server, 8080);
    await echo(client, 8081);
    const talk = async (host: Host, address: string, port: number) => {
      const program = `const s = require('net').connect(${port}, '${address}', () => s.write('hello '));
        s.on('data', d => console.log(String(d))); process.stdin.on('data', d => s.write(d));`;
      const talking = host.namespace.start(process.execPath, ['-e', program]);
      await talking.line(/hello/);
      return talking;
    };
    const connections = [
      await talk(client, server.ipv4, 8080),
      await talk(client, server.ipv6, 8080),
      await talk(server, client.ipv4, 8081),
    ];
    const goOn = async (word: string) => {
      for (const connection of connections) {
        connection.write(word);
        await connection.line(new RegExp(word));
      }
    };
    daemon.configure('policy = "drop"', web);
    await daemon.command(['firewall', 'install']).end();
    await goOn('first');
    assert.equal(await client.portState(server.ipv4, 8080), 'silent');
    await server.namespace.exec('nft', ['delete', 'table', 'inet', 'portknock']);
    daemon.configure('', web);
    await daemon.command(['firewall', 'install']).end();
    connections.push(await talk(client, server.ipv4, 8080));
    daemon.configure('policy = "drop"', web);
    await daemon.command(['firewall', 'install']).end();
    await goOn('second');
    assert.equal(await client.portState(server.ipv4, 8080), 'silent');
  });

  test('is kept by the daemon: reloaded, shown, and put back', async t => {
    const { client, server, daemon } = await scene(t);
    await server.serve(8080, 'hello');
    await daemon.run();
    const state = () => client.portState(server.ipv4, 8080);
    assert.equal(await state(), 'open');
    daemon.configure('policy = "drop"', web);
    await daemon.reload();
    assert.equal(await state(), 'silent');
    const shown = await daemon
      .command(['firewall', 'show'])
      .end()
      .then(() => undefined);
    assert.equal(shown, undefined);
    daemon.program?.forget();
    await server.namespace.nft('flush chain inet portknock others');
    await daemon.program?.line(/putting it back/);
    await eventually('shut again', async () => (await state()) === 'silent');
    daemon.program?.forget();
    await server.namespace.nft('flush ruleset');
    await daemon.program?.line(/putting it back/);
    await eventually('shut again', async () => (await state()) === 'silent');
    daemon.program?.forget();
    const hex = payload(headers['1.0.0']);
    await ask(client, { address: server.ipv4, port: 9, hex, count: 300 });
    daemon.configure('policy = "reject"', web);
    await daemon.reload();
    assert.equal(await state(), 'refused');
    daemon.configure('', web);
    await daemon.reload();
    assert.equal(await state(), 'open');
    assert.doesNotMatch(daemon.program!.output, /putting it back/, 'what sets gather is no change');
  });
});
