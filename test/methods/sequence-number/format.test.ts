/** Sequence numbers: the derivation that was chosen and those that were not; which numbers are taken when. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { endOfStep, NumberSeries, stepAt, stepsTaken } from '../../../src/methods/sequence-number/format.js';
import { slowKmac128 } from '../../crypto/keccak.js';
import { candidatesFile, chosen } from './candidates.js';

const { psk, port, time, period, counter, kmac_custom, candidates } = candidatesFile;
const key = Buffer.from(psk);
const number = new NumberSeries(key, port).at(stepAt(time * 1000, period * 1000));

function u64(value: number, order: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return order === 'le' ? bytes.reverse() : bytes;
}

/** What a candidate's name says that goes in. */
function messageOf(name: string): Buffer {
  const [, kind, order = '', value] = /^v\d (u64|ascii)(be|le)?\((.*)\)$/.exec(name)!;
  const spoken = value === 'counter' ? counter : counter * period;
  return kind === 'ascii' ? Buffer.from(String(spoken)) : u64(spoken, order);
}

test('the number of the vector is the one that was chosen', () => {
  assert.equal(stepAt(time * 1000, period * 1000), counter);
  assert.equal(number, candidates[chosen]?.u32be);
  assert.equal(number, 4158469056);
});

for (const [name, candidate] of Object.entries(candidates)) {
  test(`candidate ${name}: made again as its name says, and told from the chosen one`, () => {
    const message = messageOf(name);
    const numbers = [candidate.u32be, candidate.u32le, candidate.first4_be, candidate.first4_le];
    if (name.startsWith('v1')) {
      const made = slowKmac128(key, message, 4, Buffer.from(kmac_custom));
      const long = slowKmac128(key, message, 32, Buffer.from(kmac_custom)).subarray(0, 4);
      assert.equal(made.toString('hex'), candidate.kmac128_L32bits);
      assert.equal(long.toString('hex'), candidate.kmac128_L256_first4);
      assert.deepEqual([candidate.u32be, candidate.u32le], [made.readUInt32BE(), made.readUInt32LE()]);
      numbers.push(long.readUInt32BE(), long.readUInt32LE());
    } else {
      const ports = Buffer.from([port >> 8, port & 0xff, 0]);
      const made = createHmac('sha3-256', Buffer.concat([ports, key]))
        .update(message)
        .digest();
      assert.equal(made.toString('hex'), candidate.hmac_sha3_256);
      assert.deepEqual(
        [candidate.first4_be, candidate.first4_le],
        [made.readUInt32BE(), made.readUInt32LE()],
      );
    }
    const others = numbers.filter(other => other !== undefined);
    if (name === chosen) others.shift();
    assert.ok(others.length >= 2);
    assert.ok(!others.includes(number));
  });
}

test('key, port and step all change the number', () => {
  const made = [
    ['k', 22, 1],
    ['K', 22, 1],
    ['k', 2, 1],
    ['k', 220, 1],
    ['k', 65535, 1],
    ['k', 22, 2],
    ['k', 22, 2 ** 32 + 1],
    ['', 22, 1],
  ].map(([key, port, step]) =>
    new NumberSeries(Buffer.from(key as string), port as number).at(step as number),
  );
  assert.equal(new Set(made).size, made.length);
});

test('the key of a text is its bytes in UTF-8', () => {
  const made = new NumberSeries(Buffer.from('schlüssel'), 443).at(7);
  const slow = slowKmac128(
    Buffer.from('schlüssel', 'utf8'),
    u64(7, 'be'),
    4,
    Buffer.from('seqknock-v1-00443'),
  );
  assert.equal(made, slow.readUInt32BE());
});

const half = { periodMs: 30_000, toleranceMs: 30_000 };

/** Period and tolerance in seconds, a moment in milliseconds, and the steps that are taken then. */
const taken: readonly (readonly [number, number, number, number, number])[] = [
  [30, 0, 0, 0, 0],
  [30, 0, 29_999, 0, 0],
  [30, 0, 30_000, 1, 1],
  [30, 30, 0, 0, 1],
  [30, 30, 29_999, 0, 1],
  [30, 30, 59_999, 0, 2],
  [30, 30, 60_000, 1, 3],
  [30, 30, 89_999, 1, 3],
  [30, 45, 90_000, 1, 4],
  [30, 10, 90_000, 2, 3],
  [30, 10, 99_999, 2, 3],
  [30, 10, 100_000, 3, 3],
  [30, 10, 109_999, 3, 3],
  [30, 10, 110_000, 3, 4],
  [1, 3600, 7_200_000, 3600, 10_800],
  [3600, 1, 3_599_000, 0, 1],
];

for (const [period, tolerance, now, first, last] of taken) {
  test(`period ${period}s, tolerance ${tolerance}s, at ${now}: steps ${first} to ${last}`, () => {
    const periods = { periodMs: period * 1000, toleranceMs: tolerance * 1000 };
    assert.deepEqual(stepsTaken(now, periods), { first, last });
  });
}

test('a step is taken from its beginning less the tolerance until its end and the tolerance', () => {
  const has = (now: number) => {
    const { first, last } = stepsTaken(now, half);
    return first <= 100 && 100 <= last;
  };
  assert.equal(endOfStep(100, half), 3_060_000);
  assert.deepEqual([2_969_999, 2_970_000, 3_000_000, 3_059_999, 3_060_000].map(has), [
    false,
    true,
    true,
    true,
    false,
  ]);
});
