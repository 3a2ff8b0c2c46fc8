/** Netlink messages and attributes: by hand, round trip, and bytes that are neither. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attribute,
  be16,
  be32,
  be64,
  eachAttribute,
  eachMessage,
  nest,
  netfilterHeaderLength,
  netfilterMessage,
  text,
} from '../../src/net/netlink.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

for (const [name, bytes, expected] of [
  ['empty', attribute(1, new Uint8Array(0)), '04000100'],
  ['one byte, padded', attribute(2, Uint8Array.of(0xaa)), '05000200aa000000'],
  ['four bytes', attribute(0x1234, Uint8Array.of(1, 2, 3, 4)), '0800341201020304'],
  ['16 bits', be16(6, 0x0102), '0600060001020000'],
  ['32 bits', be32(5, 0xfffefdfc), '08000500fffefdfc'],
  ['64 bits', be64(4, 30_000), '0c0004000000000000007530'],
  ['the most that a number says exactly', be64(4, Number.MAX_SAFE_INTEGER), '0c000400001fffffffffffff'],
  ['text', text(1, 'allow'), '0a000100616c6c6f77000000'],
  ['text that needs no padding', text(1, 'abc'), '0800010061626300'],
  ['attributes in one', nest(1, be32(2, 1), text(3, '')), '1400018008000200000000010500030000000000'],
  ['none in one', nest(7), '04000780'],
] as const) {
  test(`attribute: ${name}`, () => assert.equal(hex(bytes), expected));
}

test('a message to netfilter, by hand', () => {
  const message = netfilterMessage(4, 1, 0x0005, 0x01020304, 2, 5, be16(6, 1));
  assert.equal(
    hex(message),
    `1c000000${'0104'}${'0500'}${'04030201'}${'00000000'}${'02000005'}0600060000010000`,
  );
});

type Attribute = readonly [number, string];

function attributesIn(bytes: Buffer, start: number, end: number): Attribute[] {
  const found: Attribute[] = [];
  eachAttribute(bytes, start, end, (type, from, to) => found.push([type, hex(bytes.subarray(from, to))]));
  return found;
}

const anyAttribute = fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }));
const anyMessage = fc.record({
  subsystem: fc.nat(255),
  type: fc.nat(255),
  sequence: fc.nat(0xffffffff),
  attributes: fc.array(anyAttribute, { maxLength: 6 }),
});

test('round trip of messages and attributes, from the middle of a larger buffer', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 5 }), messages => {
      const parts = messages.map(({ subsystem, type, sequence, attributes }) =>
        netfilterMessage(subsystem, type, 1, sequence, 2, 7, ...attributes.map(each => attribute(...each))),
      );
      const bytes = Buffer.concat(parts);
      const larger = Buffer.concat([Buffer.alloc(33, 0x11), bytes, Buffer.alloc(33, 0x11)]);
      const datagram = larger.subarray(33, 33 + bytes.length);
      const found: unknown[] = [];
      eachMessage(datagram, (type, start, end, sequence) => {
        found.push([type, sequence, attributesIn(datagram, start + netfilterHeaderLength, end)]);
      });
      larger.fill(0);
      const expected = messages.map(({ subsystem, type, sequence, attributes }) => [
        (subsystem << 8) | type,
        sequence,
        attributes.map(([code, value]) => [code, hex(value)]),
      ]);
      assert.deepEqual(found, expected);
    }),
  );
});

test('the flags of nesting and byte order are no part of a type', () => {
  const bytes = Buffer.concat([nest(5, be16(1, 1)), attribute(0x4000 | 6, Uint8Array.of(9))]);
  assert.deepEqual(
    attributesIn(bytes, 0, bytes.length).map(([type]) => type),
    [5, 6],
  );
});

for (const [name, bytes, expected] of [
  ['a length of 3', '03000100', []],
  ['a length of 0', '00000000', []],
  ['longer than the rest', '08000100aabbcc', []],
  ['cut within its header', '080001', []],
  ['good, then one that is too long', '0500010aff0000000900020000000000', [[0x0a01, 'ff']]],
  ['the last without its padding', '05000100ff', [[1, 'ff']]],
] as const) {
  test(`attributes that do not fit: ${name}`, () => {
    const buffer = Buffer.from(bytes, 'hex');
    assert.deepEqual(attributesIn(buffer, 0, buffer.length), expected);
  });
}

test('messages that do not fit end the datagram', () => {
  const good = netfilterMessage(0, 1, 0, 1, 0, 0);
  const withLength = (length: number) => {
    const bad = Buffer.from(good);
    bad.writeUInt32LE(length);
    return bad;
  };
  for (const bad of [0, 1, 15, 21, 0xffffffff].map(withLength)) {
    let count = 0;
    eachMessage(Buffer.concat([good, bad]), () => count++);
    assert.equal(count, 1, `length ${bad.readUInt32LE()}`);
  }
});

test('random bytes never throw, and nothing outside them is named', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 120, size: 'max' }),
    // Small numbers at the start, so that lengths are often possible ones.
    fc
      .array(fc.constantFrom(0, 1, 4, 5, 8, 16, 20, 24), { maxLength: 120, size: 'max' })
      .map(all => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(bytes, all => {
      const datagram = Buffer.from(all);
      eachMessage(datagram, (_type, start, end) => {
        assert.ok(start >= 0 && start + 16 <= end && end <= datagram.length);
        eachAttribute(datagram, start + 16, end, (_code, from, to) => {
          assert.ok(from >= start + 20 && from <= to && to <= end);
        });
      });
    }),
    { numRuns: 3000 },
  );
});
