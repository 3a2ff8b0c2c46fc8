/** Datagrams that are damaged in every bit and in every length, and bytes that are anything: none is answered, none throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { composeHello, type KnownSite, readChallenge } from '../../../src/methods/challenge/compose.js';
import { openSiteKey, Seals } from '../../../src/methods/challenge/derive.js';
import {
  decodeChallenge,
  decodeHello,
  decodeResponse,
  encodeChallenge,
  encodeHello,
  encodeResponse,
} from '../../../src/methods/challenge/format.js';
import { signatureKinds } from '../../../src/methods/challenge/site.js';
import { signedText, siteLine } from '../../../src/methods/challenge/text.js';
import { flawed, fresh, hello, keyed, now, respond, Server, said, siteKey, siteOf } from './exchange.js';

const unreadable = flawed('bad-tag', 'unreadable');
const named: KnownSite = { name: 'gate' };

/** The bytes with each of their bits turned over, one at a time. */
function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3]! ^= 0x80 >> (bit & 7);
    yield copy;
  }
}

/** Every length but its own: cut, or with zeros behind. */
function* lengths(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length <= 1300; length++) {
    if (length === bytes.length) continue;
    const other = new Uint8Array(length);
    other.set(bytes.subarray(0, length));
    yield other;
  }
}

for (const site of [keyed, named]) {
  const title = site.siteKey === undefined ? ', without a site key' : '';

  test(`a hello with any bit wrong is not answered${title}`, () => {
    const server = new Server(siteOf(site));
    const { payload } = hello('ssh', now, site);
    for (const damaged of flips(payload)) assert.equal(said(server.take(damaged)), unreadable);
    assert.equal(said(server.take(payload)), 'answer');
  });

  test(`a response with any bit wrong is refused, and spends no challenge${title}`, () => {
    const server = new Server(siteOf(site));
    const payload = respond(server.ask(site));
    for (const damaged of flips(payload)) assert.equal(said(server.take(damaged)), unreadable);
    assert.equal(said(server.take(payload)), 'claim');
  });

  test(`a challenge with any bit wrong, or of another length, is not read${title}`, () => {
    const server = new Server(siteOf(site));
    const { payload, asked } = hello('ssh', now, site);
    const answer = server.take(payload);
    assert.ok(answer?.outcome === 'answer');
    for (const damaged of flips(answer.payload)) assert.equal(readChallenge(asked, damaged), undefined);
    for (const other of lengths(answer.payload)) assert.equal(readChallenge(asked, other), undefined);
    assert.ok(readChallenge(asked, answer.payload));
  });
}

test('hellos and responses of any other length are nothing, or unreadable', () => {
  const server = new Server();
  for (const payload of [hello().payload, respond(server.ask())]) {
    for (const other of lengths(payload)) {
      const isLooked = other.length === 128 || (other.length >= 182 && other.length <= 1232);
      assert.equal(said(server.take(other)), isLooked ? unreadable : 'nothing', `${other.length}`);
      assert.equal(server.method.isCandidate(other), isLooked);
    }
  }
});

test('what was sealed rightly may hold anything: it is answered or refused, and never throws', () => {
  const server = new Server(siteOf(named));
  const seals = new Seals(openSiteKey);
  const plain = encodeHello({ time: now, exchange: fresh(16), door: 'ssh' });
  const change = fc.tuple(fc.nat({ max: plain.length - 1 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), changes => {
      const changed = Uint8Array.from(plain);
      for (const [at, value] of changes) changed[at] = value;
      const outcome = server.take(seals.seal('hello', fresh(12), changed));
      const isRight = decodeHello(changed) !== undefined;
      assert.equal(said(outcome) === unreadable, !isRight);
    }),
    { numRuns: 2000 },
  );
});

test('a response that was sealed by a stranger is not ours, whatever it holds', () => {
  const server = new Server(siteOf(named));
  const seals = new Seals(openSiteKey);
  const bytes = fc.uint8Array({ minLength: 154, maxLength: 1204 });
  const meant = fc.tuple(bytes, fc.boolean()).map(([plaintext, isMeant]) => {
    if (isMeant) plaintext.set([1, 2, 0, 0, 1]);
    if (isMeant) plaintext.set(Buffer.from('ssh'.padEnd(32, '\0')), 58);
    return plaintext;
  });
  fc.assert(
    fc.property(meant, plaintext => {
      const outcome = said(server.take(seals.seal('response', fresh(12), plaintext)));
      const expected = decodeResponse(plaintext) === undefined ? 'unreadable' : 'not-ours';
      assert.equal(outcome, flawed('bad-tag', expected));
    }),
    { numRuns: 2000 },
  );
});

test('random bytes never throw, and are never answered', () => {
  const server = new Server();
  const length = fc.oneof(fc.constant(128), fc.nat({ max: 1400 }));
  const payload = length.chain(of => fc.uint8Array({ minLength: of, maxLength: of }));
  const { asked } = hello();
  fc.assert(
    fc.property(payload, bytes => {
      assert.ok(['nothing', unreadable].includes(said(server.take(bytes))));
      assert.equal(readChallenge(asked, bytes), undefined);
      for (const decode of [decodeHello, decodeChallenge, decodeResponse]) decode(bytes);
    }),
    { numRuns: 2000 },
  );
});

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const question = {
  expires: fc.nat({ max: 2 ** 31 }).map(time => time * 86_400),
  source: exactly(16),
  nonce: exactly(16),
  mac: exactly(16),
};
const door = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);

test('what is encoded is decoded as it was', () => {
  const hellos = fc.record({ time: question.expires, exchange: exactly(16), door });
  fc.assert(fc.property(hellos, fields => assert.deepEqual(decodeHello(encodeHello(fields)), plain(fields))));
  const challenges = fc.record({ ...question, exchange: exactly(16) });
  fc.assert(
    fc.property(challenges, fields =>
      assert.deepEqual(decodeChallenge(encodeChallenge(fields)), plain(fields)),
    ),
  );
  const signature = fc.uint8Array({ minLength: 64, maxLength: 1114 });
  const responses = fc.record({ ...question, door, signature, kind: fc.constantFrom(...signatureKinds) });
  fc.assert(
    fc.property(responses, fields => assert.deepEqual(decodeResponse(encodeResponse(fields)), plain(fields))),
  );
});

/** Its bytes as the decoder gives them: pieces of a Buffer. */
function plain<Fields extends object>(fields: Fields): object {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value) : value,
  ]);
  return Object.fromEntries(entries);
}

test('what does not fit is a mistake of the caller', () => {
  const server = new Server();
  const challenge = server.ask();
  assert.throws(() => respond(challenge, 63), /"signature" expected 64 to 1114 bytes, got 63/);
  assert.throws(() => respond(challenge, 1115), /"signature" expected 64 to 1114 bytes, got 1115/);
  assert.throws(() => composeHello(keyed, 'ssh', now, fresh(27)), /"random" expected 28 bytes, got 27/);
  assert.throws(() => composeHello(keyed, 'ssh', now + 0.5, fresh(28)), /"time" expected integer/);
  assert.throws(() => composeHello(keyed, 'ssh', -1, fresh(28)), /"time" expected integer/);
  for (const name of ['', 's sh', '-ssh', 'a'.repeat(33), 'é', 'ssh\n'])
    assert.throws(() => composeHello(keyed, name, now, fresh(28)), /"door" expected a name of a door/);
  const short = { ...challenge, nonce: fresh(15) };
  assert.throws(() => respond(short), /"nonce" expected 16 bytes, got 15/);
});

test('a name of a site is one word', () => {
  for (const name of ['', 'a b', 'a\nb', 'é', 'a'.repeat(65), 'key/'])
    assert.throws(() => siteLine(undefined, name), /"name" expected a name of a site/);
  assert.equal(siteLine(undefined, 'a'.repeat(64)).length, 'site: name '.length + 64);
  assert.match(siteLine(siteKey, 'ignored'), /^site: key [0-9a-f]{32}$/);
});

test('nothing that a challenge says can add a line to what is signed', () => {
  fc.assert(
    fc.property(fc.record(question), fields => {
      const text = Buffer.from(signedText(siteLine(siteKey, ''), 'ssh', fields)).toString('latin1');
      assert.equal(text.split('\n').length, 7);
      assert.match(text, /^[\x20-\x7e\n]+$/);
    }),
  );
});
