/** Lines of hits, however the stream is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import { formatHit, HitLines } from '../../src/net/lines.js';

function read(...chunks: readonly string[]): { readonly hits: string[]; readonly malformed: number } {
  const lines = new HitLines();
  const hits: string[] = [];
  const hit = (port: number, source: Uint8Array) => hits.push(`${port} ${formatAddress(source)}`);
  for (const chunk of chunks) lines.push(chunk, hit);
  lines.end(hit);
  return { hits, malformed: lines.malformed };
}

const longest = '65535 ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255';

const taken: readonly [string, string, string[]][] = [
  ['nothing', '', []],
  ['a hit', '40018 192.0.2.1\n', ['40018 192.0.2.1']],
  ['two', '1 192.0.2.1\n65535 2001:db8::1\n', ['1 192.0.2.1', '65535 2001:db8::1']],
  ['the last without its newline', '1 192.0.2.1\n2 192.0.2.1', ['1 192.0.2.1', '2 192.0.2.1']],
  ['the newlines of Windows', '1 192.0.2.1\r\n\r\n2 192.0.2.1\r\n', ['1 192.0.2.1', '2 192.0.2.1']],
  ['empty lines and comments', '\n\n# 1 192.0.2.9\n#\n1 192.0.2.1\n\n', ['1 192.0.2.1']],
  ['a comment of any length', `#${' 1 192.0.2.9'.repeat(100)}\n1 192.0.2.1\n`, ['1 192.0.2.1']],
  ['a comment of any length at the end', `1 192.0.2.1\n#${'x'.repeat(1000)}`, ['1 192.0.2.1']],
  [
    'an address that is not canonical',
    '1 2001:DB8:0::1\n1 ::ffff:192.0.2.1\n',
    ['1 2001:db8::1', '1 192.0.2.1'],
  ],
  ['the longest hit', `${longest}\r\n`, ['65535 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']],
];

for (const [name, text, hits] of taken) {
  test(`taken: ${name}`, () => {
    assert.deepEqual(read(text), { hits, malformed: 0 });
    assert.deepEqual(read(...text), { hits, malformed: 0 }, 'byte by byte');
  });
}

const malformed = [
  '0 192.0.2.1',
  '65536 192.0.2.1',
  '100000 192.0.2.1',
  '-1 192.0.2.1',
  '+1 192.0.2.1',
  '1.5 192.0.2.1',
  '0x10 192.0.2.1',
  '1e3 192.0.2.1',
  '40018',
  '40018 ',
  '192.0.2.1',
  '192.0.2.1 40018',
  '40018  192.0.2.1',
  '40018\t192.0.2.1',
  ' 40018 192.0.2.1',
  '40018 192.0.2.1 ',
  '40018 192.0.2.1 x',
  '40018 192.0.2',
  '40018 192.0.2.256',
  '40018 0300.0.2.1',
  '40018 fe80::1%eth0',
  '40018 [::1]',
  '40018 example.org',
  '40018 192.0.2.1/32',
  '٤ 192.0.2.1',
  '\0',
  '\r',
  ' # no comment',
  'x'.repeat(65),
  'x'.repeat(100_000),
  `1 192.0.2.1${' '.repeat(100)}`,
].filter(line => line !== '\r');

for (const line of malformed) {
  test(`counted and stepped over: ${JSON.stringify(line.slice(0, 40))}`, () => {
    const text = `1 192.0.2.1\n${line}\n2 192.0.2.1\n`;
    const expected = { hits: ['1 192.0.2.1', '2 192.0.2.1'], malformed: 1 };
    assert.deepEqual(read(text), expected);
    assert.deepEqual(read(...text), expected, 'byte by byte');
    assert.deepEqual(read(line), { hits: [], malformed: 1 }, 'alone, without a newline');
  });
}

const line = fc.oneof(
  fc.constantFrom('', '#', '\r', '1 192.0.2.1', '2 2001:db8::1\r', '0 192.0.2.1', longest),
  fc.string({ unit: fc.constantFrom(...'#0123456789 .:\rx'), maxLength: 150, size: 'max' }),
);

/** The same promise, kept slowly: the whole text, split into lines. */
function slowRead(text: string): ReturnType<typeof read> {
  const lines = text.split('\n').map(each => each.replace(/\r$/, ''));
  const meant = lines.filter(each => each !== '' && !each.startsWith('#'));
  const hits = meant.flatMap(each => {
    const [port = '', host = '', ...rest] = each.split(' ');
    const source = rest.length === 0 ? parseAddress(host) : undefined;
    const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
    return source !== undefined && isPort ? [`${Number(port)} ${formatAddress(source)}`] : [];
  });
  return { hits, malformed: meant.length - hits.length };
}

test('chunks cut anywhere read as the whole', () => {
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.array(fc.nat(200), { maxLength: 40 }),
      (lines, cuts) => {
        const text = lines.join('\n');
        const chunks: string[] = [];
        let at = 0;
        for (const length of cuts) {
          chunks.push(text.slice(at, at + length));
          at += length;
        }
        assert.deepEqual(read(...chunks, text.slice(at)), slowRead(text));
      },
    ),
    { numRuns: 1000 },
  );
});

test('what is written is read', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const source = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(port, source, (to, from) => {
      const text = formatHit(to, from);
      assert.deepEqual(read(text), { hits: [text.trimEnd()], malformed: 0 });
    }),
  );
});

test('random text never throws', () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' })), chunks => void read(...chunks)));
});
