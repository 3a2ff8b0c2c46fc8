/**
 * Two namespaces and the link between them: a server and a client for one contender, with processes that measure on
 * either side. Each contender has its own pair, so none sees the packets of another.
 */
import type { Host } from '../test/e2e/harness/host.js';
import { Network } from '../test/e2e/harness/network.js';
import type { Scope } from '../test/e2e/harness/program.js';
import { proberPrefix } from './processors.js';
import { Remote } from './remote.js';

/** The guarded service, and what it is called in firewalls. */
export const doorPort = 22;
/** How long every contender that can opens it: it has to be shut again before the next knock from one address. */
export const openForMs = 100;
/** All of it is the client's: a knock from an address that no daemon has heard before is one from a fresh client. */
const freshNetwork = '10.78.0.0/16';

export interface Place {
  readonly server: Host;
  readonly client: Host;
  readonly onServer: Remote;
  readonly onClient: Remote;
  /** On the client too, with the processor that daemons do not run on. */
  readonly prober: Remote;
  /** The server's interface to the client. */
  readonly link: string;
  /** An address of the client's that has not been asked for before. */
  freshSource(): string;
}

export async function makePlace(scope: Scope): Promise<Place> {
  const { server, client } = await makeHosts(scope);
  await server.serve(doorPort, 'open');
  const [route] = JSON.parse(await server.namespace.ip(`-json route get ${client.ipv4}`)) as {
    dev: string;
  }[];
  let used = 0;
  return {
    server,
    client,
    onServer: new Remote(server.namespace),
    onClient: new Remote(client.namespace),
    prober: new Remote(client.namespace, proberPrefix),
    link: route!.dev,
    freshSource: () => freshAddress(++used),
  };
}

/** @param index from 1; after 65534 the first comes again */
function freshAddress(index: number): string {
  const host = 1 + ((index - 1) % 65534);
  return `10.78.${host >>> 8}.${host & 255}`;
}

async function makeHosts(scope: Scope): Promise<{ server: Host; client: Host }> {
  const network = await Network.create(scope);
  const client = await network.addClient();
  // Answers to spoofed sources would come back to whoever spoofs, and be sent on for ever.
  await client.namespace.configure('ipv4/ip_forward', '0');
  await client.namespace.ip(`route add local ${freshNetwork} dev lo`);
  await network.server.namespace.ip(`route add ${freshNetwork} via ${client.ipv4}`);
  return { server: network.server, client };
}

/** What every contender but ours gets as its firewall: our own table's shape, with a set for whoever may pass. */
export function guardChain(): string {
  return `chain guard {
    type filter hook prerouting priority mangle; policy accept
    ct state established,related accept
    iif lo accept
    tcp dport ${doorPort} ip saddr @open accept
    tcp dport ${doorPort} counter drop
  }`;
}
