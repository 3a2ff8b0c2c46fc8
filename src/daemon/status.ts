/** What `portknockd status` tells: gathered by the monitor, printed by the command. */
import { formatAddress } from '../net/address.js';
import { roughly } from '../system/duration.js';
import type { Config } from './config.js';
import type { Counters } from './counters.js';
import type { KnockRecord } from './history.js';
import type { Debt } from './journal.js';
import type { KernelOpening } from './keeper.js';
import { hasTable } from './namedsets.js';
import { needsTable } from './restart.js';
import type { RevocationStatus } from './revocation.js';
import { formatService } from './schema.js';
import { guardedServices } from './table.js';

export interface OpeningStatus {
  readonly door: string;
  readonly client: string;
  readonly source: string;
  /** `tcp/22`, or `command`; or `sets`, where nothing else is open. */
  readonly service: string;
  readonly single_use: boolean;
  readonly remaining_seconds: number;
}

export interface Status {
  readonly configuration: string;
  readonly pid: number;
  readonly listener_pid: number | undefined;
  readonly started_at: string;
  readonly guarding: boolean;
  /** False where nothing needs a table: commands are run, and packets are heard elsewhere. */
  readonly needs_table: boolean;
  readonly guarded: readonly string[];
  readonly backend: 'nftables' | 'ipset';
  readonly openings: readonly OpeningStatus[];
  readonly last_knocks: readonly (Omit<KnockRecord, 'at'> & { readonly at: string })[];
  /** What came of the last attempt to get lists of revoked certificates; undefined where none are got. */
  readonly lists: RevocationStatus | undefined;
  readonly counters: Counters;
}

export interface StatusSources {
  readonly config: Config;
  readonly startedAt: number;
  readonly listenerPid: number | undefined;
  readonly guarding: boolean;
  /** What the kernel says is open now, for it is the one that knows. */
  readonly openings: readonly KernelOpening[];
  readonly owed: readonly Debt[];
  readonly knocks: readonly KnockRecord[];
  readonly lists: RevocationStatus | undefined;
  readonly counters: Counters;
}

export function statusOf(sources: StatusSources): Status {
  const services = sources.openings.map(({ door, client, source, singleUse, remainingMs, ...service }) => ({
    door,
    client,
    source: formatAddress(source),
    service: service.port === undefined ? 'sets' : formatService(service),
    single_use: singleUse,
    remaining_seconds: Math.round(remainingMs / 1000),
  }));
  const commands = sources.owed.map(({ door, client, source, dueAt }) => ({
    door,
    client,
    source,
    service: 'command',
    single_use: false,
    remaining_seconds: Math.max(0, Math.round((dueAt - Date.now()) / 1000)),
  }));
  return {
    configuration: sources.config.file,
    pid: process.pid,
    listener_pid: sources.listenerPid,
    started_at: new Date(sources.startedAt).toISOString(),
    guarding: sources.guarding,
    needs_table: needsTable(sources.config),
    guarded: hasTable(sources.config) ? guardedServices(sources.config) : [],
    backend: sources.config.firewall.backend,
    openings: [...services, ...commands],
    last_knocks: sources.knocks.map(({ at, ...knock }) => ({ at: new Date(at).toISOString(), ...knock })),
    lists: sources.lists,
    counters: sources.counters,
  };
}

/** The same for a person. */
export function formatStatus(status: Status): string {
  const { openings, last_knocks: knocks, counters } = status;
  const up = roughly(Date.now() - Date.parse(status.started_at));
  const counted = Object.entries(counters).filter(
    ([name, value]) => value > 0 || name === 'seen' || name === 'lost',
  );
  return [
    `portknockd runs as ${status.pid} and ${status.listener_pid} since ${status.started_at} (${up}), ${status.configuration}`,
    `guards  ${describeGuarded(status)}`,
    ...section(
      'open',
      openings.map(o => [
        o.door,
        o.client,
        o.source,
        o.service,
        `${o.remaining_seconds} s${o.single_use ? ', once' : ''}`,
      ]),
    ),
    ...section(
      'knocks',
      knocks.map(k => [k.at, k.outcome, k.client ?? '?', k.door ?? '?', k.source]),
    ),
    ...listsSection(status),
    ...section(
      'counted',
      counted.map(([name, value]) => [String(value), name]),
    ),
    '',
  ].join('\n');
}

function describeGuarded({ backend, guarding, guarded, needs_table: needsTable }: Status): string {
  if (backend === 'ipset')
    return guarding
      ? 'what rules of iptables say: they look into the sets'
      : 'nothing: the ipsets were removed';
  if (guarding) return guarded.join(', ') || 'no service';
  return needsTable ? 'nothing: the table was removed' : 'no service';
}

function listsSection({ lists }: Status): string[] {
  if (lists === undefined) return [];
  return section(
    `lists   ${lists.outcome} at ${lists.at}`,
    lists.lines.map(line => [line]),
  );
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [`${title}  nothing`];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return [
    title,
    ...rows.map(
      row =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}`,
    ),
  ];
}
