/** KMAC128 by NIST's samples, by a slow reference of our own, and by the library's own way of calling it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kmac128 } from '@noble/hashes/sha3-addons.js';
import { Kmac128 } from '../../src/crypto/kmac.js';
import { chanceFrom } from '../methods/chance.js';
import { seedOf } from '../methods/seed.js';
import { slowKmac128 } from './keccak.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const counting = (first: number, length: number) => Uint8Array.from({ length }, (_, index) => first + index);

/** NIST, "Cryptographic Standards and Guidelines: Example Values", KMAC_samples, samples 1 to 3. */
const samples = [
  {
    name: '1',
    data: counting(0, 4),
    customization: '',
    code: 'e5780b0d3ea6f7d3a429c5706aa43a00fadbd7d49628839e3187243f456ee14e',
  },
  {
    name: '2',
    data: counting(0, 4),
    customization: 'My Tagged Application',
    code: '3b1fba963cd8b0b59e8c1a6d71888b7143651af8ba0a7070c0979e2811324aa5',
  },
  {
    name: '3',
    data: counting(0, 200),
    customization: 'My Tagged Application',
    code: '1f5b4e6cca02209e0dcb5ca635b89a15e271ecc760071dfd805faa38f9729230',
  },
];
const sampleKey = counting(0x40, 32);

for (const { name, data, customization, code } of samples) {
  test(`NIST's sample ${name}`, () => {
    assert.equal(hex(new Kmac128(customization, 32).withKey(sampleKey).mac(data)), code);
  });

  test(`NIST's sample ${name}, slowly`, () => {
    assert.equal(hex(slowKmac128(sampleKey, data, 32, Buffer.from(customization))), code);
  });
}

test('any key, message, customization and length: as the slow reference and the library have it', t => {
  const chance = chanceFrom(seedOf(t));
  const bytes = (most: number) =>
    Uint8Array.from({ length: chance.below(most + 1) }, () => chance.below(256));
  for (let round = 0; round < 60; round++) {
    // Up to more than a block of 168 bytes each.
    const [key, message] = [bytes(200), bytes(400)];
    const personalization = bytes(190).map(byte => byte & 0x7f);
    const length = 1 + chance.below(64);
    const code = new Kmac128(Buffer.from(personalization).toString('latin1'), length)
      .withKey(key)
      .mac(message);
    const said = `round ${round}`;
    assert.equal(hex(code), hex(slowKmac128(key, message, length, personalization)), said);
    assert.equal(hex(code), hex(kmac128(key, message, { personalization, dkLen: length })), said);
  }
});

test('one that is kept gives the same code for the same message, whatever came between', () => {
  const kmac = new Kmac128('', 32).withKey(sampleKey);
  const [first, other] = [kmac.mac(counting(0, 4)), kmac.mac(counting(1, 300))];
  assert.equal(hex(kmac.mac(counting(0, 4))), hex(first));
  assert.notEqual(hex(other), hex(first));
});

test('a shorter code is no piece of a longer one', () => {
  const [short, long] = [4, 32].map(length => new Kmac128('', length).withKey(sampleKey).mac(counting(0, 4)));
  assert.notEqual(hex(short!), hex(long!.subarray(0, 4)));
});
