/** A server's keys and doors for tests of sequence numbers, and SYNs that are sent to it. */
import { NumberSeries, stepAt } from '../../../src/methods/sequence-number/format.js';
import type { NumberClient, NumberSite } from '../../../src/methods/sequence-number/site.js';
import { parseAddress } from '../../../src/net/address.js';
import { newPacket, type Packet, tcp } from '../../../src/net/packet.js';

/** The middle of a period of 30 seconds. */
export const noon = Date.UTC(2026, 10, 21, 12) + 15_000;
export const periodMs = 30_000;

export const keys: Readonly<Record<string, string>> = {
  laptop: 'correct horse',
  phone: 'battery staple',
  lost: 'dropped in the lake',
  guest: 'a friend of a friend',
};

const clientOf = (name: string, doors: readonly string[], revoked = false): NumberClient => ({
  name,
  psk: Buffer.from(keys[name]!),
  doors,
  revoked,
});

/** Two doors; who may use both, one, none any more, and only the other. */
export const site: NumberSite = {
  periodMs,
  toleranceMs: 30_000,
  port: undefined,
  clients: [
    clientOf('laptop', ['ssh', 'web']),
    clientOf('phone', ['ssh']),
    clientOf('lost', ['ssh'], true),
    clientOf('guest', ['web']),
  ],
  doors: [
    { name: 'ssh', ports: [22] },
    { name: 'web', ports: [80, 443] },
  ],
};

/** The number that a client would send. @param clockMs what its clock says */
export function numberOf(client: string, port: number, clockMs: number, period = periodMs): number {
  return new NumberSeries(Buffer.from(keys[client]!), port).at(stepAt(clockMs, period));
}

export interface Sent {
  readonly at?: number;
  readonly client?: string;
  /** Where it is sent. */
  readonly port?: number;
  /** Which port the number is made for, where that is another. */
  readonly derivedFor?: number;
  /** How far the client's clock is behind. */
  readonly behindMs?: number;
  readonly sequence?: number;
  readonly source?: string;
  readonly sourcePort?: number;
  readonly flags?: number;
  readonly protocol?: number;
}

/** A SYN as the kernel shows it, the laptop's to ssh at noon unless told otherwise. */
export function sent({
  at = noon,
  client = 'laptop',
  port = 22,
  derivedFor = port,
  behindMs = 0,
  sequence = numberOf(client, derivedFor, at - behindMs),
  source = '192.0.2.7',
  sourcePort = 40_001,
  flags = 0x02,
  protocol = tcp,
}: Sent = {}): Packet {
  const packet = newPacket();
  packet.source.set(parseAddress(source)!);
  return Object.assign(packet, { at, port, sequence, sourcePort, flags, protocol });
}
