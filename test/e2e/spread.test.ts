/** The spread spelling over a real network that loses: what must open does, what must not does not. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { opens, plain, succeeds } from './harness/service.js';

const symbolPorts = 128;

/** Loses what a host sends to some of the 32 positions of a window. */
async function lose(host: Host, basePort: number, positions: readonly number[]): Promise<void> {
  const ranges = positions.map(position => {
    const first = basePort + position * symbolPorts;
    return `${first}-${first + symbolPorts - 1}`;
  });
  await host.namespace.nft(`table inet loss
delete table inet loss
table inet loss {
  chain out {
    type filter hook output priority 0; policy accept
    tcp dport { ${ranges.join(', ')} } drop
  }
}`);
}

const doors = [{ name: 'ssh', command: 1, services: ['tcp/22'], open_for: '1s' }];
const every = Array.from({ length: 32 }, (_, position) => position);

describe('a spread knock', { skip: notIsolated }, () => {
  for (const [name, lost] of [
    ['the first 13', every.slice(0, 13)],
    ['the last 13', every.slice(19)],
    ['13 here and there', every.filter(position => position % 5 < 2 && position < 31)],
  ] as const) {
    test(`opens though ${name} of its SYNs are lost, on either family`, async t => {
      assert.equal(lost.length, 13);
      const { server, client } = await plain(t);
      const daemon = await Daemon.start(t, server, { doors });
      await lose(client, daemon.basePort, lost);
      for (const address of [server.ipv4, server.ipv6]) {
        const knock = daemon.knock(client, ['--wait', '22', '--retries', '0'], { address });
        await succeeds(knock);
      }
    });
  }

  test('opens nothing where 14 are lost, and the next whole one opens', async t => {
    const { server, client } = await plain(t);
    const daemon = await Daemon.start(t, server, { doors });
    await lose(client, daemon.basePort, every.slice(9, 23));
    await succeeds(daemon.knock(client));
    const inVain = daemon.knock(client, ['--wait', '22', '--timeout', '1500ms']);
    assert.equal((await inVain.end()).status, 3, inVain.output);
    await client.namespace.nft('delete table inet loss');
    await succeeds(daemon.knock(client, ['--wait', '22', '--retries', '0']));
  });

  test('knocks again with a fresh time when the first one is lost', async t => {
    const { server, client } = await plain(t);
    const daemon = await Daemon.start(t, server, { doors });
    await lose(client, daemon.basePort, every);
    const knock = daemon.knock(client, ['--wait', '22', '--verbose']);
    await knock.line(/waiting/i);
    await client.namespace.nft('delete table inet loss');
    await succeeds(knock);
  });
});

describe('a change of the spelling', { skip: notIsolated }, () => {
  test('takes hold at once on reload, and leaves what is open', async t => {
    const { network, server, client } = await plain(t);
    const other = await network.addClient();
    const daemon = await Daemon.start(t, server, { spelling: 'ordered' });
    await succeeds(daemon.knock(client, ['--wait', '22']));
    const text = readFileSync(daemon.configFile, 'utf8');
    writeFileSync(daemon.configFile, text.replace('spelling = "ordered"', 'spelling = "spread"'));
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/reloaded/);
    assert.equal(await client.portState(server.ipv4, 22), 'open');
    await succeeds(daemon.knock(other, [], { spelling: 'spread' }));
    await opens(other, server);
  });
});
