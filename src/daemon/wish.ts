/** What the plain sequences of a configuration want to hear, for the kernel's filters: the table's rules and the tap's. */
import type { Flags, Step } from '../methods/plain-sequence/format.js';
import { nearPorts } from '../methods/plain-sequence/site.js';
import { windowLength } from '../methods/port-sequence/spelling.js';
import type { PortRange, TcpWanted, Wanted } from '../net/filter.js';
import { udp } from '../net/packet.js';
import type { Config, Door, PortSequenceSettings } from './config.js';

export type Wish = Pick<Wanted, 'tcp' | 'udp'>;

/** FIN, SYN, RST and ACK, and of them SYN alone: a connection's first packet. */
const syn: Flags = { mask: 0x17, value: 0x02 };
const everyPort: PortRange = { first: 1, last: 65535 };

/** What opens doors by plain sequences, and what shows who scans. */
export function wishOf(doors: readonly Door[]): Wish {
  const sequences = doors.flatMap(({ sequence }) => sequence ?? []);
  const isGuarded = sequences.some(({ scanGuard }) => scanGuard);
  const wanted = [
    ...(isGuarded ? [{ flags: syn, ports: [everyPort] }] : []),
    ...sequences.map(({ steps, flags }) => ({ flags, ports: portsOf(steps, false, 0) })),
  ];
  const byFlags = new Map<string, { flags: Flags; ports: PortRange[] }>();
  for (const { flags, ports } of wanted) {
    const key = `${flags.mask} ${flags.value}`;
    byFlags.set(key, { flags, ports: [...(byFlags.get(key)?.ports ?? []), ...ports] });
  }
  const tcp = Array.from(byFlags.values(), ({ flags, ports }) => ({ ...flags, ports: merge(ports) }));
  const near = sequences.flatMap(({ steps, scanGuard }) => portsOf(steps, true, scanGuard ? nearPorts : 0));
  return {
    tcp: tcp.filter(({ ports }) => ports.length > 0),
    udp: merge(near),
  };
}

/** The window of a port sequence. */
export function windowOf({ basePort, spelling }: PortSequenceSettings): TcpWanted {
  return { ...syn, ports: [{ first: basePort, last: basePort + windowLength[spelling] - 1 }] };
}

/** Addresses, 16 bytes each, that sequences are knocked at and that need not be this machine's. */
export function targetsOf({ doors }: Config): Uint8Array[] {
  return doors.flatMap(({ sequence }) => sequence?.target ?? []);
}

function portsOf(steps: readonly Step[], isUdp: boolean, near: number): PortRange[] {
  return steps
    .filter(({ protocol }) => (protocol === udp) === isUdp)
    .map(({ port }) => ({ first: Math.max(0, port - near), last: Math.min(65535, port + near) }));
}

/** Ranges in order, without overlaps. */
function merge(ranges: readonly PortRange[]): PortRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}
