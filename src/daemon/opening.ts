/** What the daemon knows of an opening while it lasts: how it is found again, and how it is told. */
import { formatAddress } from '../net/address.js';
import type { Endpoint } from '../net/nftables.js';
import { formatService } from './schema.js';

/** The client of an opening that an administrator made. */
export const byHand = '-';

/** One opening as we know it: what to put back when somebody flushes the table, and what to say when it ends. */
export interface Known extends Endpoint {
  readonly door: string;
  readonly client: string;
  readonly singleUse: boolean;
  /** By performance.now(). */
  readonly until: number;
}

export function keyOf({
  source,
  protocol,
  port,
  singleUse,
}: Endpoint & { readonly singleUse: boolean }): string {
  return `${Buffer.from(source.buffer, source.byteOffset, source.length).toString('latin1')}${protocol} ${port} ${singleUse}`;
}

export function fields({ door, client, source }: Known) {
  return { event: 'closed', door, client, source: formatAddress(source) };
}

export function describe(opening: Known): string {
  return `${opening.door} for ${opening.client} from ${formatAddress(opening.source)} (${formatService(opening)})`;
}

export function closedByHand(door: { readonly name: string }, source: Uint8Array): string {
  return `closed ${door.name} for ${formatAddress(source)} by hand`;
}
