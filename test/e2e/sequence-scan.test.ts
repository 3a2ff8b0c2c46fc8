/** Who scans ports opens nothing, who knocks and visits a few other ports does, and nobody sees where to knock. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing, project } from './harness/isolation.js';
import { fromInterface, near, Sequenced, usual, usualDoor } from './harness/sequenced.js';

const skip = missing('/usr/bin/knock');
const upwards = (first: number) => [`${first}/tcp`, `${first + 1}/tcp`, `${first + 2}/tcp`];

for (const [place, capture] of Object.entries({ nflog: { from: 'nflog' }, 'an interface': fromInterface })) {
  describe(`the scan guard, heard from ${place}`, { skip, concurrency: 4 }, () => {
    test('keeps a scan of all ports from opening; without it the scan opens', async t => {
      const guarded = { name: 'guarded', sequence: upwards(7005), services: ['tcp/22'] };
      const bare = { name: 'bare', sequence: upwards(7105), scan_guard: false, services: ['tcp/80'] };
      const s = await Sequenced.start(t, { capture }, guarded, bare);
      const scanner = `${project}/dist/test/e2e/harness/scanner.js`;
      await s.client.namespace.exec(process.execPath, [scanner, s.client.ipv4, near.ipv4, 'syn']);
      await s.program.line(/warning: refused: scan: somebody from 10\.77\.1\.2 for guarded: .*scan_guard/);
      await s.program.line(/opened bare for a sequence from 10\.77\.1\.2/);
      await s.fence();
      assert.doesNotMatch(s.log, /opened guarded/);
      await s.shuts();
      const { last_knocks: knocks } = await s.status();
      assert(knocks.some(({ outcome, door }) => outcome === 'scan' && door === 'guarded'));
    });

    test('lets in who visits two other ports meanwhile, and not who visits five', async t => {
      const s = await Sequenced.start(t, { capture });
      await s.client.tap(near.ipv4, [80, 443, 80, 443]);
      await s.knock([7000, '8000:udp']);
      await s.client.tap(near.ipv4, [80, 443]);
      await s.knock([9000]);
      await s.opens();
      await s.close();
      s.program.forget();
      await s.client.tap(near.ipv4, [80, 443, 25, 143, 110]);
      await s.knock(usual);
      await s.program.line(/refused: scan/);
      await s.stayedShut();
    });
  });
}

test('ports of a sequence answer as before: closed ones, and a service on one of them', { skip }, async t => {
  const s = await Sequenced.start(t, {}, { ...usualDoor, sequence: ['7100/tcp', '7300/tcp', '7200/tcp'] });
  await s.server.serve(7300, 'alive');
  await s.program.stop();
  const look = async () => [
    await s.client.portState(near.ipv4, 7100),
    await s.client.greeting(near.ipv4, 7300),
    await s.client.portState(near.ipv6, 7200),
  ];
  assert.deepEqual(await look(), ['refused', 'alive', 'refused']);
  await s.daemon.run();
  assert.deepEqual(await look(), ['refused', 'alive', 'refused']);
  await s.shuts();
  for (const port of [7200, 7100]) assert.equal(await s.client.portState(near.ipv4, port), 'refused');
  assert.equal(await s.client.greeting(near.ipv4, 7300), 'alive');
  assert.equal(await s.client.portState(near.ipv4, 7200), 'refused');
  await s.opens();
});
