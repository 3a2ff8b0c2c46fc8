/** What a kernel knows of sockets from outside: who listens, and what was thrown away unread. */
import { readFileSync } from 'node:fs';

/**
 * Datagrams that the sockets at a UDP port did not get since they were opened, of the namespace that a process is in.
 * Of the sockets of libpcap nobody can see from outside what they lose.
 */
export function datagramsLost(pid: number, port: number): number {
  return readDatagramsLost(readFileSync(`/proc/${pid}/net/udp`, 'latin1'), port);
}

/** Whether somebody listens at a UDP port, of the namespace that a process is in. */
export function isUdpPortBound(pid: number, port: number): boolean {
  return rowsAtPort(readFileSync(`/proc/${pid}/net/udp`, 'latin1'), port).length > 0;
}

/** Whether anybody looks at the packets of the namespace that a process is in. */
export function isSniffed(pid: number): boolean {
  return rowsOf(readFileSync(`/proc/${pid}/net/packet`, 'latin1')).length > 0;
}

/** From the table in /proc/net/udp (proc(5)): the local address is its second column, the drops are its last. */
export function readDatagramsLost(table: string, port: number): number {
  return rowsAtPort(table, port).reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}

function rowsAtPort(table: string, port: number): string[][] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return rowsOf(table).filter(fields => fields[1]?.endsWith(suffix));
}

function rowsOf(table: string): string[][] {
  const rows = table.split('\n').slice(1);
  return rows.filter(row => row.trim() !== '').map(row => row.trim().split(/\s+/));
}
