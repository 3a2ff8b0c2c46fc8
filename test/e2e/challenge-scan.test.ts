/** What is to be seen of challenges from outside: nothing, whatever is sent to which port. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import { Asker, hello } from './harness/asker.js';
import { Challenged, port } from './harness/challenged.js';
import { notIsolated, project } from './harness/isolation.js';
import type { Scope } from './harness/program.js';
import type { Scan, Seen } from './harness/udpscanner.js';

const scanner = `${project}/dist/test/e2e/harness/udpscanner.js`;
/** One that a program listens at, so that the scanner is known to see. */
const served = 54_330;
const others = [1, 53, 123, port - 2, port - 1, port + 1, port + 2, 61_000];

/** Answers whatever comes. */
const service = (address: string) =>
  `require('node:dgram').createSocket('${isIPv6(address) ? 'udp6' : 'udp4'}', function (b, from) {
  this.send('here', from.port, from.address);
}).bind(${served}, '${address}', () => console.log('up'))`;

const dropping = `table inet host {
  chain input { type filter hook input priority filter; policy drop;
    ct state established,related accept; iif lo accept; udp dport ${served} accept;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }
}`;

/** A server whose kernel answers as often as it is asked; one hello of its client's has been heard. */
async function start(scope: Scope, rules?: string) {
  const site = await Challenged.start(scope);
  const { namespace } = site.server;
  await namespace.configure('ipv4/icmp_ratemask', '0');
  await namespace.configure('ipv6/icmp/ratelimit', '0');
  if (rules !== undefined) await namespace.nft(rules);
  for (const address of [site.server.ipv4, site.server.ipv6])
    await namespace.start(process.execPath, ['-e', service(address)]).line(/up/);
  const { hello: heard } = await site.ask();
  return { site, heard };
}

function payloads(heard: Uint8Array): string[] {
  const lengths = [0, 1, 127, 128, 128, 129, 181, 182, 300, 1000, 1232, 1233, 1400];
  const stranger = hello({ siteKey: randomBytes(32) }, 'ssh').payload;
  const open = hello({ name: 'gate' }, 'ssh').payload;
  const shaped = [stranger, open, heard, heard.subarray(0, 127), Buffer.concat([heard, Buffer.of(0)])];
  return [...lengths.map(length => randomBytes(length)), ...shaped].map(bytes =>
    Buffer.from(bytes).toString('hex'),
  );
}

describe('a scan of UDP ports', { skip: notIsolated }, () => {
  for (const [machine, rules, expected] of [
    ['answers that nobody is there', undefined, 'ECONNREFUSED'],
    ['drops what it does not serve', dropping, 'nothing'],
  ] as const) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      test(`sees no difference where a machine ${machine}, over ${family}`, async t => {
        const { site, heard } = await start(t, rules);
        const scanned = await site.network.addClient();
        const scan: Scan = {
          address: site.server[family],
          ports: [port, served, ...others],
          payloads: payloads(heard),
          served,
          waitMs: 30,
        };
        const before = (await site.counters())['hellos']!;
        const text = await scanned.namespace.exec(process.execPath, [scanner, JSON.stringify(scan)]);
        const seen = JSON.parse(text) as Seen;
        assert.deepEqual(new Set(seen[served]), new Set(['answer of 4']), 'it sees what there is');
        assert.deepEqual(
          seen[port],
          scan.payloads.map(() => expected),
        );
        for (const other of others) assert.deepEqual(seen[other], seen[port], `as at udp/${other}`);
        assert.equal((await site.counters())['hellos']! - before, 5, 'they were heard all the same');
        assert.equal(await site.isAnswered(new Asker(scanned), site.door(site.server[family])), true);
      });
    }
  }
});
