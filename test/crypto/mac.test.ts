/** HMAC-SHA256 by the cases of RFC 4231, whole and cut; comparison of bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes, mac } from '../../src/crypto/mac.js';

const hex = (text: string) => Buffer.from(text, 'hex');
const ascii = (text: string) => Buffer.from(text, 'ascii');

const cases = [
  {
    name: '4.2',
    key: Buffer.alloc(20, 0x0b),
    data: ascii('Hi There'),
    tag: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  },
  {
    name: '4.3',
    key: ascii('Jefe'),
    data: ascii('what do ya want for nothing?'),
    tag: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  },
  {
    name: '4.4',
    key: Buffer.alloc(20, 0xaa),
    data: Buffer.alloc(50, 0xdd),
    tag: '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  },
  {
    name: '4.5',
    key: hex('0102030405060708090a0b0c0d0e0f10111213141516171819'),
    data: Buffer.alloc(50, 0xcd),
    tag: '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  },
  {
    name: '4.6',
    key: Buffer.alloc(20, 0x0c),
    data: ascii('Test With Truncation'),
    tag: 'a3b6167473100ee06e0c796c2955552b',
  },
  {
    name: '4.7',
    key: Buffer.alloc(131, 0xaa),
    data: ascii('Test Using Larger Than Block-Size Key - Hash Key First'),
    tag: '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  },
  {
    name: '4.8',
    key: Buffer.alloc(131, 0xaa),
    data: ascii(
      'This is a test using a larger than block-size key and a larger than block-size data. ' +
        'The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    tag: '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  },
];

for (const { name, key, data, tag } of cases) {
  test(`RFC 4231 section ${name}, cut to every length`, () => {
    const whole = hex(tag);
    for (let length = 0; length <= whole.length; length++) {
      assert.deepEqual([...mac(key, length, data)], [...whole.subarray(0, length)]);
    }
  });
}

test('equal bytes are equal; every other bit and length is not', () => {
  const bytes = hex('00ff10203040a5a5');
  assert.ok(equalBytes(bytes, Uint8Array.from(bytes)));
  assert.ok(equalBytes(new Uint8Array(0), new Uint8Array(0)));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Uint8Array.from(bytes);
    other[bit >> 3]! ^= 0x80 >> (bit & 7);
    assert.ok(!equalBytes(bytes, other), `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.ok(!equalBytes(bytes, bytes.subarray(0, length)), `length ${length}`);
    assert.ok(!equalBytes(bytes.subarray(0, length), bytes), `length ${length}`);
  }
});
