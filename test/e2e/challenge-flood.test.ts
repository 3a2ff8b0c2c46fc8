/** A flood of hellos: others get in, nothing grows, and less is sent than was received. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type ReadChallenge, readChallenge } from '../../src/methods/challenge/compose.js';
import { Asker, hello, respond } from './harness/asker.js';
import { Challenged, port } from './harness/challenged.js';
import { eventually } from './harness/eventually.js';
import type { Flood } from './harness/helloflood.js';
import { notIsolated, project } from './harness/isolation.js';
import type { Namespace } from './harness/namespace.js';

const program = `${project}/dist/test/e2e/harness/helloflood.js`;
const exchanges = 100;
const perSecond = 20_000;
/** As the client does it. */
const helloWaitsMs = [1000, 1000, 2000, 2000];
const responseTries = 3;

/** The kernel's own word that nobody is there is as long as what it answers; here nobody gets it. */
const dropping = `table inet host {
  chain input { type filter hook input priority filter; policy drop;
    ct state established,related accept; iif lo accept; }
}`;

/** Bytes at all links of a machine. */
async function traffic(namespace: Namespace): Promise<{ received: number; sent: number }> {
  interface Link {
    readonly ifname?: string;
    readonly stats64?: { readonly rx: { readonly bytes: number }; readonly tx: { readonly bytes: number } };
  }
  const links = JSON.parse(await namespace.ip('-json -stats link show')) as Link[];
  const down = links.flatMap(({ ifname = '', stats64 }) =>
    ifname.startsWith('down') ? (stats64 ?? []) : [],
  );
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return { received: sum(down.map(({ rx }) => rx.bytes)), sent: sum(down.map(({ tx }) => tx.bytes)) };
}

async function memoryOf(site: Challenged): Promise<number> {
  const status = site.daemon.command(['status', '--json']);
  await status.end();
  const { listener_pid: pid } = JSON.parse(status.stdout) as { listener_pid: number };
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** One exchange with the tries of a client, until its door opens. @returns whether it has seen that in time */
async function getIn(site: Challenged, asker: Asker): Promise<boolean> {
  const challenge = await getChallenge(site, asker);
  if (challenge === undefined) return false;
  const response = respond(challenge, site.signer);
  const before = site.said(/opened ssh/);
  for (let tries = 0; tries < responseTries; tries++) {
    await asker.send(site.server.ipv4, port, response, 0);
    const opened = eventually('opened', () => site.said(/opened ssh/) > before, 1000);
    if (await opened.catch(() => false)) return true;
  }
  return false;
}

/** An answer may come late, when it has been asked for again. */
async function getChallenge(site: Challenged, asker: Asker): Promise<ReadChallenge | undefined> {
  const to = site.door();
  const hellos: ReturnType<typeof hello>[] = [];
  for (const waitMs of helloWaitsMs) {
    hellos.push(hello(to.site, to.door));
    const answers = await asker.send(to.address, port, hellos.at(-1)!.payload, waitMs);
    for (const { hex } of answers) {
      const [challenge] = hellos.flatMap(({ asked }) => readChallenge(asked, Buffer.from(hex, 'hex')) ?? []);
      if (challenge !== undefined) return challenge;
    }
  }
  return undefined;
}

describe('20,000 hellos a second', { skip: notIsolated }, () => {
  for (const [from, sources, seconds, leastHeard] of [
    // The kernel lets by so few of them that they differ from no flood at all.
    ['one source', 1, 3, 300],
    ['250 sources', 250, 8, 40_000],
  ] as const) {
    test(`from ${from}: others get in, memory stays, no more is sent than received`, async t => {
      const site = await Challenged.start(t);
      const asker = new Asker(await site.network.addClient());
      const { hello: heard } = await site.ask();
      await site.server.namespace.nft(dropping);
      assert.equal(await getIn(site, asker), true);
      const start = async (seconds: number) => {
        const flood: Flood = {
          ...{ source: site.client.ipv4, destination: site.server.ipv4, port },
          ...{ hex: Buffer.from(heard).toString('hex'), perSecond, seconds, sources },
        };
        const flooding = site.client.namespace.start(process.execPath, [program, JSON.stringify(flood)]);
        await flooding.line(/flooding/);
        return flooding;
      };
      const warm = await start(1);
      await warm.end(20_000);
      const [memory, bytes] = [await memoryOf(site), await traffic(site.server.namespace)];
      const flooding = await start(seconds);
      for (let count = 0; count < exchanges; count++) await getIn(site, asker);
      await flooding.end(30_000);
      const opened = site.said(/opened ssh/) - 1;
      const [counters, after] = [await site.counters(), await traffic(site.server.namespace)];
      const grown = (await memoryOf(site)) - memory;
      const told = JSON.stringify({ opened, grown, bytes, after, counters });
      assert.ok(opened >= 0.99 * exchanges, told);
      assert.ok(counters['hellos']! >= leastHeard, told);
      assert.ok(grown < 32, told);
      assert.ok(after.sent - bytes.sent <= after.received - bytes.received, told);
      // Of what flooded none was answered: one for each hello of the others.
      assert.ok(counters['challenges sent']! <= 1 + 1 + helloWaitsMs.length * exchanges, told);
    });
  }
});
