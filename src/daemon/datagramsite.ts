/**
 * Datagrams in the listener: what it needs of the configuration, and the recogniser's own form of it.
 *
 * The first is plain JSON, as daemon/site.ts's is. Lists of revoked certificates come by themselves: who fetches them is
 * no more trusted than the listener, so the monitor hands their text on without a look.
 */
import type { DatagramDoor, DatagramSite, RevocationList } from '../methods/datagram/site.js';
import type { Config } from './config.js';
import { bytes, hex } from './site.js';

/** What the table logs a datagram with that may be a knock. */
export const datagramPrefix = 'datagram';

/** Keys and certificates are in hexadecimal. */
export interface DatagramSiteSettings {
  readonly serverKey: string;
  readonly authorities: readonly string[];
  readonly skewMs: number;
  readonly allowOtherAddress: boolean;
  readonly listRequired: boolean;
  readonly doors: readonly DatagramDoor[];
  readonly anyPort: boolean;
}

/** Undefined where no datagram is a knock. */
export function datagramSettings({ doors, datagram }: Config): DatagramSiteSettings | undefined {
  if (datagram === undefined) return undefined;
  const { authorities, serverKey, skewMs, allowOtherAddress, policy, revocation } = datagram;
  return {
    serverKey: hex(serverKey),
    authorities: authorities.map(hex),
    ...{ skewMs, allowOtherAddress },
    listRequired: revocation.required,
    doors: doors.flatMap(door =>
      door.kind === 'services' ? [{ name: door.name, services: door.services, isOpen: door.datagram }] : [],
    ),
    anyPort: policy !== 'none',
  };
}

/** @param listAwaited whether nobody knows yet what the sources of lists have to say */
export function buildDatagrams(
  { serverKey, authorities, ...settings }: DatagramSiteSettings,
  lists: readonly RevocationList[],
  listAwaited = false,
): DatagramSite {
  const site = { ...settings, lists, listAwaited };
  return { ...site, serverKey: bytes(serverKey), authorities: authorities.map(bytes) };
}

/** The lists in a text that was fetched; undefined where it is none of ours. */
export function readLists(text: string): readonly RevocationList[] | undefined {
  try {
    const { lists } = JSON.parse(text) as { readonly lists: unknown };
    return Array.isArray(lists) && lists.every(isList) ? lists : undefined;
  } catch {
    return undefined;
  }
}

function isList(value: unknown): value is RevocationList {
  const { authority, serials, from, until } = (value ?? {}) as Record<string, unknown>;
  const isEnd = until === undefined || Number.isFinite(until);
  const hasSerials = Array.isArray(serials) && serials.every(serial => typeof serial === 'string');
  return typeof authority === 'string' && hasSerials && Number.isFinite(from) && isEnd;
}
