/**
 * A scanner: one packet with the given flags to every TCP port of a server, from one port, and every answer that comes
 * back. Prints { sent, answers }, each answer as "port flags" or "icmp", in order, each once.
 *
 *   node scanner.js OWN-ADDRESS SERVER-ADDRESS syn|ack|fin|rst|null
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isIPv4Mapped, parseAddress } from '../../../src/net/address.js';
import { libc } from '../../../src/net/libc.js';
import { readDescriptor } from '../../../src/net/readable.js';

const ownPort = 54_321;
const flagBits: Readonly<Record<string, number>> = { syn: 2, ack: 16, fin: 1, rst: 4, null: 0 };
const inet = 2;
const raw = 3;
const headerIncluded = 255;
const tcp = 6;
const icmp = 1;

const [own, server, flags = 'syn'] = process.argv.slice(2);
const source = required(own);
const target = required(server);
const answers = new Set<string>();

function required(text: string | undefined): Uint8Array {
  const address = parseAddress(text ?? '');
  if (address === undefined || !isIPv4Mapped(address)) throw new TypeError(`no IPv4 address: ${text}`);
  return address.subarray(12);
}

function listen(protocol: number, note: (packet: Buffer, headerLength: number) => void): void {
  const buffer = Buffer.alloc(2048);
  readDescriptor(libc().socket(inet, raw, protocol), buffer, packet => {
    if (packet.length >= 20 && packet.subarray(12, 16).equals(target)) note(packet, (packet[0]! & 15) * 4);
  });
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  sum = (sum >>> 16) + (sum & 0xffff);
  return ~(sum + (sum >>> 16)) & 0xffff;
}

function packetTo(port: number): Buffer {
  const packet = Buffer.alloc(40);
  packet.writeUInt16BE(0x4500, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(0x4006, 8);
  packet.set(source, 12);
  packet.set(target, 16);
  packet.writeUInt16BE(ownPort, 20);
  packet.writeUInt16BE(port, 22);
  packet.writeUInt32BE(1000 + port, 24);
  packet.writeUInt16BE(0x5000 | (flagBits[flags] ?? 0), 32);
  packet.writeUInt16BE(64_240, 34);
  const pseudo = Buffer.concat([source, target, Uint8Array.of(0, tcp, 0, 20), packet.subarray(20)]);
  packet.writeUInt16BE(checksum(pseudo), 36);
  return packet;
}

listen(tcp, (packet, at) => {
  if (packet.length >= at + 14 && packet.readUInt16BE(at + 2) === ownPort) {
    answers.add(`${packet.readUInt16BE(at)} ${packet[at + 13]}`);
  }
});
listen(icmp, () => answers.add('icmp'));

const fd = libc().socket(inet, raw, headerIncluded);
const address = Buffer.from([inet, 0, 0, 0, ...target, 0, 0, 0, 0, 0, 0, 0, 0]);
let sent = 0;
for (let port = 0; port < 65_536; port++) {
  const packet = packetTo(port);
  sent += libc().sendto(fd, packet, packet.length, 0, address, address.length) === packet.length ? 1 : 0;
  // Slow enough for the answers to be read.
  if (port % 64 === 63) await sleep(1);
}
await sleep(500);
process.stdout.write(JSON.stringify({ sent, answers: [...answers].sort() }), () => process.exit());
