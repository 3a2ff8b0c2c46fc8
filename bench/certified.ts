/** A door that opens to datagrams signed by certificates, with an authority that `portknock ca` has made. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDatagrams, datagramSettings } from '../src/daemon/datagramsite.js';
import { readConfig } from '../src/daemon/settings.js';
import { composeDatagram, type DatagramRequest } from '../src/methods/datagram/compose.js';
import { headerLength, pointLength } from '../src/methods/datagram/format.js';
import type { DatagramSite } from '../src/methods/datagram/site.js';
import { parseAddress } from '../src/net/address.js';
import { tcp } from '../src/net/packet.js';
import { Daemon } from '../test/e2e/harness/daemon.js';
import { project } from '../test/e2e/harness/isolation.js';
import type { Scope } from '../test/e2e/harness/program.js';
import type { Contender, DatagramShape, Garbage, KnockPacket } from './contender.js';
import { doorPort, makePlace, openForMs, type Place } from './namespaces.js';
import { folderOnDisk } from './portknock.js';
import { RunningDaemon } from './running.js';
import type { Right } from './verifying.js';

/** Anywhere. */
const knockPort = 33_434;
const ports = Array.from({ length: 256 }, (_, offset) => 33_434 + offset);
/** From one try to the next, as the client has it: what is signed counts in seconds. */
export const tryAgainMs = 1000;

export class Certified extends RunningDaemon implements Contender {
  readonly name = 'datagram';
  readonly place: Place;
  /** How often one who knocks sends, a second between them. */
  tries = 1;
  protected readonly daemon: Daemon;
  readonly #identity: Omit<DatagramRequest, 'service' | 'address' | 'time' | 'ephemeral'>;

  static async create(scope: Scope): Promise<Certified> {
    return new Certified(scope, await makePlace(scope), folderOnDisk(scope));
  }

  private constructor(scope: Scope, place: Place, folder: string) {
    super();
    this.place = place;
    const authority = join(folder, 'ca');
    const ca = (...argv: readonly string[]) =>
      execFileSync(
        process.execPath,
        [`${project}/dist/src/client/portknock.cjs`, 'ca', ...argv, '--directory', authority],
        { env: { ...process.env, PORTKNOCK_PASSWORD: 'bench' }, stdio: ['ignore', 'ignore', 'pipe'] },
      );
    ca('init');
    ca('server', 'bench');
    ca('issue', 'laptop', '--right', `tcp/${doorPort}`);
    this.#identity = identityIn(join(authority, 'laptop.json'));
    this.daemon = new Daemon(scope, place.server, {
      top: { state_directory: join(folder, 'state') },
      datagram: {
        ca_file: join(authority, 'ca.pem'),
        crl_file: join(authority, 'crl.pem'),
        server_key_file: join(authority, 'server-bench.key'),
        server_certificate_file: join(authority, 'server-bench.pem'),
        open_for: `${openForMs}ms`,
      },
      doors: [{ name: 'bench', services: [`tcp/${doorPort}`] }],
      clients: [],
    });
  }

  get garbage(): Garbage {
    return this.shaped('random');
  }

  /** As long as a right one. */
  shaped(points: DatagramShape['points']): Garbage {
    const { payload } = this.#compose('192.0.2.1', 0);
    return { ports, shape: { bodyLength: payload!.length - headerLength - pointLength, points } };
  }

  /** What its daemon's thread is told. */
  get site(): DatagramSite {
    return buildDatagrams(datagramSettings(readConfig(this.daemon.configFile))!, []);
  }

  /** A right datagram from each of these addresses. */
  composeRights(sources: readonly string[]): readonly Right[] {
    return sources.map(source => ({
      source: parseAddress(source)!,
      payload: Buffer.from(this.#compose(source, 0).payload!, 'latin1'),
    }));
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(source =>
      Array.from({ length: this.tries }, (_, index) => this.#compose(source, (index * tryAgainMs) / 1000)),
    );
  }

  #compose(source: string, later: number): KnockPacket {
    const payload = composeDatagram({
      ...this.#identity,
      service: { protocol: tcp, port: doorPort },
      address: parseAddress(source)!,
      time: Math.floor(Date.now() / 1000) + later,
      ephemeral: randomBytes(32),
    });
    return { port: knockPort, payload: Buffer.from(payload).toString('latin1') };
  }
}

function identityIn(file: string) {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  const server = new X509Certificate(profile['server_certificate']!);
  return {
    certificate: new X509Certificate(profile['certificate']!).raw,
    key: createPrivateKey(profile['key']!),
    serverKey: server.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65),
  };
}
