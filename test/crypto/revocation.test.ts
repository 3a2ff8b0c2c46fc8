/** Lists of revoked certificates that openssl has made: what they say, why they are not used, and that none takes long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorityName } from '../../src/crypto/certificate.js';
import { elementAt, elementsOf, sequenceTag, wrap } from '../../src/crypto/der.js';
import { type IssuedList, isOlder, listIssuer, readList, splitLists } from '../../src/crypto/revocation.js';
import { Authority, der } from '../daemon/certified.js';

const now = Date.parse('2026-11-21T12:00:00Z');
const dates = { from: '20260101000000Z', to: '20360101000000Z' };
const authority = new Authority('Example CA', dates);
authority.issue('laptop', { serial: '00ff12' });
authority.issue('phone', { serial: '0a' });
authority.issue('desk', { serial: '7b0000000000000000000000000000000000000b' });
for (const name of ['laptop', 'phone', 'desk']) authority.revoke(name);
const issuer = listIssuer(der(authority.read('ca.pem')));
const issued = { from: '20261101000000Z', to: '20261201000000Z' };
const good = der(authority.list(issued));

const read = (bytes: Uint8Array, at = now, issuers = [issuer]) => readList(bytes, issuers, at);

test('a list says whose it is, what is revoked, and how long it is in date', async () => {
  assert.deepEqual(await read(good), {
    authority: authorityName(der(authority.read('ca.pem'))),
    serials: ['0a', 'ff12', '7b0000000000000000000000000000000000000b'],
    from: Date.parse('2026-11-01T00:00:00Z'),
    until: Date.parse('2026-12-01T00:00:00Z'),
    number: '1',
  });
});

test('it lies in the middle of a buffer that is then overwritten', async () => {
  const buffer = new Uint8Array(good.length + 20).fill(0xee);
  buffer.set(good, 10);
  const list = await read(buffer.subarray(10, 10 + good.length));
  buffer.fill(0);
  assert.deepEqual(list, await read(good));
});

test('an empty one revokes nobody', async () => {
  const list = (await read(der(new Authority('Example CA', dates).list(issued)))) as unknown;
  assert.equal(list, 'bad-signature', 'another key under the same name');
  const other = new Authority('Other CA', dates);
  const its = listIssuer(der(other.read('ca.pem')));
  assert.deepEqual(((await read(der(other.list(issued)), now, [issuer, its])) as IssuedList).serials, []);
});

test('what is out of date is read: whoever uses it sees that', async () => {
  const list = (await read(
    der(authority.list({ from: '20260201000000Z', to: '20260301000000Z' })),
  )) as IssuedList;
  assert.equal(list.until, Date.parse('2026-03-01T00:00:00Z'));
  assert.equal(list.serials.length, 3);
});

test('authorities that sign otherwise', async () => {
  for (const curve of ['secp384r1', 'secp521r1']) {
    const other = new Authority('Curved CA', { ...dates, curve });
    const list = await read(der(other.list(issued)), now, [listIssuer(der(other.read('ca.pem')))]);
    assert.equal(typeof list, 'object', curve);
  }
  const rsa = new Authority('RSA CA', { ...dates, curve: 'rsa' });
  const list = await read(der(rsa.list(issued)), now, [listIssuer(der(rsa.read('ca.pem')))]);
  assert.equal(typeof list, 'object', 'rsa');
});

const refused: readonly (readonly [string, () => Uint8Array, string])[] = [
  ['of another authority', () => der(new Authority('Other CA', dates).list(issued)), 'other-authority'],
  [
    'from the future',
    () => der(authority.list({ from: '20261121120600Z', to: '20271201000000Z' })),
    'future',
  ],
  ['of changes', () => der(authority.list({ ...issued, extensions: 'delta' })), 'unsupported'],
  [
    "of others' certificates",
    () => der(authority.list({ ...issued, extensions: 'indirect' })),
    'unsupported',
  ],
  ['of some certificates', () => der(authority.list({ ...issued, extensions: 'partial' })), 'unsupported'],
  [
    'with what must be understood',
    () => der(authority.list({ ...issued, extensions: 'unknown' })),
    'unsupported',
  ],
  ['that is a certificate', () => der(authority.read('ca.pem')), 'malformed'],
  [
    'of changes that does not say that this matters',
    () => der(authority.list({ ...issued, extensions: 'quietDelta' })),
    'unsupported',
  ],
  ['that names its algorithm in two ways', () => respelled(good), 'malformed'],
  ['that is nothing', () => new Uint8Array(0), 'malformed'],
  ['with a byte behind it', () => Buffer.concat([good, Buffer.of(0)]), 'malformed'],
  [
    'of indefinite length',
    () => Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(4), Buffer.of(0, 0)]),
    'malformed',
  ],
];

/** The same, with parameters (NULL) for its algorithm outside of what is signed alone. */
function respelled(list: Uint8Array): Uint8Array {
  const [signed, algorithm, signature] = elementsOf(list, elementAt(list, 0, list.length)!, 3)!;
  const part = ({ begin, end }: { begin: number; end: number }) => list.subarray(begin, end);
  const name = list.subarray(algorithm!.start, algorithm!.end);
  return wrap(sequenceTag, part(signed!), wrap(sequenceTag, name, Buffer.of(5, 0)), part(signature!));
}

for (const [name, bytes, flaw] of refused) {
  test(`a list ${name} is not used`, async () => assert.equal(await read(bytes()), flaw));
}

test('a clock that is a little behind does not matter', async () => {
  const list = await read(der(authority.list({ from: '20261121120400Z', to: '20271201000000Z' })));
  assert.equal(typeof list, 'object');
});

test('an authority that may not sign lists', async () => {
  const other = new Authority('Silent CA', { ...dates, extensions: 'noLists' });
  const list = await read(der(other.list(issued)), now, [listIssuer(der(other.read('ca.pem')))]);
  assert.equal(list, 'wrong-usage');
});

test('every bit of it counts', async () => {
  const right = await read(good);
  // Of the signature, the library reads some spellings of the same numbers; what it signs is the same then.
  const signature = good.length - 72;
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const list = await read(bytes);
    if (bit >> 3 < signature || typeof list === 'string') assert.equal(typeof list, 'string', `bit ${bit}`);
    else assert.deepEqual(list, right);
  }
});

test('cut off anywhere, it is none', async () => {
  for (let length = 0; length < good.length; length++) {
    assert.equal(await read(good.subarray(0, length)), 'malformed', String(length));
  }
});

test('whatever the bytes are, it neither throws nor lasts', async () => {
  const right = await read(good);
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 1500; round++) {
    const bytes = Buffer.from(good);
    for (let change = 0; change <= random(4); change++) {
      const at = random(bytes.length);
      const kind = random(4);
      if (kind === 0) bytes[at] = random(256);
      else if (kind === 1) bytes.fill(0x30, at, Math.min(bytes.length, at + random(40)));
      else if (kind === 2) bytes.copy(bytes, at, random(bytes.length), bytes.length);
      else bytes.set([0x84, 0xff, 0xff, 0xff, 0xff].slice(0, 1 + random(5)), Math.min(at, bytes.length - 5));
    }
    const started = performance.now();
    const list = await read(bytes);
    assert.ok(performance.now() - started < 5000);
    if (typeof list !== 'string') assert.deepEqual(list, right);
  }
  for (let round = 0; round < 200; round++) {
    const deep = Buffer.alloc(4000, 0x30);
    for (let at = 1; at < 4000; at += 2) deep[at] = random(256);
    assert.equal(await read(deep), 'malformed');
  }
});

test('fifty thousand entries are read in a moment', async () => {
  const large = new Authority('Large CA', dates);
  large.revokeSerials(Array.from({ length: 50_000 }, (_, index) => (0x10_00_00_00 + index).toString(16)));
  const bytes = der(large.list(issued));
  const started = performance.now();
  const list = (await read(bytes, now, [listIssuer(der(large.read('ca.pem')))])) as IssuedList;
  assert.equal(list.serials.length, 50_000);
  assert.equal(new Set(list.serials).size, 50_000);
  assert.equal(list.serials[49_999], (0x10_00_00_00 + 49_999).toString(16));
  // Far from what it takes; the library alone would take seconds and hundreds of megabytes.
  assert.ok(performance.now() - started < 5000);
});

test('one that names millions is refused, and not read to its end', async () => {
  const entry = Buffer.from('301202010a170d3236303130313030303030305a', 'hex');
  const entries = Buffer.alloc(16 << 20, entry);
  const started = performance.now();
  assert.equal(await read(entries), 'malformed');
  assert.ok(performance.now() - started < 5000);
});

test('files hold one list in DER or several in PEM', () => {
  const pem = authority.read('crl.pem');
  const two = Buffer.concat([Buffer.from('text\n'), pem, Buffer.from('\r\nmore\r\n'), pem]);
  assert.deepEqual(splitLists(two), [der(pem), der(pem)]);
  assert.deepEqual(splitLists(good), [good]);
  assert.deepEqual(splitLists(Buffer.from('no list')), []);
});

test('of two lists the later one is newer, and in the same second that of the higher number', () => {
  const list = (from: number, number?: string): IssuedList => ({
    ...{ authority: '', serials: [], until: undefined },
    ...{ from, number },
  });
  assert.ok(isOlder(list(1, '9'), list(2, '1')));
  assert.ok(!isOlder(list(2, '1'), list(1, '9')));
  assert.ok(isOlder(list(1, '9'), list(1, '10')));
  assert.ok(!isOlder(list(1, '10'), list(1, '9')));
  assert.ok(!isOlder(list(1), list(1)));
});
