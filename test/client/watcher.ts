/**
 * A program for the server's side of a test: prints every SYN that the firewall logs to group 5, one JSON object a line.
 * It knows no more of knocks than that.
 */
import { formatAddress, isIPv4Mapped } from '../../src/net/address.js';
import { openNflog, readNflog } from '../../src/net/nflog.js';
import { decodePacket, newPacket } from '../../src/net/packet.js';

/** One SYN that arrived. */
export interface Arrival {
  readonly source: string;
  readonly sourcePort: number;
  readonly port: number;
  readonly sequence: number;
  /** Whether the TCP checksum in the packet is right; without an offloading card it must be. */
  readonly isSound: boolean;
}

const group = 5;
const packet = newPacket();
// Tests find all files of this folder; only as a program does this one do anything.
if (process.argv[2] === 'watch') {
  readNflog(openNflog(group), {
    begin: () => {},
    packet: (datagram, start, end) => {
      const bytes = datagram.subarray(start, end);
      if (!decodePacket(bytes, packet)) return;
      const { sourcePort, port, sequence } = packet;
      const arrival: Arrival = {
        source: formatAddress(packet.source),
        sourcePort,
        port,
        sequence,
        isSound: isSound(bytes),
      };
      process.stdout.write(`${JSON.stringify(arrival)}\n`);
    },
    lost: count => process.stderr.write(`lost ${count}\n`),
    batch: () => {},
  });
  process.stdout.write('ready\n');
}

/** RFC 9293 section 3.1 and RFC 8200 section 8.1: all words and the pseudo header sum up to all ones. */
function isSound(bytes: Buffer): boolean {
  const isIPv4 = isIPv4Mapped(packet.source);
  const segment = bytes.subarray(isIPv4 ? (bytes[0]! & 15) * 4 : 40);
  const addresses = isIPv4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40);
  let sum = 6 + segment.length;
  for (const part of [addresses, segment]) {
    for (let at = 0; at < part.length; at += 2) sum += part.readUInt16BE(at);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}
