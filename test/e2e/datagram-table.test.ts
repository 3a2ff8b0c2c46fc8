/** The table's rules for datagrams on the real kernel: what they pick out, and what they leave alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { longestDatagram, shortestDatagram } from '../../src/methods/datagram/format.js';
import { parseAddress } from '../../src/net/address.js';
import { extension, fragment, udpDatagram } from '../net/made.js';
import { answer, ask } from './harness/asking.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Sender } from './harness/sender.js';
import { families, headers, payload, scene } from './harness/shut.js';

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
