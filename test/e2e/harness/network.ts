/**
 * Networks of a test: a server; clients that each reach it over a link of their own; clients behind a router that
 * hides them; and hosts behind the server, to which it forwards ports.
 *
 * Every machine has IPv4 and IPv6 addresses that work at once. The server answers at one address of each family,
 * whichever link a client is on.
 */
import { Host } from './host.js';
import { Namespace } from './namespace.js';
import type { Scope } from './program.js';

/** The addresses of one link: its near end is at `.1`, its far end at `.2`. */
interface Link {
  readonly number: number;
  readonly ipv4: string;
  readonly ipv6: string;
}

export class Network {
  readonly server: Host;
  readonly #scope: Scope;
  #links = 0;

  private constructor(scope: Scope, server: Host) {
    this.#scope = scope;
    this.server = server;
  }

  static async create(scope: Scope): Promise<Network> {
    const namespace = await Namespace.create(scope, 'server');
    const server = new Host(namespace, '10.77.0.1', 'fd77::1');
    await namespace.ip(`address add ${server.ipv4}/32 dev lo`);
    await namespace.ip(`address add ${server.ipv6}/128 dev lo nodad`);
    await forwardPackets(namespace);
    return new Network(scope, server);
  }

  /** A client on a link of its own to the server. */
  async addClient(): Promise<Host> {
    return this.#addHost('client', this.server.namespace);
  }

  /** A client whose packets reach the server from the addresses of `router`, which hides it. */
  async addClientBehindRouter(): Promise<{ readonly client: Host; readonly router: Host }> {
    const router = await this.#addHost('router', this.server.namespace);
    await forwardPackets(router.namespace);
    const client = await this.#addHost('client', router.namespace);
    await router.namespace.nft(
      `table inet hide { chain out { type nat hook postrouting priority srcnat; oifname "uplink" masquerade; }; }`,
    );
    return { client, router };
  }

  /** A host behind the server that the others do not know the way to. */
  async addInnerHost(): Promise<Host> {
    return this.#addHost('inner', this.server.namespace);
  }

  /** Has the server forward one of its TCP ports to a port of an inner host, as for a published container. */
  async forward(port: number, inner: Host, innerPort: number): Promise<void> {
    await this.server.namespace.nft(`table inet forward_${port} {
      chain in {
        type nat hook prerouting priority dstnat;
        ip daddr ${this.server.ipv4} tcp dport ${port} dnat ip to ${inner.ipv4}:${innerPort}
        ip6 daddr ${this.server.ipv6} tcp dport ${port} dnat ip6 to [${inner.ipv6}]:${innerPort}
      }
    }`);
  }

  async #addHost(role: string, near: Namespace): Promise<Host> {
    this.#links += 1;
    const link = { number: this.#links, ipv4: `10.77.${this.#links}`, ipv6: `fd77:${this.#links}:` };
    const namespace = await Namespace.create(this.#scope, role);
    await join(near, namespace, link);
    return new Host(namespace, `${link.ipv4}.2`, `${link.ipv6}:2`);
  }
}

/** Joins two namespaces; the far one's interface is `uplink`, and its way to everywhere leads through the near one. */
async function join(near: Namespace, far: Namespace, link: Link): Promise<void> {
  const down = `down${link.number}`;
  await near.ip(`link add ${down} type veth peer name uplink netns ${far.name}`);
  await near.ip(`address add ${link.ipv4}.1/24 dev ${down}`);
  await near.ip(`address add ${link.ipv6}:1/64 dev ${down} nodad`);
  await far.ip(`address add ${link.ipv4}.2/24 dev uplink`);
  await far.ip(`address add ${link.ipv6}:2/64 dev uplink nodad`);
  await near.ip(`link set ${down} up`);
  await far.ip('link set uplink up');
  await far.ip(`route add default via ${link.ipv4}.1`);
  await far.ip(`-6 route add default via ${link.ipv6}:1`);
}

async function forwardPackets(namespace: Namespace): Promise<void> {
  await namespace.configure('ipv4/ip_forward', '1');
  await namespace.configure('ipv6/conf/all/forwarding', '1');
}
