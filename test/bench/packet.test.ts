/** The packets that the bench sends: what the daemon's own decoder makes of them, and their checksum, counted apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  datagramHeaderLength,
  ipv4Number,
  readdressDatagram,
  SynWriter,
  synLength,
  writeDatagram,
} from '../../bench/packet.js';
import { formatAddress } from '../../src/net/address.js';
import { decodePacket, newPacket, synOnly, tcp, udp } from '../../src/net/packet.js';

const word = fc.integer({ min: 0, max: 0xffffffff });
const port = fc.integer({ min: 1, max: 65535 });

test('addresses as numbers', () => {
  assert.equal(ipv4Number('10.77.0.1'), 0x0a4d0001);
  assert.equal(ipv4Number('255.255.255.255'), 0xffffffff);
});

test('a SYN is one, from and to where it says, and its checksum is right', () => {
  const writer = new SynWriter('10.77.0.1');
  const at = 3;
  const bytes = Buffer.alloc(at + synLength + 5, 0xff);
  fc.assert(
    fc.property(word, port, port, word, (source, sourcePort, to, sequence) => {
      writer.write(bytes, at, source, sourcePort, to, sequence);
      const packet = newPacket();
      assert.ok(decodePacket(bytes.subarray(at, at + synLength), packet));
      assert.equal(packet.protocol, tcp);
      assert.ok(synOnly(packet.flags));
      assert.equal(packet.port, to);
      assert.equal(ipv4Number(formatAddress(packet.source)), source);
      assert.equal(bytes.readUInt16BE(at + 20), sourcePort);
      assert.equal(bytes.readUInt32BE(at + 24), sequence);
      assert.equal(tcpSum(bytes.subarray(at, at + synLength)), 0xffff);
      assert.ok(
        bytes.subarray(0, at).every(byte => byte === 0xff),
        'nothing before it',
      );
      assert.ok(
        bytes.subarray(at + synLength).every(byte => byte === 0xff),
        'nothing behind it',
      );
    }),
  );
});

/** RFC 9293 section 3.1, RFC 1071: over pseudo header and segment, the checksum included, all ones. */
function tcpSum(packet: Buffer): number {
  const segment = packet.subarray(20);
  const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, 0, segment.length]), segment]);
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) {
    sum += pseudo.readUInt16BE(at);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum;
}

test('a datagram is one, and may be given another source', () => {
  const payload = Buffer.from('garbage');
  const bytes = Buffer.alloc(64);
  const length = writeDatagram(bytes, 2, { source: 1, destination: 2, sourcePort: 3, port: 62201, payload });
  assert.equal(length, datagramHeaderLength + payload.length);
  readdressDatagram(bytes, 2, ipv4Number('192.0.2.7'), 40_000);
  const packet = newPacket();
  assert.ok(decodePacket(bytes.subarray(2, 2 + length), packet));
  assert.equal(packet.protocol, udp);
  assert.equal(packet.port, 62201);
  assert.equal(formatAddress(packet.source), '192.0.2.7');
  assert.equal(bytes.readUInt16BE(2 + 20), 40_000);
  assert.equal(bytes.readUInt16BE(2 + 24), 8 + payload.length);
  assert.equal(bytes.subarray(2 + datagramHeaderLength, 2 + length).toString(), 'garbage');
});
