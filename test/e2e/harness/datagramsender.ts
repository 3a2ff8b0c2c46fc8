/** Sends one datagram, or a flood of what only looks like one; run by itself in a namespace: `node datagramsender.js JSON`. */
import { createECDH, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { libc } from '../../../src/net/libc.js';

interface One {
  readonly address: string;
  readonly port: number;
  readonly hex: string;
}

interface Flood {
  readonly destination: string;
  readonly perSecond: number;
}

const inet = 2;
const raw = 3;
const rawProtocol = 255;
const udpProtocol = 17;
const ciphertextLength = 700 - (700 % 16);
/** It ends by itself, whatever becomes of the test. */
const mostMs = 60_000;
const turnMs = 10;

function sendOne({ address, port, hex }: One): void {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.send(Buffer.from(hex, 'hex'), port, address, () => socket.close());
}

function sendFlood({ destination, perSecond }: Flood): void {
  const fd = libc().socket(inet, raw, rawProtocol);
  const packet = packetTo(destination);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(inet);
  packet.copy(address, 4, 16, 20);
  const key = createECDH('prime256v1');
  let sent = 0;
  const start = performance.now();
  const timer = setInterval(() => {
    const elapsed = performance.now() - start;
    if (elapsed > mostMs) clearInterval(timer);
    for (const due = (elapsed * perSecond) / 1000; sent < due; sent++) {
      // Other hosts of the client's /24, of which each may send so many.
      packet.writeUInt8(3 + (sent % 250), 15);
      packet.writeUInt16BE(1024 + (sent % 60_000), 20);
      randomBytes(ciphertextLength).copy(packet, 32);
      key.generateKeys().copy(packet, 32 + ciphertextLength);
      libc().sendto(fd, packet, packet.length, 0, address, address.length);
      if (sent === 1000) process.stdout.write('flooding\n');
    }
  }, turnMs);
}

/** RFC 791 and RFC 768, without a checksum over the payload; the kernel fills in the header's (raw(7)). */
function packetTo(destination: string): Buffer {
  const packet = Buffer.alloc(28 + 4 + ciphertextLength + 65);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(udpProtocol, 9);
  const octets = destination.split('.').map(Number);
  packet.set(octets, 12);
  packet.set(octets, 16);
  packet.writeUInt16BE(31_337, 22);
  packet.writeUInt16BE(packet.length - 20, 24);
  packet.writeUInt32BE(0x61010000, 28);
  return packet;
}

const [, script = '', text] = process.argv;
if (script.endsWith('datagramsender.js') && text !== undefined) {
  const request = JSON.parse(text) as One | Flood;
  if ('hex' in request) sendOne(request);
  else sendFlood(request);
}
