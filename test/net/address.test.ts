/** Addresses and networks in text: one canonical form, and a great many texts that are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatAddress,
  isIPv4Mapped,
  isPublic,
  isUnicast,
  parseAddress,
  parseNetwork,
} from '../../src/net/address.js';

/** RFC 5952, by section, and RFC 4291. */
const canonical: readonly [string, string][] = [
  ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8::2:1', '2001:db8::2:1'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::ABCD:EF', '2001:db8::abcd:ef'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['1:0:0:0:0:0:0:0', '1::'],
  ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
  ['ff02::0:0:1', 'ff02::1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:C000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
];

for (const [text, expected] of canonical) {
  test(`${text} is ${expected}`, () => {
    const address = parseAddress(text)!;
    assert.equal(address.length, 16);
    assert.equal(formatAddress(address), expected);
  });
}

const noAddresses = [
  '',
  ' ',
  '1',
  '1.2',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.4 ',
  ' 1.2.3.4',
  '1.2.3.4\n',
  '1.2.3.256',
  '1.2.3.-4',
  '1.2.3.',
  '.1.2.3',
  '1..2.3',
  '01.2.3.4',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '0x7f000001',
  '2130706433',
  '1.2.3.4/32',
  '1,2,3,4',
  'localhost',
  'example.org',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '12345::',
  'g::',
  '::1/128',
  '[::1]',
  '::1%eth0',
  'fe80::1%1',
  '::1.2.3',
  '::1.2.3.256',
  '::ffff:01.2.3.4',
  '1.2.3.4::',
  '::1\0',
  '١.٢.٣.٤',
];

for (const text of noAddresses) {
  test(`no address: ${JSON.stringify(text)}`, () => {
    assert.equal(parseAddress(text), undefined);
    if (!text.includes('/')) assert.equal(parseNetwork(text), undefined);
  });
}

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** With many zeros, so that there is something to shorten. */
const sparse = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map(groups => Uint8Array.from(groups.flatMap(group => [group >> 8, group & 0xff])));
const mapped = fc
  .uint8Array({ minLength: 4, maxLength: 4 })
  .map(host => Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...host]));
const anyAddress = fc.oneof(bytes16, sparse, mapped);

/** The URL standard has the same short form, written by others; it only has no dotted one. */
function slowFormat(address: Uint8Array): string {
  if (isIPv4Mapped(address)) return address.subarray(12).join('.');
  const groups = Buffer.from(address)
    .toString('hex')
    .replace(/(....)(?!$)/g, '$1:');
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1);
}

test('round trip, in the form that URLs have too', () => {
  fc.assert(
    fc.property(anyAddress, address => {
      const text = formatAddress(address);
      assert.equal(text, slowFormat(address));
      assert.deepEqual([...parseAddress(text)!], [...address]);
    }),
    { numRuns: 2000 },
  );
});

test('random text never throws, and what is an address has one canonical text', () => {
  const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdfxF.:/% '), maxLength: 45 });
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), each => {
      const address = parseAddress(each);
      parseNetwork(each);
      if (address !== undefined) assert.deepEqual(parseAddress(formatAddress(address)), address);
    }),
    { numRuns: 5000 },
  );
});

const networks: readonly [string, 4 | 6, string][] = [
  ['192.0.2.0/24', 4, '192.0.2.0/24'],
  ['192.0.2.77/24', 4, '192.0.2.0/24'],
  ['192.0.2.77', 4, '192.0.2.77/32'],
  ['192.0.2.77/32', 4, '192.0.2.77/32'],
  ['10.255.255.255/9', 4, '10.128.0.0/9'],
  ['1.2.3.4/0', 4, '0.0.0.0/0'],
  ['192.0.2.0/024', 4, '192.0.2.0/24'],
  ['2001:db8:0:0::1/64', 6, '2001:db8::/64'],
  ['2001:DB8::1', 6, '2001:db8::1/128'],
  ['ffff:ffff::/1', 6, '8000::/1'],
  ['::/0', 6, '::/0'],
  ['fe80::1/10', 6, 'fe80::/10'],
];

for (const [text, family, expected] of networks) {
  test(`network ${text} is ${expected}`, () =>
    assert.deepEqual(parseNetwork(text), { family, text: expected }));
}

const noNetworks = [
  '/',
  '/24',
  '192.0.2.0/',
  '192.0.2.0/33',
  '192.0.2.0/-1',
  '192.0.2.0/+1',
  '192.0.2.0/1e1',
  '192.0.2.0/ 24',
  '192.0.2.0/24 ',
  '192.0.2.0/24/24',
  '192.0.2/24',
  '192.0.2.0/255.255.255.0',
  '::/129',
  '::/1000',
  '::/x',
  'fe80::1%eth0/64',
  'example.org/24',
  '::ffff:192.0.2.1',
  '::ffff:192.0.2.1/128',
  '::ffff:192.0.2.0/120',
  '::ffff:0:0/96',
];

for (const text of noNetworks) {
  test(`no network: ${text}`, () => assert.equal(parseNetwork(text), undefined));
}

test('which addresses are public, which are of one host', () => {
  for (const [text, isOpen, isOne] of [
    ['8.8.8.8', true, true],
    ['2606:4700::1111', true, true],
    ['::ffff:8.8.8.8', true, true],
    ['10.0.0.1', false, true],
    ['172.31.255.255', false, true],
    ['172.32.0.1', true, true],
    ['192.168.1.1', false, true],
    ['100.64.0.1', false, true],
    ['127.0.0.1', false, true],
    ['169.254.1.1', false, true],
    ['::1', false, true],
    ['fe80::1', false, true],
    ['fd00::1', false, true],
    ['::ffff:10.0.0.1', false, true],
    ['0.0.0.0', false, false],
    ['::', false, false],
  ] as const) {
    assert.equal(isPublic(parseAddress(text)!), isOpen, `${text} public`);
    assert.equal(isUnicast(parseAddress(text)!), isOne, `${text} unicast`);
  }
  for (const text of ['255.255.255.255', '224.0.0.1', 'ff02::1'])
    assert.ok(!isUnicast(parseAddress(text)!), text);
});
