/** Every bit of a datagram matters: flipped, or with an end missing, it is refused, and never throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import { captured, currentTime, ofVersion1, packetOf, said } from './hearing.js';

const words = new Set([
  'nothing',
  'bad-tag unreadable',
  'bad-tag bad-signature',
  'stale',
  'wrong-address',
  'unknown-client malformed-certificate',
  'unknown-client other-authority',
]);

/** All bits of one datagram of each version; of the others, those of the header and the point, and some between. */
const passes = [
  { ...ofVersion1, version: '1.0.0', at: currentTime },
  { ...captured, version: '0.0.1', at: undefined },
].flatMap(({ site, vectors, version, at }) =>
  vectors.map((vector, index) => ({ site, version, at, step: index === 0 ? 1 : 61, ...vector })),
);

for (const { name, version, site, at, step, payload, from, time } of passes) {
  test(`${version}, ${name}: ${step === 1 ? 'every bit' : 'many bits'} flipped`, async () => {
    const method = new Datagram(site, () => false);
    const hear = async (changed: Uint8Array) =>
      said(await method.recognise(packetOf(changed, from, time), at ?? time));
    assert.equal(await hear(payload), 'knock');
    const counts = new Map<string, number>();
    const pointAt = (payload.length - 91) * 8;
    for (let bit = 0; bit < payload.length * 8; bit++) {
      if (bit >= 32 && bit < pointAt && bit % step !== 0) continue;
      const changed = Buffer.from(payload);
      changed[bit >> 3]! ^= 0x80 >> (bit & 7);
      const word = await hear(changed);
      assert.ok(words.has(word), `bit ${bit}: ${word}`);
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    assert.ok(counts.size >= 4, [...counts].join(', '));
  });
}

test('truncated at every length, from both ends', async () => {
  for (const { site, vectors, at } of [
    { ...ofVersion1, at: currentTime },
    { ...captured, at: undefined },
  ]) {
    const method = new Datagram(site, () => false);
    const { payload, from, time } = vectors[0]!;
    for (let length = 0; length < payload.length; length++) {
      for (const piece of [payload.subarray(0, length), payload.subarray(payload.length - length)]) {
        const word = said(await method.recognise(packetOf(piece, from, time), at ?? time));
        assert.ok(word === 'nothing' || word === 'bad-tag unreadable', `${length}: ${word}`);
      }
    }
  }
});

test('blocks left out, doubled and exchanged', async () => {
  const method = new Datagram(ofVersion1.site, () => false);
  const { payload, from, time } = ofVersion1.vectors[0]!;
  const blocks = (payload.length - 69) / 16;
  const block = (index: number) => payload.subarray(4 + index * 16, 20 + index * 16);
  const order = Array.from({ length: blocks }, (_, index) => index);
  for (let index = 0; index < blocks; index++) {
    const without = order.toSpliced(index, 1);
    const doubled = order.toSpliced(index, 0, index);
    const exchanged = order.toSpliced(index, 1, (index + 1) % blocks);
    for (const each of [without, doubled, exchanged]) {
      const changed = Buffer.concat([payload.subarray(0, 4), ...each.map(block), payload.subarray(-65)]);
      const word = said(await method.recognise(packetOf(changed, from, time), currentTime));
      assert.ok(words.has(word), `${index}: ${word}`);
    }
  }
});
