/**
 * Certificates that are damaged in every way, those too that an authority has signed so, in datagrams that are right in all
 * else: each is refused or good, none throws, and none takes long.
 */
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Authorities } from '../../../src/crypto/chain.js';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import { der, makeCertificate, old, own, p256, sequence, usual } from '../../crypto/certificates.js';
import { authority, compose, issue, packetOf, said, siteWith } from './hearing.js';

/** Bounded, not measured: a loop that does not end is what this would catch. */
const longestMs = 10_000;
const full = [...usual, old('1.2000,0.53'), own('udp/8000-8100', 'door/mail')];
const good = issue({ extensions: full }).certificate;

/** One damage: bytes changed, left out, put in, or a piece put elsewhere. */
const damage = fc.record({
  kind: fc.constantFrom('change', 'remove', 'insert', 'copy', 'length'),
  at: fc.nat(),
  to: fc.nat(),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }),
});
const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
type Damage = typeof damage extends fc.Arbitrary<infer Value> ? Value : never;

function damaged(bytes: Buffer, { kind, at, to, bytes: put }: Damage): Buffer {
  const start = at % bytes.length;
  const target = to % bytes.length;
  const piece = bytes.subarray(start, start + put.length);
  if (kind === 'remove') return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + put.length)]);
  if (kind === 'insert') return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start)]);
  const copy = Buffer.from(bytes);
  if (kind === 'copy') piece.copy(copy, target);
  else if (kind === 'change') copy.set(put.subarray(0, copy.length - start), start);
  else copy[start] = [0x80, 0x81, 0x82, 0x84, 0x88, 0xff, 0x00, 0x7f][to % 8]!;
  return copy;
}

async function within<Value>(work: Promise<Value>): Promise<Value> {
  const started = performance.now();
  const value = await work;
  assert.ok(performance.now() - started < longestMs);
  return value;
}

test('damaged after it was signed: none is good', async () => {
  const authorities = new Authorities([authority.certificate]);
  await fc.assert(
    fc.asyncProperty(damages, async all => {
      const bytes = all.reduce(damaged, good);
      const judged = await within(authorities.judge(bytes));
      assert.ok('flaw' in judged || bytes.equals(good));
    }),
    { numRuns: 3000 },
  );
  assert.ok(authorities.known <= 1);
});

/** A certificate around what an authority has signed, whatever that is. */
function signed(content: Uint8Array): Buffer {
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', content, authority.key));
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  return sequence(content, algorithm, signature);
}

const keys = p256();
const content = makeCertificate({ issuer: authority, keys, extensions: full }).certificate;
/** What is signed of it, without tag and length. */
const inner = Buffer.from(content.subarray(8, 8 + content.readUInt16BE(6)));
const method = new Datagram(siteWith(), () => false);

async function hear(bytes: Uint8Array): Promise<string> {
  const payload = compose({ certificate: signed(sequence(bytes)), key: keys.privateKey });
  return said(await within(method.recognise(packetOf(payload))));
}

test('damaged before it was signed: it is judged, in a datagram that is right', async () => {
  assert.equal(await hear(inner), 'knock');
  await fc.assert(
    fc.asyncProperty(damages, async all => {
      await hear(all.reduce(damaged, inner));
    }),
    { numRuns: 1000 },
  );
});

test('damaged in its rights, byte by byte, before it was signed', async () => {
  const seen = new Map<string, number>();
  for (let at = inner.indexOf('1.2000') - 30; at < inner.length; at++) {
    for (const flipped of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(inner);
      changed[at]! ^= flipped;
      const word = await hear(changed);
      seen.set(word, (seen.get(word) ?? 0) + 1);
    }
  }
  for (const word of ['knock', 'not-allowed', 'unknown-client malformed-certificate'])
    assert.ok(seen.has(word), word);
});

test('any plaintext at all', async () => {
  const method = new Datagram(siteWith(), () => false);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 200, maxLength: 900 }), async bytes => {
      const payload = compose({ certificate: Buffer.from(bytes), key: issue().key });
      assert.equal(said(await method.recognise(packetOf(payload))), 'unknown-client malformed-certificate');
    }),
    { numRuns: 300 },
  );
});
