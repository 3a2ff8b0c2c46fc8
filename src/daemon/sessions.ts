/**
 * TCP connections that exist when the table first comes into the kernel.
 *
 * Where nothing has tracked connections so far, the next packet of an existing one looks new, and would be dropped: the
 * administrator's own session among them. So they are named to the table, which lets their packets pass (never a SYN)
 * until the kernel has seen one and tracks them itself.
 */
import { readFileSync } from 'node:fs';
import { formatAddress, isIPv4Mapped } from '../net/address.js';
import { tcp } from '../net/packet.js';
import type { Config } from './config.js';
import { liveSets, tableName } from './table.js';

/** One established connection to a local port. */
export interface Session {
  /** The far side, 16 bytes. */
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly port: number;
}

const established = '01';
/** How long a connection may be idle in both directions and still be let through. */
const lifetime = '24h';
const mostSessions = 65_000;

/**
 * The commands for nft that name the connections to what is shut on this machine: to services of doors, or with a policy for
 * the ports of no door all of them, also those that were made from here. Empty where there are none.
 */
export function liveSessionsText(config: Config): string {
  const isAnyShut = shutsAllPorts(config);
  const ports = new Set(
    config.doors.flatMap(door =>
      door.kind === 'services'
        ? door.services.filter(({ protocol }) => protocol === tcp).map(({ port }) => port)
        : [],
    ),
  );
  const sessions = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap(path =>
    readSessions(readProc(path)),
  );
  const live = sessions.filter(({ port }) => isAnyShut || ports.has(port)).slice(0, mostSessions);
  return (
    addElements(liveSets.ipv4, live.filter(isFour)) +
    addElements(
      liveSets.ipv6,
      live.filter(session => !isFour(session)),
    )
  );
}

/** The same for a table that has been there: those to ports that were not shut before are to be let in too. */
export function newSessionsText(config: Config): string {
  if (!shutsAllPorts(config)) return '';
  const flushed = Object.values(liveSets).map(set => `flush set inet ${tableName} ${set}\n`);
  return flushed.join('') + liveSessionsText(config);
}

function shutsAllPorts({ datagram }: Config): boolean {
  return datagram !== undefined && datagram.policy !== 'none';
}

function isFour({ source }: Session): boolean {
  return isIPv4Mapped(source);
}

function addElements(set: string, sessions: readonly Session[]): string {
  if (sessions.length === 0) return '';
  const elements = sessions.map(
    ({ source, sourcePort, port }) =>
      `${formatAddress(source)} . ${sourcePort} . ${port} timeout ${lifetime}`,
  );
  return `add element inet ${tableName} ${set} { ${[...new Set(elements)].join(', ')} }\n`;
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A kernel without IPv6 has no tcp6.
    return '';
  }
}

/** The established connections in the text of /proc/self/net/tcp or tcp6 (proc(5)). */
export function readSessions(text: string): Session[] {
  return text.split('\n').flatMap(line => {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/);
    const source = readAddress(remote);
    if (state !== established || source === undefined) return [];
    return [{ source, sourcePort: readPort(remote), port: readPort(local) }];
  });
}

function readPort(endpoint: string): number {
  return Number.parseInt(endpoint.split(':')[1] ?? '', 16);
}

/** The kernel prints each 32 bits of an address as one number in its own byte order. */
function readAddress(endpoint: string): Uint8Array | undefined {
  const words = (endpoint.split(':')[0] ?? '').match(/[0-9A-F]{8}/g) ?? [];
  const bytes = words.flatMap(word =>
    (word.match(/../g) ?? []).map(byte => Number.parseInt(byte, 16)).reverse(),
  );
  if (bytes.length === 16) return Uint8Array.from(bytes);
  return bytes.length === 4
    ? Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes])
    : undefined;
}
