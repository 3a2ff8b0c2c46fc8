/** Hosts that send the same SYNs at the same moments, and how many of them the server's guard lets pass. */
import type { Host } from './host.js';
import { project } from './isolation.js';

const leadNs = 1_500_000_000n;
const gapNs = 40_000;

/** @param lines as harness/numberrace.ts reads them @returns how many SYNs to port 22 came through */
export async function race(server: Host, hosts: readonly Host[], lines: readonly string[]): Promise<number> {
  await server.namespace.nft(
    'table inet count { chain in { type filter hook prerouting priority -140; tcp dport 22 counter; }; }',
  );
  const start = `${process.hrtime.bigint() + leadNs}`;
  await Promise.all(
    hosts.map(({ namespace, ipv4 }) => {
      const program = `${project}/dist/test/e2e/harness/numberrace.js`;
      const argv = [program, ipv4, server.ipv4, '22', start, `${gapNs}`];
      return namespace.exec(process.execPath, argv, { input: lines.join('\n') });
    }),
  );
  const table = await server.namespace.exec('nft', ['list', 'table', 'inet', 'count']);
  return Number(/packets (\d+)/.exec(table)?.[1]);
}
