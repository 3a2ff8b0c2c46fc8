/**
 * Named sets without a table of ours: rules of iptables look into them (`[firewall] backend = "ipset"`), and what those
 * guard is the administrator's.
 *
 * What a crash leaves behind: the sets, whose members the kernel ends on time.
 */
import { IpsetAddressSets } from '../net/ipset.js';
import { SystemError } from '../net/libc.js';
import { OperatorError } from '../system/error.js';
import type { Config, Door } from './config.js';
import { listTable } from './firewall.js';
import { installSets, listMembers, removeSets } from './ipset.js';
import type { Keeper, KernelOpening } from './keeper.js';
import type { Log } from './log.js';
import { Members } from './members.js';
import { namedSet } from './setnames.js';
import { Turns } from './turns.js';

export class IpsetGuard implements Keeper {
  readonly #log: Log;
  readonly #members: Members;
  #config: Config;
  #keeping = false;
  /** Loads and removals. */
  readonly #turns = new Turns();

  /** @throws OperatorError where the kernel's firewall is out of reach */
  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#members = new Members(openSets(), log, door => door?.kind === 'services');
  }

  get keeping(): boolean {
    return this.#keeping;
  }

  async start(): Promise<void> {
    await this.load(this.#config);
    this.#members.readBack(await listMembers());
    const stray = await strayTable();
    if (stray !== undefined) this.#log.warn({ event: 'stray-table' }, stray);
  }

  load(config: Config): Promise<void> {
    return this.#turns.take(async () => {
      const before = await installSets(config);
      this.#config = config;
      this.#keeping = true;
      this.#members.adopt(config, set => !before.has(set));
    });
  }

  async adopt(config: Config): Promise<void> {
    if (this.#keeping) await this.load(config);
    this.#config = config;
  }

  remove(): Promise<void> {
    return this.#turns.take(async () => {
      this.#keeping = false;
      this.#members.clear();
      await removeSets();
    });
  }

  prepare(): void {}

  open(door: Door, source: Uint8Array, client: string): void | Promise<void> {
    if (!this.#keeping)
      throw new OperatorError('not-guarding', 'the sets were removed with: portknockd firewall remove');
    try {
      this.#members.join(door, source, client);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.code === 'ENFILE')
        throw new OperatorError('full', `a set of ${door.name} or of ${client} is full`);
      if (error.code !== 'ENOENT') throw error;
      return this.#restore().then(() => this.#members.join(door, source, client));
    }
  }

  close(door: Door, source: Uint8Array): boolean {
    return this.#members.leave(door.name, source);
  }

  closeForbidden(isAllowed: (client: string, door: string) => boolean): void {
    this.#members.closeForbidden(isAllowed);
  }

  markUsed(): undefined {}

  async list(): Promise<KernelOpening[]> {
    if (!this.#keeping) return [];
    const doors = new Map(
      this.#config.doors.flatMap(door =>
        door.kind === 'services'
          ? Object.values(namedSet('door', door.name)).map(set => [set, door] as const)
          : [],
      ),
    );
    return (await listMembers()).flatMap(({ set, source, timeoutMs, comment }) => {
      const door = doors.get(set);
      if (door === undefined) return [];
      const [, client = ''] = comment.split(' ');
      return [{ door: door.name, client, source, singleUse: door.singleUse, remainingMs: timeoutMs }];
    });
  }

  stop(): void {
    this.#keeping = false;
    this.#members.stop();
  }

  /** Somebody has destroyed a set that no rule looked into. */
  async #restore(): Promise<void> {
    this.#log.warn({ event: 'restored' }, 'somebody removed an ipset of portknockd; putting it back');
    await this.load(this.#config);
  }
}

/** Since a configuration with backend = "nftables" was in force. @returns what to say, where its table is still there */
export async function strayTable(): Promise<string | undefined> {
  const found = await listTable().catch(() => undefined);
  if (found === undefined) return undefined;
  return 'the table inet portknock is in the kernel, and with backend = "ipset" no knock opens what it shuts: nft delete table inet portknock';
}

/** @throws OperatorError without CAP_NET_ADMIN or ip_set */
function openSets(): IpsetAddressSets {
  try {
    return new IpsetAddressSets();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new OperatorError('no-netlink', `cannot reach the kernel's firewall: ${error.message}`, {
      hint: 'portknockd needs Linux with ip_set and CAP_NET_ADMIN: run as root or from its unit',
    });
  }
}
