/**
 * Sends a SYN for each of many numbers, at moments that are the same for everyone who is told the same start: so that
 * two processors of the server see one number, or one source, at once.
 *
 *   node numberrace.js SOURCE DESTINATION PORT START_NS GAP_NS < numbers, one a line, with another source behind it where
 *                                                               there is one; the start is of hrtime(7)'s clock
 */
import { readFileSync } from 'node:fs';
import { interfaceIndex } from '../../../src/net/interfaces.js';
import { libc } from '../../../src/net/libc.js';
import { tcp } from '../../../src/net/packet.js';
import { ipv4, syn } from '../../net/made.js';
import { frame, writeChecksum } from './frames.js';

const packetFamily = 17;
const rawFrames = 3;
const firstPort = 1024;
const jitterNs = 5000;

const [source = '', destination = '', port, startNs = '0', gapNs = '0'] = process.argv.slice(2);
const lines = readFileSync(0, 'utf8').trim().split('\n');
const frames = lines.map((line, index) => {
  const [number, from = source] = line.split(' ');
  const packet = ipv4(
    tcp,
    syn({ sourcePort: firstPort + index, port: Number(port), sequence: Number(number) }),
  );
  packet.set(from.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  return frame(writeChecksum(packet));
});
const fd = libc().socket(packetFamily, rawFrames, 0);
const address = Buffer.alloc(20);
address.writeUInt16LE(packetFamily, 0);
address.writeInt32LE(interfaceIndex('uplink') ?? 0, 4);

const start = BigInt(startNs);
for (const [index, bytes] of frames.entries()) {
  // One way may take longer than the other: by chance they meet.
  const at = start + BigInt(index) * BigInt(gapNs) + BigInt(Math.floor(Math.random() * jitterNs));
  while (process.hrtime.bigint() < at);
  libc().sendto(fd, bytes, bytes.length, 0, address, address.length);
}
