/** Capture files made byte by byte: both formats, every link type, and every way to be damaged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCaptureFile, readCaptureFile } from '../../src/net/capturefile.js';
import { tcp } from '../../src/net/packet.js';
import {
  cooked,
  enhanced,
  ethernet,
  hex,
  interfaceBlock,
  type Order,
  obsolete,
  option,
  pcap,
  read,
  record,
  section,
  simple,
  unknownBlock,
} from './capturemade.js';
import { ipv4, ipv6, syn } from './made.js';

const segment = syn({ sourcePort: 40_001, port: 51_234, sequence: 1 });
const four = ipv4(tcp, segment);
const six = ipv6(tcp, segment);

const orders: readonly Order[] = ['little', 'big'];
const whole = { unknownLink: 0, unknownLinkType: undefined, untimed: 0, damage: undefined };

for (const order of orders) {
  for (const [unit, fraction, atMs] of [
    ['microseconds', 123_999, 1_795_000_000_123],
    ['microseconds', 0, 1_795_000_000_000],
    ['nanoseconds', 123_999_999, 1_795_000_000_123],
    ['nanoseconds', 999_999_999, 1_795_000_000_999],
  ] as const) {
    test(`pcap, ${order}-endian, ${fraction} ${unit}`, () => {
      const file = pcap(
        order,
        101,
        [record(order, 1_795_000_000, fraction, four), record(order, 5, 0, six)],
        unit,
      );
      assert.ok(isCaptureFile(file));
      assert.deepEqual(read(file), {
        ...whole,
        frames: 2,
        heard: [
          [atMs, hex(four)],
          [5000, hex(six)],
        ],
        packets: 2,
      });
    });
  }

  for (const [name, options, ticks, atMs] of [
    ['no options: microseconds', [], 1_795_000_000_123_999n, 1_795_000_000_123],
    ['nanoseconds', [option(order, 9, [9])], 1_795_000_000_123_999_999n, 1_795_000_000_123],
    ['seconds', [option(order, 9, [0])], 1_795_000_000n, 1_795_000_000_000],
    ['1024ths of a second', [option(order, 9, [0x8a])], 1_795_000_000n * 1024n + 1023n, 1_795_000_000_999],
    [
      'an offset',
      [option(order, 14, seconds(order, 1_000_000_000n))],
      795_000_000_000_000n,
      1_795_000_000_000,
    ],
    ['an offset into the past', [option(order, 14, seconds(order, -5n))], 7_001_999n, 2001],
    [
      'both, among other options',
      [
        option(order, 2, [...Buffer.from('eth0!')]),
        option(order, 9, [3]),
        option(order, 14, seconds(order, 7n)),
      ],
      1001n,
      8001,
    ],
    ['options after the end are none', [option(order, 0, []), option(order, 9, [9])], 3_000_000n, 3000],
    ['a resolution of two bytes is none', [option(order, 9, [9, 9])], 3_000_000n, 3000],
    ['the finest resolution', [option(order, 9, [0x7f])], 2n ** 64n - 1n, 0],
    ['the last millisecond with a date', [option(order, 9, [3])], 253_402_300_799_999n, 253_402_300_799_999],
  ] as const) {
    test(`pcapng, ${order}-endian, ${name}`, () => {
      const file = [
        section(order),
        interfaceBlock(order, 1, ...options),
        enhanced(order, 0, ticks, ethernet(four)),
      ];
      assert.ok(isCaptureFile(Buffer.concat(file)));
      assert.deepEqual(read(Buffer.concat(file)).heard, [[atMs, hex(four)]]);
    });
  }

  test(`pcapng, ${order}-endian: a time before 1970 or without a date is that of the packet before`, () => {
    const file = Buffer.concat([
      section(order),
      interfaceBlock(order, 101, option(order, 14, seconds(order, -5n))),
      interfaceBlock(order, 101, option(order, 9, [0])),
      enhanced(order, 0, 4_999_999n, four),
      enhanced(order, 0, 6_000_000n, four),
      enhanced(order, 1, 253_402_300_800n, four),
      enhanced(order, 1, 2n ** 64n - 1n, four),
    ]);
    const { heard, untimed } = read(file);
    assert.deepEqual(
      heard.map(([atMs]) => atMs),
      [0, 1000, 1000, 1000],
    );
    assert.equal(untimed, 3);
  });

  test(`pcapng, ${order}-endian: several sections, interfaces and kinds of packets`, () => {
    const other = order === 'little' ? 'big' : 'little';
    const file = Buffer.concat([
      section(order),
      interfaceBlock(order, 101),
      interfaceBlock(order, 1, option(order, 9, [9])),
      unknownBlock(order, 5, 40),
      enhanced(order, 1, 2_000_000_000n, ethernet(four)),
      enhanced(order, 0, 3_000_000n, six, 1500),
      simple(order, four),
      obsolete(order, 1, 4_000_000_000n, ethernet(six)),
      unknownBlock(order, 0x0bad, 0),
      section(other),
      enhanced(other, 0, 5_000_000n, four),
      interfaceBlock(other, 113),
      enhanced(other, 0, 6_000_000n, cooked(six)),
      enhanced(other, 1, 7_000_000n, cooked(six)),
    ]);
    assert.deepEqual(read(file), {
      frames: 7,
      heard: [
        [2000, hex(four)],
        [3000, hex(six)],
        [3000, hex(four)],
        [4000, hex(six)],
        [6000, hex(six)],
      ],
      packets: 5,
      unknownLink: 2,
      unknownLinkType: undefined,
      untimed: 1,
      damage: undefined,
    });
  });

  test(`pcapng, ${order}-endian: a simple packet ends where its interface cuts packets`, () => {
    const parts = [
      section(order),
      interfaceBlock(order, 101),
      simple(order, Buffer.concat([four, Buffer.alloc(9)])),
    ];
    parts[1]!.writeUInt32BE(four.length, 12);
    if (order === 'little') parts[1]!.writeUInt32LE(four.length, 12);
    assert.deepEqual(read(Buffer.concat(parts)).heard, [[0, hex(four)]]);
  });
}

function seconds(order: Order, value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  if (order === 'little') bytes.writeBigInt64LE(value);
  else bytes.writeBigInt64BE(value);
  return [...bytes];
}

test('an unknown link type is counted and named', () => {
  const file = pcap('little', 127, [record('little', 1, 0, four), record('little', 2, 0, six)]);
  const expected = { ...whole, frames: 2, heard: [], packets: 0, unknownLink: 2, unknownLinkType: 127 };
  assert.deepEqual(read(file), expected);
});

const goodPcap = [
  pcap('little', 101, []),
  record('little', 1, 0, four),
  record('little', 2, 0, six),
  record('little', 3, 0, four),
];
const goodPcapng = [
  section('big'),
  interfaceBlock('big', 101, option('big', 9, [6])),
  enhanced('big', 0, 1_000_000n, four),
  obsolete('big', 0, 2_000_000n, six),
  enhanced('big', 0, 3_000_000n, four),
];

for (const [name, parts] of [
  ['pcap', goodPcap],
  ['pcapng', goodPcapng],
] as const) {
  test(`${name} cut anywhere gives what came before, and says where it ends`, () => {
    const file = Buffer.concat(parts);
    const all = read(file);
    assert.equal(all.heard.length, 3);
    const ends = parts.map((_, index) => Buffer.concat(parts.slice(0, index + 1)).length);
    for (let length = 0; length < file.length; length++) {
      const { heard, damage } = read(file.subarray(0, length));
      const within = ends.filter(end => end <= length);
      const last = within.at(-1) ?? 0;
      const expected = Math.max(0, within.length - (parts.length - 3));
      assert.deepEqual(heard, all.heard.slice(0, expected), `${length} bytes`);
      if (length === last && length > 0) assert.equal(damage, undefined, `${length} bytes`);
      else assert.equal(damage?.offset, last, `${length} bytes`);
    }
  });

  test(`${name} with any byte changed never throws`, () => {
    const file = Buffer.concat(parts);
    for (let at = 0; at < file.length; at++) {
      for (const value of [0, 1, 2, 3, 4, 0x7f, 0x80, 0xfe, 0xff]) {
        const changed = Buffer.from(file);
        changed[at] = value;
        const { heard, damage } = read(changed);
        assert.ok(heard.length <= 3);
        if (damage !== undefined) assert.ok(damage.offset <= file.length && damage.reason !== '');
      }
    }
  });
}

function patched(parts: readonly Buffer[], index: number, at: number, value: number): Buffer {
  const copies = parts.map(part => Buffer.from(part));
  copies[index]!.writeUInt32BE(value, at);
  return Buffer.concat(copies);
}

const third = goodPcapng[0]!.length + goodPcapng[1]!.length;

for (const [name, file, offset, reason] of [
  [
    'pcap, a length too large',
    patched(goodPcap, 2, 8, 0xffffffff),
    24 + 56,
    'record of 4294967295 bytes cut short',
  ],
  ['block length 0', patched(goodPcapng, 2, 4, 0), third, 'block length 0 is not possible'],
  ['block length 8', patched(goodPcapng, 2, 4, 8), third, 'block length 8 is not possible'],
  ['block length 13', patched(goodPcapng, 2, 4, 13), third, 'block length 13 is not possible'],
  ['block too long', patched(goodPcapng, 2, 4, 4096), third, 'block of 4096 bytes cut short'],
  [
    'the two lengths differ',
    patched(goodPcapng, 2, goodPcapng[2]!.length - 4, 16),
    third,
    'block ends with another length than it begins with',
  ],
  ['packet too long', patched(goodPcapng, 2, 20, 53), third, 'packet of 53 bytes is longer than its block'],
  [
    'no byte order',
    patched([...goodPcapng, section('big')], 5, 8, 1),
    Buffer.concat(goodPcapng).length,
    'section without a byte order',
  ],
  ['version 2', patched(goodPcapng, 0, 12, 0x0002_0000), 0, 'version 2 is not known'],
  [
    'interface too short',
    Buffer.concat([section('big'), unknownBlock('big', 1, 4)]),
    28,
    'interface description cut short',
  ],
  [
    'packet too short',
    Buffer.concat([section('big'), unknownBlock('big', 6, 16)]),
    28,
    'packet block cut short',
  ],
  [
    'simple packet too short',
    Buffer.concat([section('big'), unknownBlock('big', 3, 0)]),
    28,
    'packet block cut short',
  ],
  ['nothing', Buffer.alloc(0), 0, 'not a pcap file'],
  ['text', Buffer.from('40018 192.0.2.1\n'), 0, 'not a pcap file'],
  ['pcap, half a header', Buffer.concat(goodPcap).subarray(0, 23), 0, 'file header cut short'],
] as const) {
  test(`damaged: ${name}`, () => assert.deepEqual(read(file).damage, { offset, reason }));
}

test('other files are no capture files', () => {
  for (const text of [
    '',
    '0a',
    '0a0d0d0a',
    `0a0d0d0a${'00'.repeat(24)}`,
    'd4c3b2',
    'd4c3b2a2',
    '1f8b0800',
    '4d3cb2a0',
  ]) {
    assert.ok(!isCaptureFile(Buffer.from(text, 'hex')), text);
  }
  for (const text of ['40018 192.0.2.1\n', '\n\r\r\n40018 192.0.2.1\n', '# hits\n']) {
    assert.ok(!isCaptureFile(Buffer.from(text)), text);
  }
});

/** Bytes that begin as a capture file does, so that what follows is looked into. */
const begun = fc
  .tuple(
    fc.constantFrom(
      pcap('little', 1, []),
      pcap('big', 239, [], 'nanoseconds'),
      Buffer.concat([section('little'), interfaceBlock('little', 1)]),
      Buffer.concat([section('big'), interfaceBlock('big', 239)]),
      Buffer.alloc(0),
    ),
    fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 6, 9, 12, 16, 20, 32), fc.nat(255)), {
      maxLength: 400,
      size: 'max',
    }),
  )
  .map(([head, rest]) => Buffer.concat([head, Uint8Array.from(rest)]));

test('random bytes never throw, and give no more than they hold', () => {
  fc.assert(
    fc.property(begun, file => {
      isCaptureFile(file);
      let length = 0;
      const summary = readCaptureFile(file, (ip, atMs) => {
        length += ip.length;
        assert.ok(Number.isInteger(atMs) && atMs >= 0 && !Number.isNaN(new Date(atMs).getTime()));
      });
      assert.ok(length <= file.length && summary.packets <= summary.frames);
    }),
    { numRuns: 5000 },
  );
});

test('good files, several bytes changed, never throw', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(goodPcap, goodPcapng), changes, (parts, all) => {
      const file = Buffer.concat(parts);
      for (const [at, value] of all) file[at % file.length] = value;
      const { frames, damage } = read(file);
      assert.ok(frames <= 32 && (damage === undefined || damage.offset <= file.length));
    }),
    { numRuns: 5000 },
  );
});
