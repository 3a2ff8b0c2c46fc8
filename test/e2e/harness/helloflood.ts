/**
 * A flood of what has the length of a hello: one that was heard before and noise in turn, from one source or from the whole
 * network of the sender. Run by itself in a namespace: `node helloflood.js JSON`; it ends by itself.
 */
import { randomFillSync } from 'node:crypto';
import { libc } from '../../../src/net/libc.js';

export interface Flood {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  /** The hello, in hexadecimal. */
  readonly hex: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** How many of the sources that differ from it in the last byte; 1: it alone. */
  readonly sources: number;
}

const inet = 2;
const raw = 3;
const rawProtocol = 255;
const turnMs = 10;
const headersLength = 28;

const flood = JSON.parse(process.argv[2] ?? '') as Flood;
const heard = Buffer.from(flood.hex, 'hex');
const octets = (address: string) => address.split('.').map(Number);

/** RFC 791 and RFC 768, without a checksum over the payload; the kernel fills in the header's (raw(7)). */
function makePacket(): Buffer {
  const packet = Buffer.alloc(headersLength + heard.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(17, 9);
  packet.set(octets(flood.source), 12);
  packet.set(octets(flood.destination), 16);
  packet.writeUInt16BE(flood.port, 22);
  packet.writeUInt16BE(packet.length - 20, 24);
  return packet;
}

const fd = libc().socket(inet, raw, rawProtocol);
const packet = makePacket();
const address = Buffer.from([inet, 0, 0, 0, ...octets(flood.destination), 0, 0, 0, 0, 0, 0, 0, 0]);
let sent = 0;
const start = performance.now();
const timer = setInterval(() => {
  const elapsed = performance.now() - start;
  for (const due = (elapsed * flood.perSecond) / 1000; sent < due; sent++) {
    if (flood.sources > 1) packet.writeUInt8(3 + (sent % flood.sources), 15);
    packet.writeUInt16BE(1024 + (sent % 60_000), 20);
    if (sent % 2 === 0) packet.set(heard, headersLength);
    else randomFillSync(packet, headersLength);
    libc().sendto(fd, packet, packet.length, 0, address, address.length);
    if (sent === 1000) process.stdout.write('flooding\n');
  }
  if (elapsed < flood.seconds * 1000) return;
  clearInterval(timer);
  process.stdout.write(`sent ${sent}\n`);
}, turnMs);
