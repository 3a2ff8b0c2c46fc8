/** Packets and frames byte by byte, as a network would carry them: with right checksums of IP. */
import { tcp, udp } from '../../../src/net/packet.js';
import { ipv4, syn, udpDatagram } from '../../net/made.js';

/** An Ethernet frame to all, with a VLAN's tag where one is given. */
export function frame(packet: Buffer, vlan?: number): Buffer {
  const tag = vlan === undefined ? '' : `8100${vlan.toString(16).padStart(4, '0')}`;
  return Buffer.concat([Buffer.from(`ffffffffffff020000000001${tag}0800`, 'hex'), packet]);
}

/** A SYN to port 7000, a datagram to port 8000, from 192.0.2.7 to an address. */
export function packets(destination: string): readonly [Buffer, Buffer] {
  const made = [
    ipv4(tcp, syn({ sourcePort: 1, port: 7000, sequence: 1 })),
    ipv4(udp, udpDatagram(1, 8000, '')),
  ] as const;
  for (const packet of made) {
    packet.set(destination.split('.').map(Number), 16);
    writeChecksum(packet);
  }
  return made;
}

/** An IPv4 packet without options, with its checksum: without it the kernel shows it to nobody. */
export function writeChecksum(packet: Buffer): Buffer {
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += packet.readUInt16BE(at);
  packet.writeUInt16BE(0xffff - ((sum & 0xffff) + (sum >> 16)), 10);
  return packet;
}
