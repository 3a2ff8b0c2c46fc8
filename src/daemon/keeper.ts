/**
 * What the monitor asks of whatever tells the kernel who is let in: daemon/guard.ts with nftables, daemon/ipsetguard.ts
 * with ipset.
 */
import { formatAddress } from '../net/address.js';
import { OperatorError } from '../system/error.js';
import type { Config, Door } from './config.js';
import type { Opening } from './firewall.js';
import { type Log, messageOf } from './log.js';

export interface Keeper {
  /** Whether what it keeps is in place. */
  readonly keeping: boolean;
  /** Puts it in place, takes over what an earlier run has left open, and begins to watch. @throws OperatorError */
  start(): Promise<void>;
  /** Puts a configuration in the place of the one before; openings stay. @throws OperatorError, and all stays */
  load(config: Config): Promise<void>;
  /** Keeps another configuration from now on, if any is kept. @throws OperatorError, and all stays as it was */
  adopt(config: Config): Promise<void>;
  /** Takes everything away and leaves it away, until the next `load`. @throws OperatorError */
  remove(): Promise<void>;
  /** A knock is about to be admitted: what it needs is called back into the processor's caches. */
  prepare(): void;
  /**
   * Opens a door for a source, or extends what is open: its services, and its named sets and the client's. Done when it
   * returns, unless something has to be put back first.
   * @throws SystemError where the kernel refuses
   */
  open(door: Door, source: Uint8Array, client: string): void | Promise<void>;
  /** Closes a door for a source. @returns whether anything was open that we know of */
  close(door: Door, source: Uint8Array): boolean;
  /** Closes what the clients who opened it may no longer use. */
  closeForbidden(isAllowed: (client: string, door: string) => boolean): void;
  /** A sequence number has let a connection in, on one of these ports. @returns on which, where that is known */
  markUsed(number: number, ports: readonly number[]): number | undefined;
  /** What is open by the kernel's word. @throws OperatorError */
  list(): Promise<KernelOpening[]>;
  stop(): void;
}

/** What the kernel holds open now; without a port where only sets are. */
export type KernelOpening = Opening | (Omit<Opening, 'protocol' | 'port'> & { readonly port?: undefined });

/** @throws OperatorError where there is none */
export function requireKeeper(keeper: Keeper | undefined): Keeper {
  if (keeper !== undefined) return keeper;
  throw new OperatorError(
    'no-guard',
    'this daemon keeps no table: no door of its configuration opens a service',
  );
}

/** For a door whose command has run: that its sets are out of reach does not make it undone. */
export async function joinSets(
  keeper: Keeper | undefined,
  door: Door,
  source: Uint8Array,
  client: string,
  log: Log,
): Promise<void> {
  if (keeper?.keeping !== true) return;
  try {
    await keeper.open(door, source, client);
  } catch (error) {
    const text = `cannot put ${formatAddress(source)} into the sets of ${door.name}: ${messageOf(error)}`;
    log.error({ event: 'sets', door: door.name }, text);
  }
}
