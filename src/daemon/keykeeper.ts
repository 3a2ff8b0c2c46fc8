/**
 * Keeps the keys of clients as their files are, while the daemon runs: a key that is taken out of a file is out at once.
 *
 * Only keys are read again, never the configuration: whoever may write an authorized_keys file brings nothing else into force.
 */
import { OperatorError, OperatorErrors } from '../system/error.js';
import type { ClientSettings, Config, KeySources } from './config.js';
import { type ClientKeys, KeyFiles } from './keyfiles.js';
import { KeyWatch, type Pace } from './keywatch.js';
import type { Log } from './log.js';

/** The keys of each client by name. */
export type FreshKeys = ReadonlyMap<string, Pick<ClientKeys, 'openpgp' | 'ssh'>>;

const none: KeySources = { keyring: undefined, clients: [] };

export class KeyKeeper {
  readonly #log: Log;
  readonly #take: (keys: FreshKeys) => void;
  readonly #watch: KeyWatch;
  #sources = none;
  /** What was said the last time: it is said once. */
  #said: ReadonlySet<string> = new Set();

  /** @param take told the keys whenever they were read again */
  constructor(log: Log, take: (keys: FreshKeys) => void, pace?: Pace) {
    this.#log = log;
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
    const files = new KeyFiles(keyring, {});
    const said = new Set<string>();
    try {
      const keys = clients.map(source => {
        const found = files.read(source);
        for (const { message } of found.faults) said.add(`client "${source.client}": ${message}`);
        return [source.client, found] as const;
      });
      this.#take(new Map(keys));
    } catch (error) {
      if (!(error instanceof OperatorError || error instanceof OperatorErrors)) throw error;
      said.add(`keys were not read again, those from before stay: ${error.message}`);
    }
    for (const text of said) if (!this.#said.has(text)) this.#warn(text);
    this.#said = said;
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

/** The configuration with these keys for its clients, and which of them have others than before. */
export function withKeys(config: Config, keys: FreshKeys): { readonly config: Config; readonly changed: string[] } {
  const changed: string[] = [];
  const clients = config.clients.map((client): ClientSettings => {
    const fresh = keys.get(client.name);
    if (client.kind !== 'signer' || fresh === undefined) return client;
    const next = { ...client, openpgp: fresh.openpgp, ssh: fresh.ssh };
    if (JSON.stringify(next) !== JSON.stringify(client)) changed.push(client.name);
    return next;
  });
  return { config: { ...config, clients }, changed };
}
