/** Decoding step by step, with ever more symbols left out: at each step what the reference says of what is left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder } from '../../../src/methods/port-sequence/decoder.js';
import { chanceFrom } from '../chance.js';
import { seedOf } from '../seed.js';
import * as reference from './reference.js';

const { length, dimension, missing } = reference;

test('each step agrees with the reference, and the last data symbol with the codeword', t => {
  const seed = seedOf(t);
  const chance = chanceFrom(seed);
  const decoder = new Decoder();
  let decoded = 0;
  for (let round = 0; round < 3000; round++) {
    const symbols = Uint8Array.from({ length: dimension }, () => chance.below(128));
    const larger = new Uint8Array(length + 40).fill(0x7f);
    larger.set(reference.encodeSymbols(symbols), 23);
    const held = larger.subarray(23, 23 + length);
    const order = chance.some(length, length);
    for (const position of order.slice(0, chance.below(14))) held[position] = chance.below(128);
    const left = Uint8Array.from(held);
    decoder.load(held);
    larger.fill(0x55);
    for (const position of order.toReversed()) {
      const expected = reference.decode(left);
      const wrong = decoder.solve();
      assert.equal(wrong, expected?.wrong ?? -1, `seed ${seed}, round ${round}: ${left.join()}`);
      if (expected !== undefined) {
        decoded++;
        const codeword = new Uint8Array(length);
        assert.equal(
          decoder.lastDataSymbol(),
          expected.codeword[dimension - 1],
          `seed ${seed}, round ${round}`,
        );
        decoder.write(codeword);
        assert.deepEqual(codeword, expected.codeword, `seed ${seed}, round ${round}`);
      }
      decoder.erase(position);
      left[position] = missing;
    }
  }
  assert.ok(decoded > 3000, `${decoded}`);
});
