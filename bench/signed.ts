/** A door that opens to challenges answered with signatures, of OpenPGP and of SSH. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeHello, helloRandomLength } from '../src/methods/challenge/compose.js';
import { helloLength } from '../src/methods/challenge/format.js';
import { Daemon } from '../test/e2e/harness/daemon.js';
import type { Scope } from '../test/e2e/harness/program.js';
import type { ExchangeRequest, ExchangeResult } from './challenging.js';
import type { Garbage } from './contender.js';
import { doorPort, makePlace, openForMs, type Place } from './namespaces.js';
import { folderOnDisk } from './portknock.js';
import { RunningDaemon } from './running.js';
import { type BenchKey, type KeyPair, makeOpenpgpKey, makeSshKey } from './signing.js';

const port = 61_007;
const doorName = 'bench';

/** Which of the users' keys sign. */
export interface Signing {
  readonly ssh: KeyPair;
  readonly openpgp: KeyPair;
}

export class Signed extends RunningDaemon {
  readonly place: Place;
  readonly signing: Signing;
  protected readonly daemon: Daemon;

  static async create(scope: Scope): Promise<Signed> {
    const signing = { ssh: makeSshKey('Ed25519'), openpgp: await makeOpenpgpKey('Ed25519') };
    return new Signed(scope, await makePlace(scope), folderOnDisk(scope), signing);
  }

  private constructor(scope: Scope, place: Place, folder: string, signing: Signing) {
    super();
    this.place = place;
    this.signing = signing;
    writeFileSync(join(folder, 'keyring.gpg'), signing.openpgp.publicKey, { mode: 0o600 });
    const line = `ssh-ed25519 ${Buffer.from(signing.ssh.publicKey).toString('base64')} bench`;
    this.daemon = new Daemon(scope, place.server, {
      top: { state_directory: join(folder, 'state') },
      challenge: { port, keyring: join(folder, 'keyring.gpg') },
      doors: [{ name: doorName, services: [`tcp/${doorPort}`], open_for: `${openForMs}ms` }],
      clients: [
        { name: 'ssh', ssh_keys: line },
        { name: 'openpgp', openpgp: 'bench@example.org' },
      ],
    });
  }

  /** Exchanges from addresses that were not heard before, one after the other. */
  async exchange(
    key: BenchKey,
    count: number,
    { tries, patienceMs }: Pick<ExchangeRequest, 'tries' | 'patienceMs'>,
  ): Promise<ExchangeResult> {
    const { client: _, server, prober, freshSource } = this.place;
    const sources = Array.from({ length: count }, freshSource);
    const siteKey = readFileSync(this.daemon.siteKeyFile, 'utf8').trim();
    const request = { sources, address: server.ipv4, port, siteKey, doorName, door: doorPort, key };
    const found = await prober.ask({ do: 'exchange', ...request, tries, patienceMs });
    const { times = [], challengeTimes = [], tries: tried = [] } = found;
    return { times, challengeTimes, tries: tried };
  }

  /** Hellos that are none, as long as a right one. */
  get noise(): Garbage {
    return { ports: [port], payloadLength: helloLength };
  }

  /** Right hellos of which none was sent: each is answered once, and then comes again and again. */
  hellos(count: number): Garbage {
    const site = { siteKey: Buffer.from(readFileSync(this.daemon.siteKeyFile, 'utf8').trim(), 'hex') };
    const payloads = Array.from({ length: count }, () => {
      const { payload } = composeHello(site, doorName, Date.now(), randomBytes(helloRandomLength));
      return Buffer.from(payload).toString('latin1');
    });
    return { ports: [port], payloads };
  }

  /** Bytes that the server's interface has received and sent. */
  async traffic(): Promise<{ readonly received: number; readonly sent: number }> {
    const read = async (name: string) => {
      const path = `/sys/class/net/${this.place.link}/statistics/${name}`;
      return Number(await this.place.server.namespace.exec('cat', [path]));
    };
    return { received: await read('rx_bytes'), sent: await read('tx_bytes') };
  }
}
