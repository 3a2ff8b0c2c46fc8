/** Rights in both forms: what they permit, and that one entry that is not right spoils them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as rights from '../../../src/methods/datagram/rights.js';
import { tcp, udp } from '../../../src/net/packet.js';
import { der, otherName, own, ownRightsId, sequence, utf8 } from '../../crypto/certificates.js';

const web = { name: 'web', services: [{ protocol: tcp, port: 2000 }], isOpen: true };

const spellings: readonly (readonly [string, string | undefined])[] = [
  ['tcp/2000', 'tcp/2000'],
  ['udp/1', 'udp/1'],
  ['tcp/65535', 'tcp/65535'],
  ['tcp/8000-8100', 'tcp/8000-8100'],
  ['tcp/1-65535', 'tcp/1-65535'],
  ['tcp/22-22', 'tcp/22'],
  ['door/ssh', 'door/ssh'],
  ['door/a.b_c-9', 'door/a.b_c-9'],
  ...[
    '',
    'tcp',
    'tcp/',
    'tcp/0',
    'tcp/65536',
    'tcp/022',
    'tcp/+22',
    'tcp/2e3',
    'tcp/ 22',
    'tcp/22 ',
    'TCP/22',
    'sctp/22',
    'tcp/22/22',
    'tcp/8100-8000',
    'tcp/8000-',
    'tcp/-8000',
    'tcp/1-2-3',
    'tcp/0-80',
    'tcp/*',
    'door/',
    'door/*',
    'door/-x',
    'door/a b',
    `door/${'x'.repeat(33)}`,
    'door/ssh/x',
    '22',
  ].map(text => [text, undefined] as const),
];

test('spellings of our own rights', () => {
  for (const [text, expected] of spellings) {
    const right = rights.parseRight(text);
    assert.equal(right && rights.formatRight(right), expected, JSON.stringify(text));
  }
});

test("sKnock's text: all entries right, or none counts", () => {
  const texts: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['1.2000', ['tcp/2000']],
    ['1.2000,1.3000,0.8000', ['tcp/2000', 'tcp/3000', 'udp/8000']],
    ...[
      '',
      ',',
      '1.2000,',
      '1.2000, 0.8000',
      '2.2000',
      '1.0',
      '1.65536',
      '1.02000',
      '1.2000-3000',
      '1.*',
      '1',
      '1.2000;0.8000',
      '1.2000,x',
      '1.2000\n',
      'tcp/2000',
    ].map(text => [text, undefined] as const),
  ];
  for (const [text, expected] of texts) {
    assert.deepEqual(rights.parseOtherName(text)?.map(rights.formatRight), expected, JSON.stringify(text));
  }
});

test("sKnock's text of rights has single ports alone", () => {
  const all = ['tcp/2000', 'tcp/8000-8100', 'udp/53', 'door/ssh'].map(text => rights.parseRight(text)!);
  assert.equal(rights.formatOtherName(all), '1.2000,0.53');
  assert.equal(rights.formatOtherName(all.filter(({ kind }) => kind === 'door')), undefined);
});

test('our own extension, both ways', () => {
  const texts = ['tcp/2000', 'udp/8000-8100', 'door/ssh'];
  const encoded = rights.encodeRights(texts.map(text => rights.parseRight(text)!));
  assert.deepEqual(Buffer.from(encoded), sequence(...texts.map(utf8)));
  assert.deepEqual(rights.decodeRights(encoded)?.map(rights.formatRight), texts);
  assert.equal(rights.rightsId, ownRightsId);
  assert.ok(own(...texts).includes(Buffer.from(encoded)));
});

const printable = (text: string) => der(0x13, Buffer.from(text));
const broken: Readonly<Record<string, Uint8Array>> = {
  'one entry is not right': sequence(utf8('tcp/2000'), utf8('tcp/99999')),
  'another kind of text': sequence(printable('tcp/2000')),
  'not a sequence': utf8('tcp/2000'),
  'a set': der(0x31, utf8('tcp/2000')),
  'more behind it': Buffer.concat([sequence(utf8('tcp/2000')), Uint8Array.of(0)]),
  'cut short': sequence(utf8('tcp/2000')).subarray(0, 8),
  'nothing at all': new Uint8Array(0),
};
for (const [what, value] of Object.entries(broken)) {
  test(`our own extension does not count: ${what}`, () =>
    assert.deepEqual(rights.decodeRights(value), undefined));
}

const names = (...all: readonly Uint8Array[]) =>
  rights.decodeAlternativeNames(sequence(...all)).map(rights.formatRight);

test('alternative names: each otherName for itself', () => {
  const dns = der(0x82, Buffer.from('host.example'));
  assert.deepEqual(names(dns, otherName(utf8('1.2000'))), ['tcp/2000']);
  assert.deepEqual(names(otherName(utf8('1.2000')), otherName(utf8('0.53,0.54'))), [
    'tcp/2000',
    'udp/53',
    'udp/54',
  ]);
  assert.deepEqual(names(otherName(utf8('1.2000,9')), otherName(utf8('0.53'))), ['udp/53']);
  assert.deepEqual(names(otherName(utf8('1.2000'), '1.3.6.1.4.1.19519')), []);
  assert.deepEqual(names(otherName(printable('1.2000'))), []);
  assert.deepEqual(names(otherName(Buffer.concat([utf8('1.2000'), utf8('1.1')]))), []);
  assert.deepEqual(names(der(0xa0, otherName(utf8('1.2000')))), []);
  assert.deepEqual(names(der(0xa1, otherName(utf8('1.2000')))), []);
  assert.deepEqual(rights.decodeAlternativeNames(utf8('1.2000')), []);
  assert.deepEqual(rights.decodeAlternativeNames(new Uint8Array(0)), []);
  const trailing = Buffer.concat([sequence(otherName(utf8('1.2000'))), Uint8Array.of(5, 0)]);
  assert.deepEqual(rights.decodeAlternativeNames(trailing), []);
});

test('what rights permit', () => {
  const permits = (texts: string, service: string, door?: typeof web) => {
    const [protocol, port] = service.split('/');
    const asked = { protocol: protocol === 'tcp' ? tcp : udp, port: Number(port) };
    return rights.permits(
      texts.split(' ').map(text => rights.parseRight(text)!),
      asked,
      door,
    );
  };
  assert.ok(permits('tcp/2000', 'tcp/2000', web));
  assert.ok(permits('udp/1 tcp/2000', 'tcp/2000'));
  assert.ok(permits('tcp/1999-2001', 'tcp/1999') && permits('tcp/1999-2001', 'tcp/2001'));
  assert.ok(!permits('tcp/1999-2001', 'tcp/1998') && !permits('tcp/1999-2001', 'tcp/2002'));
  assert.ok(!permits('tcp/1999-2001', 'udp/2000') && !permits('tcp/2000', 'tcp/2001', web));
  assert.ok(permits('door/web', 'tcp/2000', web) && !permits('door/web', 'tcp/2000'));
  assert.ok(!permits('door/we', 'tcp/2000', web) && !permits('door/Web', 'tcp/2000', web));
});
