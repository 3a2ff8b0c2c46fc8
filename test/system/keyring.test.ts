/** Keyrings as the real gpg writes them, and which key somebody means. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OperatorError } from '../../src/system/error.js';
import { type KeyringKey, readKeyring, selectKey } from '../../src/system/keyring.js';
import { Gnupg } from '../crypto/gnupg.js';

const gnupg = new Gnupg({ after });
const john = gnupg.make('John Doe (work) <john@doe.com>', { hoursAgo: 48 });
const jane = gnupg.make('Jane Doe <jane@doe.com>');
const old = gnupg.make('Old Key <old@doe.com>', { hoursAgo: 48, expires: '1d' });
const before = gnupg.export(jane);
gnupg.addUserId(john, 'Jörg <joerg@doe.com>', 47);
gnupg.addUserId(john, 'Wrong <wrong@doe.com>', 47);
gnupg.revokeUserId(john, 'Wrong <wrong@doe.com>', 46);
gnupg.revoke(jane);
const all = [john, jane, old];
const states = [
  [john.fingerprint, 'good'],
  [jane.fingerprint, 'revoked'],
  [old.fingerprint, 'expired'],
];

function read(...files: readonly (Buffer | string)[]): KeyringKey[] {
  return readKeyring(
    files.map((bytes, at) => ({ path: `/etc/keys/${at}`, bytes: new Uint8Array(Buffer.from(bytes)) })),
  );
}

function failure(act: () => unknown): OperatorError {
  try {
    act();
  } catch (error) {
    assert(error instanceof OperatorError, String(error));
    return error;
  }
  return assert.fail('it was taken');
}

function statesOf(keys: readonly KeyringKey[]): string[][] {
  return keys.map(({ fingerprint, state }) => [fingerprint, state]);
}

test('binary and armoured keys, several to a file, several blocks, text around them', () => {
  const binary = all.map(key => gnupg.export(key));
  const armoured = all.map(key => gnupg.export(key, '--armor').toString());
  const together = gnupg.run(['--armor', '--export']).toString();
  for (const file of [
    Buffer.concat(binary),
    armoured.join('\n'),
    `Keys of ours\n\n${armoured.join('\nand\n')}\nthat is all\n`,
    together.replaceAll('\n', '\r\n'),
  ]) {
    assert.deepEqual(statesOf(read(file)), states);
  }
  const keys = read(...binary);
  assert.deepEqual(
    keys.map(({ path }) => path),
    ['/etc/keys/0', '/etc/keys/1', '/etc/keys/2'],
  );
  assert.deepEqual(keys[0]?.userIds, ['John Doe (work) <john@doe.com>', 'Jörg <joerg@doe.com>']);
  assert.deepEqual(statesOf(read(Buffer.from(keys[0]?.bytes ?? []))), states.slice(0, 1));
  assert.deepEqual(read(), []);
});

test('a revocation counts in whichever copy it stands', () => {
  const now = gnupg.export(jane);
  assert.deepEqual(statesOf(read(before)), [[jane.fingerprint, 'good']]);
  for (const files of [
    [before, now],
    [now, before],
  ]) {
    assert.deepEqual(statesOf(read(...files)), [[jane.fingerprint, 'revoked']]);
    assert.deepEqual(statesOf(read(...read(...files).map(({ bytes }) => Buffer.from(bytes)))), [
      [jane.fingerprint, 'revoked'],
    ]);
  }
});

test('files that are no keyring are named', () => {
  const good = gnupg.export(john);
  const keybox = join(gnupg.home, 'pubring.kbx');
  assert(existsSync(keybox));
  const secret = gnupg.run(['--export-secret-keys', '--armor', john.fingerprint]);
  const armoured = gnupg.export(john, '--armor').toString();
  const wrong: readonly [file: Buffer | string, message: RegExp][] = [
    [readFileSync(keybox), /gpg's own data base/],
    [secret, /secret keys/],
    [gnupg.run(['--export-secret-keys', john.fingerprint]), /secret keys/],
    ['', /no keyring/],
    ['just text\n', /no keyring/],
    [good.subarray(0, 40), /no keyring/],
    [gnupg.sign(john, Buffer.from('text')), /no keyring/],
    [armoured.slice(0, 300), /no keyring/],
    [Buffer.alloc(1000, 0xff), /no keyring/],
  ];
  for (const [file, message] of wrong) {
    const error = failure(() => read(good, file));
    assert.equal(error.code, 'bad-keyring');
    assert.match(error.message, message);
    assert.match(error.message, /^\/etc\/keys\/1: /);
  }
});

test('what is too long is not read', () => {
  const file = { path: '/etc/keys/long', bytes: new Uint8Array((1 << 20) + 1) };
  assert.match(failure(() => readKeyring([file])).message, /^\/etc\/keys\/long: more than 1 MiB$/);
  const many = Array.from({ length: 9 }, () => ({ path: 'x', bytes: new Uint8Array(1 << 20) }));
  assert.match(failure(() => readKeyring(many)).message, /more than 8 MiB/);
  const good = { path: 'x', bytes: new Uint8Array(gnupg.export(john)) };
  assert.match(failure(() => readKeyring([good], {}, 0)).message, /takes more than 0 s/);
});

const key = (
  fingerprint: string,
  userIds: readonly string[],
  state: KeyringKey['state'] = 'good',
): KeyringKey => ({
  ...{ fingerprint: fingerprint.repeat(40), userIds, state },
  ...{ bytes: new Uint8Array(), path: 'x' },
});
const ring = [
  key('a', ['John Doe (work) <john@doe.com>', 'Johnny <j@example.org>']),
  key('b', ['Jane Doe <jane@doe.com>']),
  key('c', ['Jane Doe <jane@old.com>'], 'revoked'),
  key('d', ['Bob <bob@doe.com>'], 'expired'),
  key('e', ['Bob <bob@doe.com>'], 'revoked'),
  key('f', ['alice@doe.com']),
  key('1', ['Twin <twin@doe.com>']),
  key('2', ['Twin <twin@doe.com>']),
  key('3', ['DEADBEEF']),
];

const wishes: readonly [wanted: string, expected: string][] = [
  ['John Doe (work) <john@doe.com>', 'a'],
  ['John Doe (work)', 'a'],
  ['John Doe', 'a'],
  ['john@doe.com', 'a'],
  ['JOHN@Doe.Com', 'a'],
  ['<john@doe.com>', 'a'],
  ['Johnny', 'a'],
  ['Jane Doe', 'b'],
  ['jane@old.com', 'c'],
  ['Bob', 'd'],
  ['alice@doe.com', 'f'],
  ['a'.repeat(40), 'a'],
  [`0x${'A'.repeat(40)}`, 'a'],
  ['AAAA '.repeat(10), 'a'],
  ['C'.repeat(40), 'c'],
  ['DEADBEEF', '3'],
  ['john doe', 'no-such-key'],
  ['John', 'no-such-key'],
  ['doe.com', 'no-such-key'],
  ['work', 'no-such-key'],
  ['', 'no-such-key'],
  ['9'.repeat(40), 'no-such-key'],
  ['a'.repeat(39), 'no-such-key'],
  ['aaaaaaaa', 'no-such-key'],
  ['0xaaaaaaaaaaaaaaaa', 'no-such-key'],
  ['Twin', 'ambiguous-key'],
  ['twin@doe.com', 'ambiguous-key'],
];

test('which key is meant', () => {
  for (const [wanted, expected] of wishes) {
    if (expected.length === 1) assert.equal(selectKey(ring, wanted).fingerprint[0], expected, wanted);
    else assert.equal(failure(() => selectKey(ring, wanted)).code, expected, wanted);
  }
  assert.match(failure(() => selectKey(ring, 'Twin')).message, /1{40} .*; 2{40}/);
  assert.match(failure(() => selectKey(ring, 'Eve')).hint ?? '', /a{40} \(John.*c{40}.*revoked/);
  assert.match(failure(() => selectKey([], 'Eve')).hint ?? '', /empty/);
  assert.match(failure(() => selectKey(ring, '0xaaaaaaaa')).message, /short id/);
});
