/** IP packets, whole, cut, in fragments and behind extension headers; and bytes that are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../src/net/address.js';
import { decodePacket, fillFromHit, newPacket, synOnly, tcp, udp } from '../../src/net/packet.js';
import { authenticationHeader, extension, fragment, ipv4, ipv6, syn, udpDatagram } from './made.js';

/** What a decoder says of bytes from the middle of a larger buffer, which is overwritten afterwards; the payload in hex. */
function decoded(bytes: Uint8Array) {
  const larger = Buffer.alloc(bytes.length + 50, 0x45);
  larger.set(bytes, 21);
  const packet = newPacket();
  if (!decodePacket(larger, packet, 21, 21 + bytes.length)) return undefined;
  const payload = Buffer.from(packet.payload).toString('hex');
  larger.fill(0);
  const { sourcePort, port, flags, sequence, protocol } = packet;
  const source = formatAddress(packet.source);
  const destination = formatAddress(packet.destination);
  return { source, destination, protocol, sourcePort, port, flags, sequence, payload };
}

const segment = syn({ sourcePort: 40_001, port: 51_234, sequence: 0xdeadbeef });
const four = { source: '192.0.2.7', destination: '198.51.100.9' };
const six = { source: '2001:db8::7', destination: '2001:db8:1::9' };
const heard = {
  protocol: tcp,
  sourcePort: 40_001,
  port: 51_234,
  flags: 2,
  sequence: 0xdeadbeef,
  payload: '',
};

const accepted: readonly [string, Buffer, object][] = [
  ['IPv4', ipv4(tcp, segment), { ...four, ...heard }],
  ['IPv4 with options', ipv4(tcp, segment, { options: Buffer.alloc(8, 1) }), { ...four, ...heard }],
  ['IPv4 with the most options', ipv4(tcp, segment, { options: Buffer.alloc(40, 1) }), { ...four, ...heard }],
  ['IPv4, the first fragment', ipv4(tcp, segment, { fragment: 0x2000 }), { ...four, ...heard }],
  ['IPv4 that may not be cut', ipv4(tcp, segment, { fragment: 0x4000 }), { ...four, ...heard }],
  [
    'IPv4 with padding behind it',
    Buffer.concat([ipv4(tcp, segment), Buffer.alloc(6)]),
    { ...four, ...heard },
  ],
  [
    'TCP with options and data',
    ipv4(tcp, syn({ sourcePort: 1, port: 2, sequence: 3, options: Buffer.alloc(20, 1), data: 'abcd' })),
    { ...four, ...heard, sourcePort: 1, port: 2, sequence: 3, payload: 'abcd' },
  ],
  [
    'every flag',
    ipv4(tcp, syn({ sourcePort: 1, port: 65_535, sequence: 0, flags: 0xff })),
    { ...four, ...heard, sourcePort: 1, port: 65_535, sequence: 0, flags: 0xff },
  ],
  [
    'UDP',
    ipv4(udp, udpDatagram(5353, 53, 'c0ffee')),
    { ...four, protocol: udp, sourcePort: 5353, port: 53, flags: 0, sequence: 0, payload: 'c0ffee' },
  ],
  [
    'UDP without data, over IPv6',
    ipv6(udp, udpDatagram(1, 2, '')),
    { ...six, protocol: udp, sourcePort: 1, port: 2, flags: 0, sequence: 0, payload: '' },
  ],
  ['IPv6', ipv6(tcp, segment), { ...six, ...heard }],
  ['behind hop-by-hop options', ipv6(0, extension(tcp, 0), segment), { ...six, ...heard }],
  ['behind long destination options', ipv6(60, extension(tcp, 5), segment), { ...six, ...heard }],
  ['behind routing', ipv6(43, extension(tcp, 2), segment), { ...six, ...heard }],
  ['behind mobility', ipv6(135, extension(tcp, 1), segment), { ...six, ...heard }],
  ['behind AH of 12 bytes', ipv6(51, authenticationHeader(tcp, 12), segment), { ...six, ...heard }],
  ['behind AH of 24 bytes', ipv6(51, authenticationHeader(tcp, 24), segment), { ...six, ...heard }],
  ['the first fragment', ipv6(44, fragment(tcp, 0, true), segment), { ...six, ...heard }],
  ['an atomic fragment', ipv6(44, fragment(tcp, 0, false), segment), { ...six, ...heard }],
  [
    'behind all of them',
    ipv6(
      0,
      extension(60, 1),
      extension(43, 0),
      extension(44, 2),
      fragment(51, 0, true),
      authenticationHeader(60, 16),
      extension(135, 0),
      extension(tcp, 0),
      segment,
    ),
    { ...six, ...heard },
  ],
];

for (const [name, bytes, expected] of accepted) {
  test(`a packet: ${name}`, () => assert.deepEqual(decoded(bytes), expected));

  test(`cut short anywhere: ${name}`, () => {
    const whole = decoded(bytes)!;
    for (let length = 0; length < bytes.length; length++) {
      const cut = decoded(bytes.subarray(0, length));
      if (cut === undefined) continue;
      // What is still a packet says the same, but for the data that are missing.
      assert.ok(whole.payload.startsWith(cut.payload));
      assert.deepEqual({ ...cut, payload: whole.payload }, whole, `${length} bytes`);
    }
    const headers = bytes.length - whole.payload.length / 2;
    for (let length = 0; length < headers - 60; length++) {
      assert.equal(decoded(bytes.subarray(0, length)), undefined, `${length} bytes`);
    }
  });
}

test('without a byte of the shortest headers it is no packet', () => {
  for (const [bytes, headers] of [
    [ipv4(tcp, segment), 40],
    [ipv4(udp, udpDatagram(1, 2, 'aa')), 28],
    [ipv6(tcp, segment), 60],
    [ipv6(udp, udpDatagram(1, 2, 'aa')), 48],
    [ipv6(51, authenticationHeader(tcp, 24), segment), 84],
  ] as const) {
    for (let length = 0; length < headers; length++) {
      assert.equal(decoded(bytes.subarray(0, length)), undefined, `${length} of ${headers} bytes`);
    }
    assert.notEqual(decoded(bytes.subarray(0, headers)), undefined);
  }
});

function patched(bytes: Buffer, at: number, ...values: number[]): Buffer {
  const other = Buffer.from(bytes);
  other.set(values, at);
  return other;
}

const mapped = [...new Uint8Array(10), 0xff, 0xff, 192, 0, 2, 7];

const refused: readonly [string, Uint8Array][] = [
  ['nothing', Buffer.alloc(0)],
  ['version 5', patched(ipv4(tcp, segment), 0, 0x55)],
  ['version 0', patched(ipv4(tcp, segment), 0, 0x05)],
  ['IPv4 header of four words', patched(ipv4(tcp, segment), 0, 0x44)],
  ['IPv4 total length 0', patched(ipv4(tcp, segment), 2, 0, 0)],
  ['IPv4 total length within its header', patched(ipv4(tcp, segment), 2, 0, 19)],
  ['IPv4 total length within the TCP header', patched(ipv4(tcp, segment), 2, 0, 39)],
  ['IPv4, a later fragment', ipv4(tcp, segment, { fragment: 0x2001 })],
  ['IPv4, the last fragment', ipv4(tcp, segment, { fragment: 0x1fff })],
  ['ICMP', ipv4(1, segment)],
  ['ESP', ipv4(50, segment)],
  ['IPv4 in IPv4', ipv4(4, ipv4(tcp, segment))],
  ['IPv6 payload length 0', patched(ipv6(tcp, segment), 4, 0, 0)],
  ['IPv6 payload length within the TCP header', patched(ipv6(tcp, segment), 4, 0, 19)],
  ['IPv6 from an address of IPv4', patched(ipv6(tcp, segment), 8, ...mapped)],
  ['IPv6 to an address of IPv4', patched(ipv6(tcp, segment), 24, ...mapped)],
  ['no next header', ipv6(59, segment)],
  ['ICMPv6', ipv6(58, segment)],
  ['an unknown header', ipv6(200, extension(tcp, 0), segment)],
  ['IPv6, a later fragment', ipv6(44, fragment(tcp, 1, true), segment)],
  ['IPv6, the last fragment', ipv6(44, fragment(tcp, 0x1fff, false), segment)],
  ['a fragment behind options', ipv6(60, extension(44, 0), fragment(tcp, 185, false), segment)],
  ['an extension longer than the packet', ipv6(60, extension(tcp, 0), segment).fill(0xff, 41, 42)],
  [
    'nine extensions',
    ipv6(60, ...Array.from({ length: 8 }, () => extension(60, 0)), extension(tcp, 0), segment),
  ],
  ['a TCP header of four words', patched(ipv4(tcp, segment), 32, 0x40)],
  ['a TCP header of no words', patched(ipv4(tcp, segment), 32, 0x00)],
];

for (const [name, bytes] of refused) {
  test(`no packet: ${name}`, () => assert.equal(decoded(bytes), undefined));
}

test('eight extensions are still a packet', () => {
  const chain = [...Array.from({ length: 7 }, () => extension(60, 0)), extension(tcp, 0)];
  assert.deepEqual(decoded(ipv6(60, ...chain, segment)), { ...six, ...heard });
});

test('random bytes never throw', () => {
  const packet = newPacket();
  const bytes = fc.uint8Array({ maxLength: 200, size: 'max' });
  const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x6f);
  fc.assert(
    fc.property(first, bytes, (version, rest) => {
      const isPacket = decodePacket(Uint8Array.of(version, ...rest), packet);
      assert.equal(typeof isPacket, 'boolean');
      if (isPacket) assert.ok(packet.payload.length <= rest.length + 1);
    }),
    { numRuns: 5000 },
  );
});

test('a packet with any byte changed never throws', () => {
  const packet = newPacket();
  for (const [, bytes] of accepted) {
    for (let at = 0; at < bytes.length; at++) {
      for (let value = 0; value < 256; value++) decodePacket(patched(bytes, at, value), packet);
    }
  }
});

test('a hit line fills every field, whatever was there before', () => {
  const packet = newPacket();
  assert.ok(decodePacket(ipv4(tcp, syn({ sourcePort: 9, port: 9, sequence: 9, data: 'aa' })), packet));
  const source = new Uint8Array(16).fill(3);
  fillFromHit(packet, source, 40_000, 1234);
  source.fill(0);
  const expected = {
    ...newPacket(),
    source: new Uint8Array(16).fill(3),
    at: 1234,
    protocol: tcp,
    port: 40_000,
    flags: 2,
  };
  assert.deepEqual(packet, expected);
});

test('a SYN alone, among all 256 flags', () => {
  const found = Array.from({ length: 256 }, (_, flags) => flags).filter(synOnly);
  const others = [0x00, 0x08, 0x20, 0x40, 0x80];
  const expected = Array.from({ length: 256 }, (_, flags) => flags).filter(
    flags => (flags & 2) !== 0 && ![1, 4, 16].some(flag => (flags & flag) !== 0),
  );
  assert.deepEqual(found, expected);
  assert.ok(others.every(other => synOnly(other | 2)));
});
