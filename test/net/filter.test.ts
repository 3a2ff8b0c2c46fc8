/** The filter of packet sockets, run by an interpreter: a table of packets, and random ones against a plain predicate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isIPv4Mapped, parseAddress } from '../../src/net/address.js';
import { type PortRange, packetFilter, snapLength, type Wanted } from '../../src/net/filter.js';
import { decodePacket, newPacket, tcp, udp } from '../../src/net/packet.js';
import { runFilter } from './interpreter.js';
import { authenticationHeader, extension, fragment, ipv4, ipv6, syn, udpDatagram } from './made.js';

const etherIPv4 = 0x0800;
const etherIPv6 = 0x86dd;
const toHost = 0;
const outgoing = 4;

const bytes = (text: string) => parseAddress(text)!;
const range = (first: number, last = first): PortRange => ({ first, last });
/** SYN set; ACK, FIN and RST not. */
const synOnly = { mask: 0x17, value: 0x02 };

const usual: Wanted = {
  destinations: ['198.51.100.9', '2001:db8:1::9', '203.0.113.1', 'fe80::1'].map(bytes),
  tcp: [
    { ports: [range(7000), range(9000, 9010), range(9002, 9003)], ...synOnly },
    { ports: [range(7100)], mask: 0x12, value: 0x12 },
  ],
  udp: [range(8000), range(60_000, 65_535)],
  ipv6: true,
};

const segment = (port: number, flags = 2) => syn({ sourcePort: 40_000, port, sequence: 1, flags });
const datagram = (port: number) => udpDatagram(40_000, port, '00');
const options = Buffer.alloc(40, 1);

const table: readonly [string, Buffer, boolean][] = [
  ['a SYN to a port', ipv4(tcp, segment(7000)), true],
  ['a SYN to another port', ipv4(tcp, segment(7001)), false],
  ['the first of a range', ipv4(tcp, segment(9000)), true],
  ['before a range', ipv4(tcp, segment(8999)), false],
  ['the last of a range', ipv4(tcp, segment(9010)), true],
  ['after a range', ipv4(tcp, segment(9011)), false],
  ['SYN and other flags that do not matter', ipv4(tcp, segment(7000, 0xea)), true],
  ['SYN and ACK', ipv4(tcp, segment(7000, 0x12)), false],
  ['SYN and ACK, where they are wanted', ipv4(tcp, segment(7100, 0x12)), true],
  ['a SYN alone where both are wanted', ipv4(tcp, segment(7100)), false],
  ['no flags', ipv4(tcp, segment(7000, 0)), false],
  ['UDP', ipv4(udp, datagram(8000)), true],
  ['UDP to a TCP port', ipv4(udp, datagram(7000)), false],
  ['TCP to a UDP port', ipv4(tcp, segment(8000)), false],
  ['the highest port', ipv4(udp, datagram(65_535)), true],
  ['port 0', ipv4(udp, datagram(0)), false],
  ['another protocol', ipv4(132, segment(7000)), false],
  ['IPv4 with options', ipv4(tcp, segment(7000), { options }), true],
  ['IPv4 with options, another port', ipv4(tcp, segment(7001), { options }), false],
  ['the first fragment', ipv4(tcp, segment(7000), { fragment: 0x2000 }), true],
  ['a later fragment', ipv4(tcp, segment(7000), { fragment: 0x2001 }), false],
  ['the last fragment', ipv4(tcp, segment(7000), { fragment: 0x1fff }), false],
  ['IPv4 cut short', ipv4(tcp, segment(7000)).subarray(0, 22), false],
  ['nothing', Buffer.alloc(0), false],
  ['IPv6', ipv6(tcp, segment(7000)), true],
  ['IPv6, another port', ipv6(tcp, segment(7001)), false],
  ['IPv6, other flags', ipv6(tcp, segment(7000, 0x12)), false],
  ['IPv6, UDP', ipv6(udp, datagram(60_001)), true],
  ['IPv6, another UDP port', ipv6(udp, datagram(59_999)), false],
  ['IPv6, ICMP', ipv6(58, segment(7000)), false],
  ['IPv6, a header between', ipv6(0, extension(tcp, 1), segment(7000)), true],
  ['IPv6, options, whatever the port', ipv6(60, extension(tcp, 0), segment(1)), true],
  ['IPv6, routing', ipv6(43, extension(udp, 0), datagram(8000)), true],
  ['IPv6, authentication', ipv6(51, authenticationHeader(tcp, 24), segment(7000)), true],
  ['IPv6, mobility', ipv6(135, extension(tcp, 0), segment(7000)), true],
  ['IPv6, the first fragment', ipv6(44, fragment(tcp, 0, true), segment(7000)), true],
  ['IPv6, a later fragment', ipv6(44, fragment(tcp, 1, false), segment(7000)), false],
  ['IPv6 cut short', ipv6(tcp, segment(7000)).subarray(0, 42), false],
];

/** Whether a packet is let through, as coming in from an interface unless told otherwise. */
function passes(wanted: Wanted, packet: Buffer, kind = toHost, protocol?: number): boolean {
  return runs(packetFilter(wanted), packet, kind, protocol);
}

function runs(program: Uint8Array, packet: Buffer, kind = toHost, protocol?: number): boolean {
  const version = (packet[0] ?? 0) >> 4;
  const beside = { kind, protocol: protocol ?? (version === 6 ? etherIPv6 : etherIPv4) };
  const length = runFilter(program, packet, beside);
  assert.ok(length === 0 || length === snapLength);
  return length > 0;
}

for (const [name, packet, isWanted] of table) {
  test(`${isWanted ? 'let through' : 'kept back'}: ${name}`, () =>
    assert.equal(passes(usual, packet), isWanted));
}

test('nothing that we send ourselves', () => {
  assert.equal(passes(usual, ipv4(tcp, segment(7000)), outgoing), false);
});

test('what the link says and what the header says must agree', () => {
  assert.equal(passes(usual, ipv4(tcp, segment(7000)), toHost, 0x0806), false);
  assert.equal(passes(usual, ipv6(tcp, segment(7000)), toHost, etherIPv4), false);
  assert.equal(passes(usual, ipv4(tcp, segment(7000)), toHost, etherIPv6), false);
});

test('only to one of the destinations', () => {
  const four = ipv4(tcp, segment(7000));
  const six = ipv6(tcp, segment(7000));
  for (const [destinations, toFour, toSix] of [
    [[], false, false],
    [['198.51.100.9'], true, false],
    [['198.51.100.8', '198.51.100.10', '255.255.255.255', '0.0.0.0'], false, false],
    [['2001:db8:1::9'], false, true],
    [['2001:db8:1::8', '2001:db8:1:1::9', '2001:db8::9', '::9', '2001:db8:1::1:9'], false, false],
    [['2001:db8:1::8', '2001:db8:1::9', '2001:db8:1::a', 'ffff::', '::'], false, true],
  ] as const) {
    const wanted = { ...usual, destinations: destinations.map(bytes) };
    assert.deepEqual([passes(wanted, four), passes(wanted, six)], [toFour, toSix], `${destinations}`);
  }
  const [destinations, packet] = [[bytes('255.255.255.255')], ipv4(tcp, segment(7000))];
  packet.fill(0xff, 16, 20);
  assert.equal(passes({ ...usual, destinations }, packet), true);
});

test('no IPv6 where none is wanted', () => {
  assert.equal(passes({ ...usual, ipv6: false }, ipv6(tcp, segment(7000))), false);
  assert.equal(passes({ ...usual, ipv6: false }, ipv4(tcp, segment(7000))), true);
});

test('two hundred doors: every port of theirs, and none beside', () => {
  const doors = Array.from({ length: 200 }, (_, door) => ({
    ports: [1, 2, 3].map(step => range(1000 + door * 20 + step * 5)),
    ...synOnly,
  }));
  const wanted = { ...usual, tcp: doors };
  const program = packetFilter(wanted);
  const ports = new Set(doors.flatMap(door => door.ports.map(({ first }) => first)));
  const letThrough = Array.from({ length: 65_536 }, (_, port) => port).filter(
    port => runFilter(program, ipv4(tcp, segment(port)), { kind: toHost, protocol: etherIPv4 }) > 0,
  );
  assert.deepEqual(
    letThrough,
    [...ports].sort((a, b) => a - b),
  );
});

test('many destinations', () => {
  const four = Array.from({ length: 300 }, (_, n) => `198.51.${n >> 7}.${(n & 127) * 2}`);
  const six = Array.from({ length: 300 }, (_, n) => `2001:db8:${n % 7}::${(n * 2).toString(16)}:1`);
  const program = packetFilter({ ...usual, destinations: [...four, ...six].map(bytes) });
  const packet = ipv4(tcp, segment(7000));
  for (let n = 0; n < 1024; n++) {
    packet.set([198, 51, n >> 8, n & 255], 16);
    assert.equal(runs(program, packet), n < 600 && n % 2 === 0, `${n}`);
  }
  for (const address of [...six, '2001:db8:1::0:1', '2001:db8:0::0:2', '2001:db8:6::0:1']) {
    const larger = ipv6(tcp, segment(7000));
    larger.set(bytes(address), 24);
    assert.equal(runs(program, larger), six.includes(address), address);
  }
});

test('the longest program, and one that is longer', () => {
  const singles = (count: number) => ({
    ...usual,
    udp: Array.from({ length: count }, (_, n) => range(n * 2)),
  });
  assert.ok(packetFilter(singles(1900)).length <= 4096 * 8);
  assert.equal(passes(singles(1900), ipv4(udp, datagram(3798))), true);
  assert.equal(passes(singles(1900), ipv4(udp, datagram(3799))), false);
  assert.throws(() => packetFilter(singles(2100)), {
    name: 'RangeError',
    message: /at most 4096 instructions, got/,
  });
});

const ports = fc
  .tuple(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: 0, max: 300 }))
  .map(([first, more]) => range(first, Math.min(first + more, 65_535)));
const fewAddresses = ['198.51.100.9', '198.51.100.10', '2001:db8:1::9', '2001:db8:1::a', '::ffff:0:1'];
const wish = fc.record({
  destinations: fc.subarray(fewAddresses).map(list => list.map(bytes)),
  tcp: fc.array(
    fc.record({
      ports: fc.array(ports, { maxLength: 40 }),
      mask: fc.integer({ min: 0, max: 255 }),
      value: fc.constantFrom(0, 2, 16),
    }),
    { maxLength: 6 },
  ),
  udp: fc.array(ports, { maxLength: 300 }),
  ipv6: fc.boolean(),
});

/** What the program is meant to be, the slow way round: over what the decoder makes of the packet. */
function isWanted(wanted: Wanted, bytesOfPacket: Buffer): boolean {
  const packet = newPacket();
  if (!decodePacket(bytesOfPacket, packet)) return false;
  if (!wanted.ipv6 && !isIPv4Mapped(packet.destination)) return false;
  if (!wanted.destinations.some(address => Buffer.compare(address, packet.destination) === 0)) return false;
  const isIn = (ranges: readonly PortRange[]) =>
    ranges.some(({ first, last }) => first <= packet.port && packet.port <= last);
  if (packet.protocol === udp) return isIn(wanted.udp);
  return wanted.tcp.some(one => (packet.flags & one.mask) === one.value && isIn(one.ports));
}

test('random packets: as a plain predicate says', () => {
  const property = (wanted: Wanted, seeds: [number, number, boolean, number, string][]) => {
    for (const [near, flags, isTcp, optionWords, destination] of seeds) {
      const all = [...wanted.udp, ...wanted.tcp.flatMap(one => one.ports)];
      // Where ranges begin and end is where mistakes are.
      const edge = all[near % Math.max(all.length, 1)] ?? range(near);
      const port = [edge.first, edge.last + 1, edge.first - 1, edge.last, near][near % 5]! & 0xffff;
      const payload = isTcp ? segment(port, flags) : datagram(port);
      const isFour = isIPv4Mapped(bytes(destination));
      const four = { options: Buffer.alloc(optionWords * 4, 1) };
      const packet = isFour ? ipv4(isTcp ? tcp : udp, payload, four) : ipv6(isTcp ? tcp : udp, payload);
      packet.set(bytes(destination).subarray(isFour ? 12 : 0), isFour ? 16 : 24);
      assert.equal(passes(wanted, packet), isWanted(wanted, packet));
    }
  };
  const seed = fc.tuple(
    fc.nat({ max: 65_535 }),
    fc.nat({ max: 255 }),
    fc.boolean(),
    fc.nat({ max: 10 }),
    fc.constantFrom(...fewAddresses),
  );
  fc.assert(fc.property(wish, fc.array(seed, { minLength: 10, maxLength: 20 }), property), { numRuns: 200 });
});

test('random bytes are kept back or let through, and what the decoder takes from them is not kept back', () => {
  const random = fc.uint8Array({ minLength: 0, maxLength: 120 });
  fc.assert(
    fc.property(wish, random, (wanted, content) => {
      const packet = Buffer.from(content);
      if (packet.length > 0) packet[0] = packet[0]! % 2 === 0 ? 0x45 : 0x60;
      if (isWanted(wanted, packet)) assert.equal(passes(wanted, packet), true);
      else passes(wanted, packet);
    }),
    { numRuns: 500 },
  );
});
