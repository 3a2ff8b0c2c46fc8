/**
 * Two namespaces and the link between them: a server and a client for one contender, with a process that measures on
 * either side. Each contender has its own pair, so none sees the packets of another.
 */
import type { Host } from '../test/e2e/harness/host.js';
import { Network } from '../test/e2e/harness/network.js';
import type { Scope } from '../test/e2e/harness/program.js';
import { proberPrefix } from './processors.js';
import { Remote } from './remote.js';

/** The guarded service, and what it is called in firewalls. */
export const doorPort = 22;
/** How long every contender opens it: it has to be shut again before the next knock. */
export const openForMs = 200;

export interface Place {
  readonly server: Host;
  readonly client: Host;
  readonly onServer: Remote;
  readonly onClient: Remote;
  /** On the client too, with a processor of its own: for knocks alone, as what it starts would share that. */
  readonly prober: Remote;
  /** The server's interface to the client. */
  readonly link: string;
}

export async function makePlace(scope: Scope): Promise<Place> {
  const { server, client } = await makeHosts(scope);
  await server.serve(doorPort, 'open');
  const [route] = JSON.parse(await server.namespace.ip(`-json route get ${client.ipv4}`)) as {
    dev: string;
  }[];
  return {
    server,
    client,
    onServer: new Remote(server.namespace),
    onClient: new Remote(client.namespace),
    prober: new Remote(client.namespace, proberPrefix),
    link: route!.dev,
  };
}

async function makeHosts(scope: Scope): Promise<{ server: Host; client: Host }> {
  const network = await Network.create(scope);
  const client = await network.addClient();
  // Answers to spoofed sources would come back to whoever spoofs, and be sent on for ever.
  await client.namespace.configure('ipv4/ip_forward', '0');
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
