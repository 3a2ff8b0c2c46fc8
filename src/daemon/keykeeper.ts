/**
 * Keeps the keys of clients as their files are, while the daemon runs: a key that is taken out of a file is out at once.
 *
 * Only keys are read again, never the configuration: whoever may write an authorized_keys file brings nothing else into force.
 */
import type { OpenpgpKey, SshKey } from '../methods/challenge/site.js';
import { OperatorError } from '../system/error.js';
import type { ClientSettings, Config, KeySource, KeySources } from './config.js';
import { type KeyFault, KeyFiles, type ReadKeyring, readingRarely } from './keyfiles.js';
import { describeFreshKeys, describeSharedKey, keysOf, sharedKeys, withOwnKeys } from './keynames.js';
import { KeyWatch, type Pace } from './keywatch.js';
import type { Log } from './log.js';

/** The keys of one client; undefined: they could not be read, and those from before stay. */
interface ReadKeys {
  readonly openpgp: readonly OpenpgpKey[] | undefined;
  readonly ssh: readonly SshKey[];
}

/** The keys of each client by name. */
export type FreshKeys = ReadonlyMap<string, ReadKeys>;

/** Of keys that are several clients' now, each time. */
const mostTold = 10;
const none: KeySources = { keyring: undefined, clients: [] };

export class KeyKeeper {
  readonly #log: Log;
  readonly #take: (keys: FreshKeys) => void;
  readonly #watch: KeyWatch;
  readonly #readKeyring: ReadKeyring;
  #sources = none;
  /** What was said the last time: it is said once. */
  #said: ReadonlySet<string> = new Set();

  /** @param take told the keys whenever they were read again */
  constructor(log: Log, take: (keys: FreshKeys) => void, pace?: Pace, read?: ReadKeyring) {
    this.#log = log;
    this.#readKeyring = readingRarely(read);
    this.#take = take;
    const failed = (why: string) =>
      this.#warn(`files with keys cannot be watched (${why}): send SIGHUP when they have changed`);
    this.#watch = new KeyWatch({ changed: () => this.#read(), failed }, pace);
  }

  /** @param readAt when the configuration was read, milliseconds since 1970 */
  adopt({ challenge }: Config, readAt: number): void {
    this.#sources = challenge?.keySources ?? none;
    this.#said = new Set();
    this.#watch.watch(pathsOf(this.#sources), readAt);
  }

  stop(): void {
    this.#watch.stop();
  }

  #read(): void {
    const { keyring, clients } = this.#sources;
    const files = new KeyFiles(keyring, {}, this.#readKeyring);
    const said = new Set<string>();
    const keys = clients.map(source => [source.client, this.#readFor(source, files, said)] as const);
    for (const text of said) if (!this.#said.has(text)) this.#warn(text);
    this.#said = said;
    this.#take(new Map(keys));
  }

  #readFor(source: KeySource, files: KeyFiles, said: Set<string>): ReadKeys {
    const tell = ({ message }: KeyFault) => said.add(`client "${source.client}": ${message}`);
    const ssh = files.ssh(source);
    ssh.faults.forEach(tell);
    // Until the keyring can be read, nobody knows who was taken out of it.
    if (files.hasFailed) return { openpgp: undefined, ssh: ssh.keys };
    try {
      const openpgp = files.openpgp(source);
      openpgp.faults.forEach(tell);
      return { openpgp: openpgp.keys, ssh: ssh.keys };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      said.add(`the keyring was not read again, its keys from before stay: ${error.message}`);
      return { openpgp: undefined, ssh: ssh.keys };
    }
  }

  #warn(text: string): void {
    this.#log.warn({ event: 'keys' }, text);
  }
}

function pathsOf({ keyring, clients }: KeySources): string[] {
  const paths = clients.flatMap(({ ssh }) => ssh.filter(text => text.startsWith('/')));
  const isUsed = clients.some(({ openpgp }) => openpgp.length > 0);
  return keyring === undefined || !isUsed ? paths : [...paths, keyring];
}

/** The configuration with these keys for its clients; the log is told whose are others than before. */
export function withKeys(config: Config, keys: FreshKeys, log: Log): Config {
  const changed: string[] = [];
  const clients = config.clients.map((client): ClientSettings => {
    const fresh = keys.get(client.name);
    if (client.kind !== 'signer' || fresh === undefined) return client;
    const next = { ...client, ssh: fresh.ssh, openpgp: fresh.openpgp ?? client.openpgp };
    const [before, after] = [client, next].map(each => JSON.stringify(keysOf(each)));
    if (before !== after) changed.push(next.name);
    return next;
  });
  const next = { ...config, clients: withOwnKeys(clients) };
  const before = new Set(sharedKeys(config.clients).map(describeSharedKey));
  const shared = sharedKeys(next.clients).map(describeSharedKey);
  for (const text of shared.filter(text => !before.has(text)).slice(0, mostTold))
    log.warn({ event: 'keys' }, text);
  if (changed.length > 0) log.info({ event: 'keys' }, describeFreshKeys(next, changed));
  return next;
}
