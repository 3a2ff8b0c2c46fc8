/** What a scanner sees of a machine that drops what it does not serve: nothing, whether the daemon listens or not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import { notIsolated, project } from './harness/isolation.js';
import { Network } from './harness/network.js';

/** The administrator's own firewall: established connections, and nothing else but what portknock lets through. */
const hostFirewall = `table inet host {
  chain input { type filter hook input priority filter; policy drop;
    ct state established,related accept; iif lo accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;
    tcp dport 22 accept; }
}`;

describe('a scan of all 65,536 ports', { skip: notIsolated }, () => {
  for (const flags of ['syn', 'ack', 'fin'] as const) {
    test(`with ${flags} packets gets no answer, with and without the daemon`, async t => {
      const network = await Network.create(t);
      const { server } = network;
      const client = await network.addClient();
      await server.serve(22, 'hello');
      const scan = () =>
        client.namespace.exec(process.execPath, [
          `${project}/dist/test/e2e/harness/scanner.js`,
          client.ipv4,
          server.ipv4,
          flags,
        ]);
      const before = JSON.parse(await scan()) as { sent: number; answers: string[] };
      // So that the scanner is known to see: an open port and closed ones answer.
      assert(before.answers.length > 1000, `${before.answers.length} answers`);
      await server.namespace.nft(hostFirewall);
      const daemon = await Daemon.start(t, server);
      const listening = JSON.parse(await scan()) as typeof before;
      assert.equal(listening.sent, 65_536);
      assert.deepEqual(listening.answers, []);
      await daemon.program?.stop();
      assert.deepEqual(JSON.parse(await scan()), listening);
    });
  }

  test('the window and the guarded port drop every kind of packet even where closed ports answer', async t => {
    const network = await Network.create(t);
    const { server } = network;
    const client = await network.addClient();
    await server.serve(22, 'hello');
    await Daemon.start(t, server);
    for (const flags of ['syn', 'ack', 'fin', 'rst', 'null']) {
      const text = await client.namespace.exec(process.execPath, [
        `${project}/dist/test/e2e/harness/scanner.js`,
        client.ipv4,
        server.ipv4,
        flags,
      ]);
      const { answers } = JSON.parse(text) as { answers: string[] };
      const ports = answers.map(answer => Number(answer.split(' ')[0]));
      const shown = ports.filter(port => port === 22 || (port >= 40_000 && port < 40_256));
      assert.deepEqual(shown, [], flags);
    }
  });
});
