/** Which named sets a configuration has, and who may be in them. Who is, is daemon/members.ts's. */
import type { Config, Door } from './config.js';
import { setsNamedIn } from './rules.js';
import { type NamedSet, namedSet } from './setnames.js';

/**
 * Where there are more clients, they have sets only where a rule names them: the kernel finds a set by going through all of
 * them, and in a container it takes no more than some 400 KiB of a table at once.
 */
const mostClientSets = 250;

/** The sets that there are, by the names of doors and clients. */
export interface NamedSets {
  readonly doors: ReadonlyMap<string, NamedSet>;
  readonly clients: ReadonlyMap<string, NamedSet>;
}

export function namedSets({ doors, clients, firewall }: Config): NamedSets {
  const all = clients.map(({ name }) => ({ name, set: namedSet('client', name) }));
  // What rules of iptables look into is not known here.
  const isSmall = all.length <= mostClientSets || firewall.backend === 'ipset';
  const named = isSmall ? new Set() : setsNamedIn(firewall.rules);
  const kept = isSmall ? all : all.filter(({ set }) => named.has(set.ipv4) || named.has(set.ipv6));
  return {
    doors: new Map(doors.map(({ name }) => [name, namedSet('door', name)])),
    clients: new Map(kept.map(({ name, set }) => [name, set])),
  };
}

/** The names of all of them, those of doors first. */
export function setNames({ doors, clients }: NamedSets): {
  readonly ipv4: string[];
  readonly ipv6: string[];
} {
  const sets = [...doors.values(), ...clients.values()];
  return { ipv4: sets.map(({ ipv4 }) => ipv4), ipv6: sets.map(({ ipv6 }) => ipv6) };
}

/** Whether opening it changes nothing but sets. */
export function opensSetsOnly(door: Door): boolean {
  return door.kind === 'services' && door.services.length === 0;
}

/** Whether there is a table of ours to keep. */
export function hasTable({ firewall }: Pick<Config, 'firewall'>): boolean {
  return firewall.backend === 'nftables';
}
