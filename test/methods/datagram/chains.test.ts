/** Intermediate authorities, and what authorities have revoked: certificates as a site's lists see them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { authorityName } from '../../../src/crypto/certificate.js';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import type { RevocationList } from '../../../src/methods/datagram/site.js';
import {
  alternativeNames,
  basicConstraints,
  clientAuthentication,
  day,
  der,
  extension,
  keyUsage,
  type MadeAuthority,
  makeAuthority,
  makeCertificate,
  noon,
  old,
  otherName,
  p256,
  purposes,
  sequence,
  serverAuthentication,
  usual,
  utf8,
  type Wish,
} from '../../crypto/certificates.js';
import { hear, issue, authority as root, siteWith } from './hearing.js';

const under = (issuer: MadeAuthority, wish: Wish = {}) =>
  makeCertificate({ issuer, extensions: [...usual, old('1.2000')], ...wish });
const intermediate = makeAuthority('intermediate', { issuer: root, serial: Uint8Array.of(0x11) });
const lower = makeAuthority('lower', { issuer: intermediate, serial: Uint8Array.of(0x12) });
const ofAuthority = [basicConstraints(true), keyUsage(0x06)];
const certificates = (...made: readonly { certificate: Buffer }[]) => ({
  authorities: made.map(({ certificate }) => certificate),
});

test('through one authority and through two', async () => {
  assert.equal(await hear(siteWith(certificates(root, intermediate)), under(intermediate)), 'knock');
  assert.equal(await hear(siteWith(certificates(intermediate, root)), issue()), 'knock');
  assert.equal(await hear(siteWith(certificates(lower, intermediate, root)), under(lower)), 'knock');
});

test('a chain with a gap, and one without its top', async () => {
  const word = 'unknown-client other-authority';
  assert.equal(await hear(siteWith(certificates(root)), under(intermediate)), word);
  assert.equal(await hear(siteWith(certificates(root, lower)), under(lower)), word);
  assert.equal(await hear(siteWith(certificates(intermediate)), under(intermediate)), word);
  const other = makeAuthority('authority');
  assert.equal(await hear(siteWith(certificates(other, intermediate)), under(intermediate)), word);
});

test('who is no authority issues nothing', async () => {
  const client = under(root, { subject: 'client' });
  const forged = makeCertificate({
    issuer: { subject: 'client', key: client.key },
    extensions: [...usual, old('1.2000')],
  });
  const word = 'unknown-client other-authority';
  assert.equal(await hear(siteWith(certificates(root, client)), forged), word);
  const usage = { issuer: root, extensions: [basicConstraints(true), ...usual] };
  const signer = makeAuthority('signer', usage);
  assert.equal(await hear(siteWith(certificates(root, signer)), under(signer)), word);
});

test('path lengths', async () => {
  const word = 'unknown-client other-authority';
  for (const [most, ofOne, ofTwo] of [
    [0, word, word],
    [1, 'knock', word],
    [2, 'knock', 'knock'],
  ] as const) {
    const top = makeAuthority('top', { pathLength: most });
    const middle = makeAuthority('middle', { issuer: top });
    const low = makeAuthority('low', { issuer: middle });
    const site = siteWith(certificates(top, middle, low));
    assert.equal(await hear(site, under(top)), 'knock', `${most}, none`);
    assert.equal(await hear(site, under(middle)), ofOne, `${most}, one`);
    assert.equal(await hear(site, under(low)), ofTwo, `${most}, two`);
  }
  const narrow = makeAuthority('narrow', { issuer: root, pathLength: 0 });
  const below = makeAuthority('below', { issuer: narrow });
  const site = siteWith(certificates(root, narrow, below));
  assert.deepEqual([await hear(site, under(narrow)), await hear(site, under(below))], ['knock', word]);
});

const withExtension = (id: string, value: Buffer, isCritical: boolean): Wish => ({
  extensions: [basicConstraints(true), keyUsage(0x06), extension(id, value, isCritical)],
});
for (const [what, word, wish] of [
  ['an extension that must be understood', 'unknown-client', withExtension('1.2.3.4', utf8('x'), true)],
  ['one that need not', 'knock', withExtension('1.2.3.4', utf8('x'), false)],
  [
    'one for servers alone',
    'unknown-client',
    { extensions: [...ofAuthority, purposes(serverAuthentication)] },
  ],
  [
    'one for clients too',
    'knock',
    { extensions: [...ofAuthority, purposes(serverAuthentication, clientAuthentication)] },
  ],
  ['a signature with SHA-1', 'unknown-client', { digest: 'sha1' }],
] as const satisfies readonly (readonly [string, string, Wish])[]) {
  test(`an authority in between with ${what}: ${word}`, async () => {
    const middle = makeAuthority('middle', { issuer: root, ...wish });
    const low = makeAuthority('low', { issuer: middle });
    const site = siteWith(certificates(root, middle, low));
    const words = word === 'knock' ? word : `${word} other-authority`;
    assert.equal(await hear(site, under(middle)), words);
    assert.equal(await hear(site, under(low)), words);
  });
}

test('who is trusted may have signed itself with SHA-1; a client with that is refused', async () => {
  for (const keys of [p256(), generateKeyPairSync('rsa', { modulusLength: 2048 })]) {
    const top = makeAuthority('top', { keys, digest: 'sha1' });
    const site = siteWith(certificates(top));
    assert.equal(await hear(site, under(top)), 'knock');
    assert.equal(await hear(site, under(top, { digest: 'sha1' })), 'unknown-client weak-signature');
  }
});

test('names that an authority may not vouch for', async () => {
  const dns = (name: string) => der(0x82, Buffer.from(name));
  const permitted = extension('2.5.29.30', sequence(der(0xa0, sequence(dns('example.org')))), true);
  const extensions = [basicConstraints(true), keyUsage(0x06), permitted];
  const narrow = makeAuthority('narrow', { issuer: root, extensions });
  const site = siteWith(certificates(root, narrow));
  const named = (name: string) => {
    const names = alternativeNames(dns(name), otherName(utf8('1.2000')));
    return under(narrow, { extensions: [...usual, names] });
  };
  assert.equal(await hear(site, named('laptop.example.org')), 'knock');
  assert.equal(await hear(site, named('laptop.example.net')), 'unknown-client other-authority');
});

test('an authority that is out of date', async () => {
  const keys = p256();
  const late = makeAuthority('late', { issuer: root, keys, until: noon - 1000 });
  assert.equal(await hear(siteWith(certificates(root, late)), under(late)), 'expired');
  const renewed = makeAuthority('late', { issuer: root, keys, serial: Uint8Array.of(0x44) });
  assert.equal(await hear(siteWith(certificates(root, late, renewed)), under(late)), 'knock');
  const top = makeAuthority('top', { from: noon + day, until: noon + 2 * day });
  assert.equal(await hear(siteWith(certificates(top)), under(top)), 'expired');
});

test('authorities that have signed one another end', async () => {
  const [one, two] = [p256(), p256()];
  const first = makeAuthority('first', { keys: one, issuer: { subject: 'second', key: two.privateKey } });
  const second = makeAuthority('second', { keys: two, issuer: { subject: 'first', key: one.privateKey } });
  const word = 'unknown-client other-authority';
  assert.equal(await hear(siteWith(certificates(first, second)), under(first)), word);
});

test('a chain longer than any that is used', async () => {
  const all = [root];
  for (let depth = 1; depth < 9; depth++) all.push(makeAuthority(`a${depth}`, { issuer: all.at(-1)! }));
  const site = siteWith(certificates(...all));
  assert.equal(await hear(site, under(all[7]!)), 'knock');
  assert.equal(await hear(site, under(all[8]!)), 'unknown-client other-authority');
});

const list = (of: MadeAuthority, serials: readonly string[] = [], dates: object = {}): RevocationList => ({
  authority: authorityName(of.certificate),
  serials,
  from: noon - day,
  until: noon + day,
  ...dates,
});
const awaited = (of: MadeAuthority, dates: object = {}) => ({
  listAwaited: true,
  lists: [list(of, [], dates)],
});
const two = certificates(root, intermediate);

const revoked: readonly (readonly [string, string, Parameters<typeof siteWith>[0], Uint8Array])[] = [
  ['a leaf', 'revoked', { lists: [list(root, ['03'])] }, Uint8Array.of(3)],
  ['a serial with a leading zero byte', 'revoked', { lists: [list(root, ['8f'])] }, Uint8Array.of(0, 0x8f)],
  ['another serial', 'knock', { lists: [list(root, ['04', '30', '0003', '3'])] }, Uint8Array.of(3)],
  ['by another authority', 'knock', { lists: [list(intermediate, ['03'])] }, Uint8Array.of(3)],
  ['by the second of two lists', 'revoked', { lists: [list(root), list(root, ['03'])] }, Uint8Array.of(3)],
  [
    'by a list out of date',
    'revoked',
    { lists: [list(root, ['03'], { until: noon - 1 })] },
    Uint8Array.of(3),
  ],
  ['no list', 'knock', {}, Uint8Array.of(3)],
  ['no list, and one is required', 'crl-out-of-date', { listRequired: true }, Uint8Array.of(3)],
  ['a list, and one is required', 'knock', { listRequired: true, lists: [list(root)] }, Uint8Array.of(3)],
  ['no list, and the first is awaited', 'crl-out-of-date', { listAwaited: true }, Uint8Array.of(3)],
  [
    'another authority has one, and one is awaited',
    'crl-out-of-date',
    awaited(intermediate),
    Uint8Array.of(3),
  ],
  ['a list that is over, and one is awaited', 'knock', awaited(root, { until: noon - 1 }), Uint8Array.of(3)],
  [
    'awaited and required, and one is over',
    'crl-out-of-date',
    { ...awaited(root, { until: noon - 1 }), listRequired: true },
    Uint8Array.of(3),
  ],
  [
    'revoked, and a list is required',
    'revoked',
    { listRequired: true, lists: [list(root, ['03'])] },
    Uint8Array.of(3),
  ],
  [
    'a list that is over',
    'crl-out-of-date',
    { listRequired: true, lists: [list(root, [], { until: noon - 1 })] },
    Uint8Array.of(3),
  ],
  [
    'a list that is of later',
    'crl-out-of-date',
    { listRequired: true, lists: [list(root, [], { from: noon + 7001 })] },
    Uint8Array.of(3),
  ],
  [
    'a list of a clock that is ahead',
    'knock',
    { listRequired: true, lists: [list(root, [], { from: noon + 7000 })] },
    Uint8Array.of(3),
  ],
  [
    'a list that says no end',
    'knock',
    { listRequired: true, lists: [list(root, [], { until: undefined })] },
    Uint8Array.of(3),
  ],
  [
    'a list of another authority',
    'crl-out-of-date',
    { listRequired: true, lists: [list(intermediate)] },
    Uint8Array.of(3),
  ],
];
for (const [what, word, changes, serial] of revoked) {
  test(`lists: ${what}: ${word}`, async () =>
    assert.equal(await hear(siteWith(changes), issue({ serial })), word));
}

test('lists: every authority of the chain has its say', async () => {
  const leaf = under(intermediate);
  const words = (lists: readonly RevocationList[], listRequired = false) =>
    hear(siteWith({ ...two, lists, listRequired }), leaf);
  assert.equal(await words([list(intermediate, ['03'])]), 'revoked');
  assert.equal(await words([list(root, ['11'])]), 'revoked');
  assert.equal(await words([list(root, ['03']), list(intermediate, ['11'])]), 'knock');
  assert.equal(await words([list(root)], true), 'crl-out-of-date');
  assert.equal(await words([list(intermediate)], true), 'crl-out-of-date');
  assert.equal(await words([list(root), list(intermediate)], true), 'knock');
});

test('one way that is good is enough', async () => {
  const keys = p256();
  const first = makeAuthority('bridge', { issuer: root, keys, serial: Uint8Array.of(0x21) });
  const other = makeAuthority('other');
  const second = makeAuthority('bridge', { issuer: other, keys, serial: Uint8Array.of(0x22) });
  const all = certificates(root, other, first, second);
  const words = (...lists: RevocationList[]) => hear(siteWith({ ...all, lists }), under(first));
  assert.equal(await words(list(root, ['21'])), 'knock');
  assert.equal(await words(list(root, ['21']), list(other, ['22'])), 'revoked');
});

test('lists that stay are read once, whatever else of the site changes', () => {
  let times = 0;
  const read = () => {
    times++;
    return ['03'];
  };
  const lists = [Object.defineProperty({ ...list(root) }, 'serials', { get: read, enumerable: true })];
  const site = siteWith({ lists });
  const method = new Datagram(site, () => false);
  method.site = { ...site, skewMs: 1000 };
  assert.equal(times, 1);
  method.site = { ...site, lists: [...lists] };
  assert.equal(times, 2);
});
