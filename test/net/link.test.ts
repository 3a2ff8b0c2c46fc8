/** Link types: the packet in each kind of frame, through both kinds of capture files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tcp } from '../../src/net/packet.js';
import {
  cooked,
  enhanced,
  ethernet,
  hex,
  interfaceBlock,
  pcap,
  read,
  record,
  section,
} from './capturemade.js';
import { ipv4, ipv6, syn } from './made.js';

const segment = syn({ sourcePort: 40_001, port: 51_234, sequence: 1 });
const four = ipv4(tcp, segment);
const six = ipv6(tcp, segment);
const whole = { unknownLink: 0, unknownLinkType: undefined, untimed: 0, damage: undefined };

const before = (prefix: string, ip: Buffer) => Buffer.concat([Buffer.from(prefix, 'hex'), ip]);
const zeros = (length: number) => '00'.repeat(length);

/** Name, link type, a frame by a little-endian machine, the packet in it. */
const frames: readonly [string, number, Buffer, Buffer | undefined][] = [
  ['Ethernet, IPv4', 1, ethernet(four), four],
  ['Ethernet, IPv6', 1, ethernet(six), six],
  ['one VLAN tag', 1, ethernet(four, '81000064'), four],
  ['802.1ad and 802.1Q', 1, ethernet(six, '88a80001', '81000002'), six],
  ['five tags', 1, ethernet(four, '91000001', '88a80001', '81000002', '81000003', '81000004'), four],
  ['PPPoE, IPv4', 1, before(`${zeros(12)}8864${'11000001002a'}0021`, four), four],
  ['PPPoE, IPv6, behind a tag', 1, before(`${zeros(12)}810000648864${'11000001003e'}0057`, six), six],
  ['PPPoE, not a session', 1, before(`${zeros(12)}8864${'11a70001002a'}0021`, four), undefined],
  ['ARP', 1, before(`${zeros(12)}0806`, four), undefined],
  ['a length for a type', 1, before(`${zeros(12)}002e`, four), undefined],
  ['a tag and nothing behind it', 1, Buffer.from(`${zeros(12)}8100`, 'hex'), undefined],
  ['half a tag', 1, Buffer.from(`${zeros(12)}8100000008`, 'hex'), undefined],
  ['a header and no packet', 1, Buffer.from(`${zeros(12)}0800`, 'hex'), undefined],
  ['half a header', 1, Buffer.from(zeros(13), 'hex'), undefined],
  ['PPP', 9, before('ff030021', four), four],
  ['PPP without address and control', 9, before('0057', six), six],
  ['PPP, a control protocol', 9, before('ff03c021', four), undefined],
  ['PPP of one byte', 9, Buffer.of(0), undefined],
  ['PPPoE alone', 51, before('11000001002a0021', four), four],
  ['PPPoE alone, cut', 51, before('11000001', Buffer.alloc(0)), undefined],
  ['raw', 12, four, four],
  ['raw of OpenBSD', 14, six, six],
  ['raw IP', 101, six, six],
  ['raw IPv4', 228, four, four],
  ['raw IPv6', 229, six, six],
  ['raw and empty', 101, Buffer.alloc(0), undefined],
  ['Linux cooked', 113, cooked(four), four],
  ['Linux cooked, a tag', 113, before(`${zeros(14)}8100000586dd`, six), six],
  ['Linux cooked, cut', 113, Buffer.from(zeros(15), 'hex'), undefined],
  ['Linux cooked 2', 276, before(`0800${zeros(18)}`, four), four],
  ['Linux cooked 2, IPv6', 276, before(`86dd${zeros(18)}`, six), six],
  ['Linux cooked 2, a tag', 276, before(`8100${zeros(18)}000a0800`, four), four],
  ['Linux cooked 2, ARP', 276, before(`0806${zeros(18)}`, four), undefined],
  ['Linux cooked 2, cut', 276, before(`0800${zeros(17)}`, Buffer.alloc(0)), undefined],
  ['BSD loopback, IPv4', 0, before('02000000', four), four],
  ['BSD loopback, by the other order', 0, before('0000001c', six), six],
  ['BSD loopback, Darwin', 0, before('1e000000', six), six],
  ['BSD loopback, AppleTalk', 0, before('10000000', six), undefined],
  ['BSD loopback, cut', 0, Buffer.from('020000', 'hex'), undefined],
  ['OpenBSD loopback', 108, before('00000018', six), six],
  ['NFLOG', 239, before('02000005' + '08000100aabbccdd' + '05000a0000000000' + '2c000900', four), four],
  ['NFLOG, IPv6', 239, before('0a000005' + '40000900', six), six],
  ['NFLOG, padding within', 239, before('02000005' + '06000100aabb0000' + '2c000900', four), four],
  ['NFLOG without a payload', 239, Buffer.from('0200000508000100aabbccdd', 'hex'), undefined],
  ['NFLOG, an attribute of three bytes', 239, before('0200000503000100', four), undefined],
  ['NFLOG, an attribute of no bytes', 239, before('02000005' + '00000000' + '2c000900', four), undefined],
  ['NFLOG, three bytes and a payload', 239, before('02000005' + '03000100' + '2c000900', four), undefined],
  ['NFLOG, an attribute longer than the rest', 239, before('020000052d000900', four), undefined],
  ['NFLOG, a header alone', 239, Buffer.from('02000005', 'hex'), undefined],
];

for (const [name, linkType, frame, ip] of frames) {
  test(`link type ${linkType}: ${name}`, () => {
    const expected = {
      ...whole,
      frames: 1,
      heard: ip === undefined ? [] : [[1000, hex(ip)]],
      packets: ip === undefined ? 0 : 1,
    };
    assert.deepEqual(read(pcap('little', linkType, [record('little', 1, 0, frame)])), expected);
    const blocks = [
      section('little'),
      interfaceBlock('little', linkType),
      enhanced('little', 0, 1_000_000n, frame),
    ];
    assert.deepEqual(read(Buffer.concat(blocks)), expected);
  });

  test(`link type ${linkType}, cut anywhere: ${name}`, () => {
    for (let length = 0; length < frame.length; length++) {
      const { heard, damage } = read(
        pcap('little', linkType, [record('little', 1, 0, frame.subarray(0, length))]),
      );
      assert.equal(damage, undefined);
      for (const [, each] of heard) assert.ok(ip === undefined || hex(ip).startsWith(each));
    }
  });
}

test('NFLOG by a big-endian machine', () => {
  const frame = before('02000005' + '00080001aabbccdd' + '002c0009', four);
  assert.deepEqual(read(pcap('big', 239, [record('big', 1, 0, frame)])).heard, [[1000, hex(four)]]);
});

test('the upper half of a link type is not part of it', () => {
  const file = pcap('big', 0x2400_0001, [record('big', 1, 0, ethernet(four))]);
  assert.deepEqual(read(file).heard, [[1000, hex(four)]]);
});
