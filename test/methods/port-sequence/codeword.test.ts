/**
 * Our code of the spread spelling: the vectors, and in each run another quarter of a million words on which it agrees
 * with the reference.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { blockOf, decodeCodeword, encodeCodeword } from '../../../src/methods/port-sequence/codeword.js';
import { type Chance, chanceFrom } from '../chance.js';
import { seedOf } from '../seed.js';
import * as reference from './reference.js';
import { embedded, hex } from './vectors.js';

const { length, dimension, missing } = reference;

interface SpreadVector {
  readonly name: string;
  readonly kind: 'spread';
  readonly block: string;
  readonly base_port: number;
  readonly ports: readonly number[];
  readonly received: readonly number[];
}

interface SealedVector {
  readonly name: string;
  readonly kind: 'sealed';
  readonly block: string;
  readonly base_port: number;
  readonly spread: readonly number[];
}

const file = new URL('../../../../test/vectors/port-sequence.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly vectors: readonly (SpreadVector | SealedVector | { readonly kind: 'classic' })[];
};
const spreadVectors = vectors.filter(vector => vector.kind === 'spread');
const sealedVectors = vectors.filter(vector => vector.kind === 'sealed');

/** What is held after SYNs to these ports. */
function heard(ports: readonly number[], basePort: number): Uint8Array {
  const received = new Uint8Array(length).fill(missing);
  for (const port of ports) received[(port - basePort) >> 7] = (port - basePort) & 127;
  return received;
}

/** What ours makes of a word: as the reference says it, with nothing written where there is nothing. */
function decode(received: Uint8Array): reference.Decoded | undefined {
  const codeword = new Uint8Array(length).fill(0xaa);
  const wrong = decodeCodeword(received, codeword);
  if (wrong >= 0) return { codeword, wrong };
  if (wrong !== -1 || codeword.some(symbol => symbol !== 0xaa)) assert.fail(`${wrong}: ${codeword.join()}`);
  return undefined;
}

function decodedBlock(codeword: Uint8Array): Uint8Array | undefined {
  const block = new Uint8Array(16);
  return blockOf(codeword, block) ? block : undefined;
}

test('there are vectors', () => assert.ok(spreadVectors.length >= 8 && sealedVectors.length >= 8));

for (const { name, block, base_port: basePort, ...vector } of [...spreadVectors, ...sealedVectors]) {
  const ports = vector.kind === 'spread' ? vector.ports : vector.spread;
  const received = vector.kind === 'spread' ? vector.received : vector.spread;

  test(`${name}: encoded, and decoded from what was received`, () => {
    const codeword = embedded(hex(block), encodeCodeword);
    assert.deepEqual(
      Array.from(codeword, (symbol, position) => basePort + 128 * position + symbol),
      ports,
    );
    assert.deepEqual(codeword, reference.encode(hex(block)));
    const decoded = embedded(heard(received, basePort), decode);
    assert.deepEqual(decoded, { codeword, wrong: 0 });
    assert.deepEqual(decodedBlock(codeword), Uint8Array.from(hex(block)));
  });

  test(`${name}: decoded with each single symbol wrong, and with none of 18 alone`, () => {
    const codeword = heard(ports, basePort);
    for (let position = 0; position < length; position++) {
      for (let change = 1; change < 128; change++) {
        const changed = Uint8Array.from(codeword);
        changed[position]! ^= change;
        assert.deepEqual(decode(changed), { codeword, wrong: 1 });
      }
      const few = Uint8Array.from(codeword, (symbol, at) =>
        (at + position) % length < 18 ? symbol : missing,
      );
      assert.equal(decode(few), undefined);
    }
  });
}

test('every single bit of a block comes out where it went in', () => {
  for (let bit = 0; bit < 128; bit++) {
    const block = new Uint8Array(16);
    block[bit >> 3] = 0x80 >> (bit & 7);
    const codeword = encodeCodeword(block);
    assert.deepEqual(codeword, reference.encode(block), `bit ${bit}`);
    assert.deepEqual(decodedBlock(codeword), block, `bit ${bit}`);
  }
});

test('a codeword whose five trailing bits are not zero is no block', () => {
  for (let trailing = 0; trailing < 32; trailing++) {
    const symbols = new Uint8Array(dimension).fill(0x55);
    symbols[18] = 0x60 | trailing;
    const block = decodedBlock(reference.encodeSymbols(symbols));
    assert.equal(block !== undefined, trailing === 0, `${trailing}`);
  }
});

/** One of them: what is held, and the codeword that was sent where it is within the bound. */
interface Word {
  readonly received: Uint8Array;
  readonly sent: Uint8Array | undefined;
}

function randomSymbols(chance: Chance, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => chance.below(128));
}

/** Half of them of a block, half with whatever five bits follow. */
function randomCodeword(chance: Chance): Uint8Array {
  const symbols = randomSymbols(chance, dimension);
  if (chance.happens(0.5)) symbols[18]! &= 0x60;
  return reference.encodeSymbols(symbols);
}

/** A codeword with so many positions missing, and so many others wrong; any value past 127 says missing. */
function damaged(chance: Chance, gone: number, wrong: number): Word {
  const sent = randomCodeword(chance);
  const received = Uint8Array.from(sent);
  const order = chance.some(gone + wrong, length);
  for (const position of order.slice(0, gone)) received[position] = 128 + chance.below(128);
  for (const position of order.slice(gone)) received[position]! ^= 1 + chance.below(127);
  return { received, sent: 2 * wrong + gone <= length - dimension ? sent : undefined };
}

/** Some positions of one codeword, the others of another that shares 18 with it: both are as near as can be. */
function between(chance: Chance): Word {
  const one = randomCodeword(chance);
  const positions = chance.some(dimension, length);
  const symbols = positions.map(position => one[position]!);
  symbols[0]! ^= 1 + chance.below(127);
  const other = reference.interpolate(positions, symbols);
  const received = one.map((symbol, position) => (chance.happens(0.5) ? symbol : other[position]!));
  for (const position of chance.some(chance.below(10), length)) received[position] = missing;
  return { received, sent: undefined };
}

/** No codeword at all; mostly with so few held that one may happen to be near. */
function noise(chance: Chance): Word {
  const received = randomSymbols(chance, length);
  const gone = chance.happens(0.8) ? 7 + chance.below(8) : chance.below(length + 1);
  for (const position of chance.some(gone, length)) received[position] = missing;
  return { received, sent: undefined };
}

/** So many wrong that 2 · wrong + missing comes to a sum. */
function summing(chance: Chance, sum: number): Word {
  const wrong = chance.below(Math.floor(sum / 2) + 1);
  return damaged(chance, sum - 2 * wrong, wrong);
}

const kinds: Readonly<Record<string, { readonly cases: number; readonly word: (chance: Chance) => Word }>> = {
  'nothing wrong': { cases: 25_000, word: chance => damaged(chance, chance.below(14), 0) },
  'inside the bound': { cases: 50_000, word: chance => summing(chance, chance.below(13)) },
  'exactly at the bound': { cases: 50_000, word: chance => summing(chance, 13) },
  'one past the bound': { cases: 50_000, word: chance => summing(chance, 14) },
  'a little further past': { cases: 12_500, word: chance => summing(chance, 15 + chance.below(6)) },
  'far past the bound': {
    cases: 12_500,
    word: chance => {
      const gone = chance.below(length);
      return damaged(chance, gone, chance.below(length - gone + 1));
    },
  },
  'between two codewords': { cases: 12_500, word: between },
  'wholly random': { cases: 37_500, word: noise },
};

/** Fails where ours, the reference and what was sent do not agree. @returns whether a codeword was found */
function agree({ received, sent }: Word): boolean {
  const before = Uint8Array.from(received);
  const ours = decode(received);
  assert.deepEqual(received, before, 'the word was written to');
  const theirs = reference.decode(received);
  if (sent !== undefined) assert.deepEqual(theirs?.codeword, sent, 'the reference misses what was sent');
  if (theirs === undefined && ours === undefined) return false;
  if (theirs?.wrong !== ours?.wrong || Buffer.compare(theirs!.codeword, ours!.codeword) !== 0) {
    assert.deepEqual(ours, theirs);
  }
  assert.deepEqual(decodedBlock(ours!.codeword), reference.blockOf(theirs!.codeword));
  return true;
}

test('a quarter of a million words', async t => {
  const first = seedOf(t);
  let total = 0;
  for (const [index, [kind, { cases, word }]] of Object.entries(kinds).entries()) {
    total += cases;
    await t.test(`${kind}: ${cases}`, inner => {
      const chance = chanceFrom((first + index) % 2 ** 32);
      let found = 0;
      for (let at = 0; at < cases; at++) {
        const made = word(chance);
        try {
          if (agree(made)) found++;
        } catch (cause) {
          throw new Error(`seed ${first}, case ${at}: ${made.received.join()}`, { cause });
        }
      }
      inner.diagnostic(`${found} decoded`);
    });
  }
  assert.equal(total, 250_000);
});
