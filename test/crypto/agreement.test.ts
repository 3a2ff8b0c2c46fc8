/** Key agreement on P-256, held against a textbook's arithmetic and against openssl's idea of what is a point. */
import assert from 'node:assert/strict';
import { createHash, ECDH, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Agreement, isP256, isPoint, pointOf, scalarOf } from '../../src/crypto/agreement.js';
import { base, decode, encode, multiply, order, scalarBytes } from './curve.js';

const scalars = [
  1n,
  2n,
  12_345n,
  order - 1n,
  BigInt(`0x${createHash('sha256').update('x').digest('hex')}`) % order,
];

for (const scalar of scalars) {
  test(`the point and the secret of ${scalar.toString(16).slice(0, 12)} are the textbook's`, () => {
    const agreement = new Agreement(scalarBytes(scalar));
    const point = multiply(scalar, base);
    assert.deepEqual(Buffer.from(agreement.point), encode(point));
    const other = multiply(67_890n, base);
    const shared = encode(multiply(scalar, other)).subarray(1, 33);
    assert.deepEqual(Buffer.from(agreement.secretWith(encode(other))), shared);
    assert.equal(shared.length, 32);
    assert.deepEqual(decode(agreement.point), point);
  });
}

for (const [what, scalar] of [
  ['none', Buffer.alloc(32)],
  ['the order', scalarBytes(order)],
  ['beyond it', Buffer.alloc(32, 0xff)],
] as const) {
  test(`${what} is no private key`, () => assert.throws(() => new Agreement(scalar)));
}

function isPointForNode(point: Uint8Array): boolean {
  try {
    return ECDH.convertKey(point, 'prime256v1').length === 65;
  } catch {
    return false;
  }
}

test('every bit of a point flipped: the same as openssl says', () => {
  const point = encode(multiply(12_345n, base));
  assert.ok(isPoint(point) && isPointForNode(point));
  for (let bit = 8; bit < point.length * 8; bit++) {
    const changed = Buffer.from(point);
    changed[bit >> 3]! ^= 0x80 >> (bit & 7);
    assert.equal(isPoint(changed), isPointForNode(changed), `bit ${bit}`);
  }
});

const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;

/** A point with a small X, so that X + p still fits: openssl and we must not take it twice. */
test('a coordinate that is not less than the prime makes no point', () => {
  const { x, y } = multiply(5n, base)!;
  const small = smallX();
  assert.ok(isPoint(small));
  const { x: sx, y: sy } = decode(small)!;
  for (const [a, b] of [
    [sx + prime, sy],
    [x, y + prime],
    [prime, 0n],
  ] as const) {
    if (a >= 2n ** 256n || b >= 2n ** 256n) continue;
    const bytes = encode({ x: a, y: b });
    assert.ok(!isPoint(bytes) && !isPointForNode(bytes));
  }
});

function smallX(): Buffer {
  for (let x = 1; x < 99; x++) {
    try {
      const compressed = Buffer.concat([Uint8Array.of(2), scalarBytes(BigInt(x))]);
      return ECDH.convertKey(compressed, 'prime256v1', undefined, undefined, 'uncompressed') as Buffer;
    } catch {}
  }
  throw new Error('no small X');
}

for (const [what, point] of [
  ['compressed', Buffer.concat([Uint8Array.of(2), encode(base).subarray(1, 33)])],
  ['hybrid', Buffer.concat([Uint8Array.of(6), encode(base).subarray(1)])],
  ['too long', Buffer.concat([encode(base), Uint8Array.of(0)])],
  ['too short', encode(base).subarray(0, 64)],
  ['all zeros', Buffer.concat([Uint8Array.of(4), Buffer.alloc(64)])],
  ['infinity', Uint8Array.of(0)],
  ['nothing', new Uint8Array(0)],
] as const) {
  test(`${what} is no point`, () => assert.ok(!isPoint(point)));
}

test('a point in the middle of other bytes', () => {
  const around = Buffer.concat([Buffer.alloc(7, 9), encode(base), Buffer.alloc(7, 9)]);
  assert.ok(isPoint(around.subarray(7, 72)));
});

test('the number and the point of a key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.deepEqual(Buffer.from(new Agreement(scalarOf(privateKey)).point), Buffer.from(pointOf(publicKey)));
  assert.deepEqual(pointOf(privateKey), pointOf(publicKey));
  assert.ok(isP256(publicKey) && isP256(privateKey));
  assert.ok(!isP256(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey));
  assert.ok(!isP256(generateKeyPairSync('ed25519').publicKey));
});
