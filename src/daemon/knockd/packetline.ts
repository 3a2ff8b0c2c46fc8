/** What knockd -D says of every packet. It prints the month one too low; this does not. */
import { formatAddress } from '../../net/address.js';
import { type Packet, tcp } from '../../net/packet.js';
import { stampSeconds } from './stamp.js';

const ethernetLength = 14;

/** @param length bytes of the IP packet */
export function describePacket(packet: Packet, length: number): string {
  const { at, protocol, source, sourcePort, destination, port } = packet;
  const name = protocol === tcp ? 'tcp' : 'udp';
  const way = `${formatAddress(source)}:${sourcePort} -> ${formatAddress(destination)}:${port}`;
  return `${stampSeconds(new Date(at))}: ${name}: ${way} ${length + ethernetLength} bytes\n`;
}
