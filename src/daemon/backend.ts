/**
 * The table [firewall] of portknockd.toml and the folder of rules beside it → how the kernel is told who is let in.
 */
import type { FirewallSettings, RulesFile } from './config.js';
import { DatagramReader } from './datagrams.js';
import type { Clients, Doors } from './identities.js';
import { opensSetsOnly } from './namedsets.js';
import { mistakesInRules, readRules, setsConsumedBy, setsNamedIn } from './rules.js';
import { defaultRules, type Table } from './schema.js';
import { longestIpsetName, type NamedKind, namedSet } from './setnames.js';
import { isTable } from './tables.js';
import type { Path } from './toml.js';

interface Named {
  readonly kind: NamedKind;
  readonly name: string;
  readonly path: Path;
}

export class BackendReader extends DatagramReader {
  protected readFirewall(doors: Doors, clients: Clients): FirewallSettings {
    const table = this.section('firewall');
    const named: Named[] = [
      ...doors.map(({ door, path }) => ({ kind: 'door' as const, name: door.name, path: [...path, 'name'] })),
      ...clients.map(({ client, path }) => ({
        kind: 'client' as const,
        name: client.name,
        path: [...path, 'name'],
      })),
    ];
    this.#requireOwnSets(named);
    if (table === undefined) return { backend: 'nftables', rules: [] };
    const rules = this.#rules(table);
    if (table.backend === 'ipset') {
      this.#requireIpset(named, doors, rules);
      return { backend: 'ipset', rules: [] };
    }
    const sets = [...this.#setsOf('door'), ...this.#setsOf('client')];
    this.mistakes.push(...rules.flatMap(file => mistakesInRules(file, sets)));
    this.#warnOfUselessDoors(doors, rules);
    return { backend: 'nftables', rules };
  }

  /** The folder that is meant where nobody names one may be missing. */
  #rules({ rules: given }: Table<'firewall'>): RulesFile[] {
    const folder = this.path(given);
    try {
      return readRules(folder);
    } catch (error) {
      const { code } = error as { readonly code?: string };
      if (code === 'no-rules') this.attempt(() => throwAgain(error));
      else if (code !== 'ENOENT' || given !== defaultRules) {
        const why = code === 'ENOENT' ? 'no such folder' : `cannot be read (${code})`;
        this.mistake(['firewall', 'rules'], `firewall.rules: ${folder}: ${why}`);
      }
      return [];
    }
  }

  /** Also of those in which something is wrong, which is told by itself. */
  #setsOf(kind: NamedKind): string[] {
    const tables: unknown = this.document.value[kind];
    const names = (Array.isArray(tables) ? tables : []).map(table =>
      isTable(table) ? table['name'] : undefined,
    );
    return names.flatMap(name => (typeof name === 'string' ? Object.values(namedSet(kind, name)) : []));
  }

  #requireOwnSets(named: readonly Named[]): void {
    const owners = new Map<string, Named>();
    for (const each of named) {
      const { ipv4: set } = namedSet(each.kind, each.name);
      const first = owners.get(set);
      if (first === undefined) owners.set(set, each);
      // The same name twice is told elsewhere.
      else if (first.name !== each.name) {
        const message = `${each.kind} "${each.name}": its set "${set}" is that of ${first.kind} "${first.name}"`;
        this.mistake(each.path, message, 'a set has "_" for "-": choose another name');
      }
    }
  }

  #requireIpset(named: readonly Named[], doors: Doors, rules: readonly RulesFile[]): void {
    for (const { kind, name, path } of named) {
      const { ipv6: set } = namedSet(kind, name);
      const excess = set.length - longestIpsetName;
      if (excess <= 0) continue;
      const message = `${kind} "${name}": the name of its set "${set}" has ${set.length} characters, and ipset has room for ${longestIpsetName}`;
      this.mistake(path, message, `choose a name of at most ${name.length - excess} characters`);
    }
    const hint = 'use backend = "nftables", or leave it out';
    if (this.document.value['datagram'] !== undefined) {
      this.mistake(['datagram'], '[datagram]: it needs our table, and backend = "ipset" has none', hint);
    }
    for (const { door, path } of doors) {
      if (door.kind !== 'services' || !door.sequenceNumber) continue;
      const message = `door "${door.name}": sequence numbers need our table, and backend = "ipset" has none`;
      this.mistake([...path, 'sequence_number'], message, hint);
    }
    this.#warnOfMeaningless(rules);
  }

  #warnOfMeaningless(rules: readonly RulesFile[]): void {
    const guard = this.document.value['guard'] as { always_allow?: readonly unknown[] } | undefined;
    const because = 'with backend = "ipset" no table is ours: give iptables such a rule';
    if ((guard?.always_allow?.length ?? 0) > 0)
      this.warnings.push(`guard.always_allow means nothing ${because}`);
    if (rules.length > 0) this.warnings.push(`${rules[0]!.path} means nothing ${because}`);
  }

  #warnOfUselessDoors(doors: Doors, rules: readonly RulesFile[]): void {
    const named = setsNamedIn(rules);
    const consumed = setsConsumedBy(rules);
    for (const { door, path } of doors) {
      if (!opensSetsOnly(door)) continue;
      const { ipv4: set } = namedSet('door', door.name);
      const warn = (key: string, what: string) => {
        const { line } = this.place([...path, key]);
        this.warnings.push(`${this.file}:${line}: door "${door.name}" ${what} @${set} or a client of it`);
      };
      if (!this.#isAmong(door.name, named))
        warn('services', 'opens nothing: it has no services, and no rule names');
      else if (door.kind === 'services' && door.singleUse && !this.#isAmong(door.name, consumed))
        warn('single_use', 'is open to more than one connection: no rule says delete');
    }
  }

  /** Whether one of a door's sets, or of those of its clients, is among these. */
  #isAmong(door: string, named: ReadonlySet<string>): boolean {
    const clients = (this.document.value['client'] ?? []) as { name?: unknown; doors?: unknown }[];
    const who = clients.filter(({ doors }) => Array.isArray(doors) && doors.includes(door));
    const sets = [namedSet('door', door), ...who.map(({ name }) => namedSet('client', String(name)))];
    return sets.some(({ ipv4, ipv6 }) => named.has(ipv4) || named.has(ipv6));
  }
}

function throwAgain(error: unknown): never {
  throw error;
}
