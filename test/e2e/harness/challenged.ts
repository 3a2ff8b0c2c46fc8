/** A server that asks for signatures at a port, a client with an SSH key, and what passes between them. */
import { type KnownSite, readChallenge } from '../../../src/methods/challenge/compose.js';
import { Asker, ask, type Door, hello, SshSigner } from './asker.js';
import { Daemon, type DaemonSettings, type NamedSettings, type Settings } from './daemon.js';
import { eventually } from './eventually.js';
import type { Host } from './host.js';
import type { Network } from './network.js';
import type { Program, Scope } from './program.js';
import { plain } from './service.js';

export const port = 54_321;
const ssh = { name: 'ssh', services: ['tcp/22'], open_for: '1s' };

export interface Wish {
  readonly challenge?: Settings;
  readonly doors?: readonly NamedSettings[];
  readonly more?: DaemonSettings;
  /** Of portknockd. */
  readonly path?: string;
}

export class Challenged {
  readonly network: Network;
  readonly server: Host;
  readonly client: Host;
  readonly daemon: Daemon;
  readonly signer = new SshSigner();
  readonly asker: Asker;

  constructor(scope: Scope, hosts: Awaited<ReturnType<typeof plain>>) {
    this.network = hosts.network;
    this.server = hosts.server;
    this.client = hosts.client;
    this.daemon = new Daemon(scope, hosts.server);
    this.asker = new Asker(hosts.client);
  }

  static async start(scope: Scope, wish: Wish = {}): Promise<Challenged> {
    const site = new Challenged(scope, await plain(scope));
    site.configure(wish);
    if (wish.path !== undefined) site.daemon.path = wish.path;
    await site.daemon.run();
    return site;
  }

  configure({ challenge = { site_key_file: 'site.key' }, doors = [ssh], more = {} }: Wish = {}): void {
    const clients = [{ name: 'john', ssh_keys: [this.signer.line] }];
    this.daemon.configure({ doors, clients, challenge: { port, ...challenge }, ...more });
  }

  get program(): Program {
    if (this.daemon.program === undefined) throw new Error('it does not run');
    return this.daemon.program;
  }

  /** As the client knows it. */
  get site(): KnownSite {
    return { siteKey: this.daemon.siteKey };
  }

  door(address = this.server.ipv4, door = 'ssh'): Door {
    return { site: this.site, address, port, door };
  }

  ask(to: Door = this.door(), asker = this.asker) {
    return ask(asker, to, this.signer);
  }

  /** A hello that nobody has heard, and whether an answer to it can be read. */
  async isAnswered(asker = this.asker, to: Door = this.door()): Promise<boolean> {
    const { payload, asked } = hello(to.site, to.door);
    const [answer] = await asker.send(to.address, to.port, payload, 300);
    return answer !== undefined && readChallenge(asked, Buffer.from(answer.hex, 'hex')) !== undefined;
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    const status = this.daemon.command(['status', '--json']);
    if ((await status.end()).status !== 0) throw new Error(status.output);
    return (JSON.parse(status.stdout) as { counters: Record<string, number> }).counters;
  }

  /** How often something stands in what the daemon has said. */
  said(pattern: RegExp): number {
    return this.program.lines.filter(line => pattern.test(line)).length;
  }

  async shuts(): Promise<void> {
    const check = async () => (await this.client.portState(this.server.ipv4, 22, 100)) === 'silent';
    await eventually('tcp/22 shuts', check, 15_000);
  }

  /** Lets every source begin anew to send so many. */
  async forgetSources(): Promise<void> {
    for (const set of ['challenges4', 'challenges6']) {
      await this.server.namespace.exec('nft', ['flush', 'set', 'inet', 'portknock', set]);
    }
  }
}
