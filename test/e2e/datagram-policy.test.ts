/** A policy on the real kernel: what becomes of the ports of no door, and what it leaves alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answer, ask } from './harness/asking.js';
import { Certified } from './harness/certified.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { authority, families, headers, payload, scene, web } from './harness/shut.js';

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
