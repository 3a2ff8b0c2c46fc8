/** Captures of hellos and responses. */
import { isIPv4Mapped, parseAddress } from '../../src/net/address.js';
import { udp } from '../../src/net/packet.js';
import { ethernet, pcap, record } from '../net/capturemade.js';
import { ipv4, ipv6, udpDatagram } from '../net/made.js';

/** Where the server of the configurations hears hellos and responses. */
export const port = 4001;

export interface Sent {
  readonly at: number;
  readonly payload: Uint8Array;
  readonly source?: string;
  readonly to?: number;
}

/** The datagram of a vector. */
export function sentBy({ at, source, payload }: { at: number; source: string; payload: string }): Sent {
  return { at, source, payload: Buffer.from(payload, 'hex') };
}

export function capture(all: readonly Sent[]): Buffer {
  const records = all.map(({ at, payload, source = '192.0.2.7', to = port }) => {
    const whole = udpDatagram(50_000, to, Buffer.from(payload).toString('hex'));
    const address = parseAddress(source)!;
    const isIPv4 = isIPv4Mapped(address);
    const ip = isIPv4 ? ipv4(udp, whole) : ipv6(udp, whole);
    ip.set(isIPv4 ? address.subarray(12) : address, isIPv4 ? 12 : 8);
    return record('little', Math.floor(at / 1000), (at % 1000) * 1000, ethernet(ip));
  });
  return pcap('little', 1, records);
}
