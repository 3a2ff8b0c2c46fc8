/** A client and a server of which every SYN and datagram that arrives is recorded. It knows no more of knocks than that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { formatAddress } from '../../src/net/address.js';
import { readCaptureFile } from '../../src/net/capturefile.js';
import { decodePacket, newPacket, tcp } from '../../src/net/packet.js';
import { clientPath, type Said, said, User } from '../client/program.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import type { Host } from './harness/host.js';
import { Network } from './harness/network.js';
import type { Program } from './harness/program.js';

/** Sent by `arrived` alone. */
const lastPort = 64_999;

/** A packet that reached the server, without what the kernel chooses. */
export interface Arrival {
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly flags: number;
  readonly payload: string;
}

/** A server and a client, and what arrives between them. */
export class Scene {
  readonly user: User;
  readonly server: Host;
  readonly client: Host;
  readonly #capture: string;
  #seen = 0;

  private constructor(user: User, server: Host, client: Host, capture: string) {
    this.user = user;
    this.server = server;
    this.client = client;
    this.#capture = capture;
  }

  static async create(t: TestContext): Promise<Scene> {
    const network = await Network.create(t);
    const client = await network.addClient();
    const capture = join(temporaryFolder(t, 'capture', 0o777), 'packets');
    const filter = '(tcp[tcpflags] & tcp-syn != 0) or (ip6 and ip6[6] == 6 and ip6[53] & 2 != 0) or udp';
    const argv = ['-i', 'down1', '-Q', 'in', '-U', '--immediate-mode', '-Z', 'root', '-w', capture, filter];
    const program = network.server.namespace.start('tcpdump', argv);
    await program.line(/listening on/);
    return new Scene(new User(t), network.server, client, capture);
  }

  /** The end of the link at the server: knockd hears what comes for the addresses of its interface. */
  near(family: 'ipv4' | 'ipv6'): string {
    return this.client[family].replace(/2$/, '1');
  }

  knock(argv: readonly string[]): Promise<Said> {
    return said(this.client.namespace.start('knock', argv, { input: '' }));
  }

  start(argv: readonly string[]): Program {
    const options = { env: this.user.environment, input: '' };
    return this.client.namespace.start(process.execPath, [clientPath, ...argv], options);
  }

  run(argv: readonly string[]): Promise<Said> {
    return said(this.start(argv));
  }

  /** The ports of all that has arrived so far. */
  ports(): number[] {
    return readPackets(this.#capture).map(({ arrival }) => arrival.port);
  }

  /** What has arrived since it was asked last, up to a packet that only this sends; with the ports of both ends. */
  async arrived(): Promise<{ readonly arrivals: Arrival[]; readonly pairs: string[] }> {
    await this.client.tap(this.near('ipv4'), [lastPort]);
    return eventually('the last packet arrives', () => {
      const all = readPackets(this.#capture).slice(this.#seen);
      const end = all.findIndex(({ arrival }) => arrival.port === lastPort);
      if (end < 0) return undefined;
      this.#seen += end + 1;
      const packets = all.slice(0, end);
      return {
        arrivals: packets.map(({ arrival }) => arrival),
        pairs: packets.map(({ arrival, sourcePort }) => `${arrival.protocol} ${sourcePort} ${arrival.port}`),
      };
    });
  }
}

function readPackets(path: string): { readonly arrival: Arrival; readonly sourcePort: number }[] {
  const found: { readonly arrival: Arrival; readonly sourcePort: number }[] = [];
  const packet = newPacket();
  readCaptureFile(readFileSync(path), bytes => {
    if (!decodePacket(bytes, packet)) return;
    const { protocol, port, flags, payload, sourcePort } = packet;
    const arrival: Arrival = {
      destination: formatAddress(packet.destination),
      protocol: protocol === tcp ? 'tcp' : 'udp',
      port,
      flags: protocol === tcp ? flags : 0,
      payload: Buffer.from(payload).toString('hex'),
    };
    found.push({ arrival, sourcePort });
  });
  return found;
}
