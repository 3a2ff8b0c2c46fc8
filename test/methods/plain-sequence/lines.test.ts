/** Files of sequences for one use each: which line is next, and where its mark goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSequence } from '../../../src/methods/plain-sequence/format.js';
import { nextLine, usedMark } from '../../../src/methods/plain-sequence/lines.js';

const cases: readonly [text: string, line: number | undefined, offset?: number, sequence?: string][] = [
  ['', undefined],
  ['\n\n  \n', undefined],
  ['#1,2\n  # 3,4\n', undefined],
  ['7000,8000', 1, 0, '7000:tcp,8000:tcp'],
  ['\n 7000:udp , 8000 \n9,9\n', 2, 1, '7000:udp,8000:tcp'],
  ['#1,2\r\n 3,4\r\n', 2, 6, '3:tcp,4:tcp'],
  ['# für die Tür\n 7:UDP', 2, 16, '7:udp'],
  ['1:icmp\n99999\n 5', 3, 13, '5:tcp'],
];

for (const [text, line, offset, sequence] of cases) {
  test(`next in ${JSON.stringify(text)}`, () => {
    const { next } = nextLine(Buffer.from(text));
    assert.equal(next?.line, line);
    if (next === undefined) return;
    assert.equal(next.offset, offset);
    assert.equal(formatSequence(next.sequence), sequence);
  });
}

test('a line that is wrong is told of, in knockd’s words', () => {
  const { wrong } = nextLine(Buffer.from('#1:x\n1:icmp\n\n99999\n 5\n6:icmp\n'));
  assert.deepEqual(wrong, [
    { line: 2, mistake: 'unknown protocol in knock sequence' },
    { line: 4, mistake: 'port 99999 is invalid' },
  ]);
});

test('whatever stands in it: a marked line is never next again, and none is left out', () => {
  const text = fc.string({
    unit: fc.constantFrom('\n', '\r', '#', ' ', '7', ',', ':', 'u', 'd', 'p', 'ü', '\0'),
  });
  fc.assert(
    fc.property(text, text => {
      const bytes = Buffer.from(text);
      let last = 0;
      for (let taken = 0; ; taken++) {
        const { next } = nextLine(bytes);
        if (next === undefined) return;
        assert(next.line > last && taken <= text.length);
        assert(next.offset === 0 || bytes[next.offset - 1] === 10);
        last = next.line;
        bytes[next.offset] = usedMark;
      }
    }),
  );
});
