/** A server whose table has the rules for datagrams, loaded without a daemon. */
import assert from 'node:assert/strict';
import { Certified, serverAuthority } from './certified.js';
import type { Family } from './host.js';
import { notIsolated } from './isolation.js';
import { Network } from './network.js';
import type { Scope } from './program.js';

export const families: readonly Family[] = ['ipv4', 'ipv6'];
export const headers = { '1.0.0': '61010000', '0.0.1': '61000001' } as const;
export const web = '[[door]]\nname = "web"\nservices = ["tcp/80", "udp/443"]\n';
export const authority = notIsolated === false ? serverAuthority() : undefined;

/** A payload of this length that begins so. */
export function payload(begin: string, length = 600): string {
  return begin.padEnd(2 * length, '5a');
}

export async function scene(scope: Scope, datagram = '', rest = web) {
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
