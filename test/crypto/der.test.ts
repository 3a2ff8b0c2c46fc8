/** DER walked from outside: what is whole, and what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementAt, elementsOf, sequenceTag, wrap } from '../../src/crypto/der.js';

test('what is wrapped is found again, whatever its length', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 24]) {
    const content = Buffer.alloc(length, 0x5a);
    const whole = wrap(sequenceTag, content);
    const element = elementAt(whole, 0, whole.length)!;
    assert.deepEqual([element.tag, element.end - element.start, element.end], [0x30, length, whole.length]);
    assert.equal(elementAt(whole, 0, whole.length - 1), undefined, 'cut off');
  }
});

for (const [name, hex] of [
  ['nothing', ''],
  ['a tag alone', '30'],
  ['a length without its bytes', '3082ff'],
  ['more than there is', '300500'],
  ['an indefinite length', '30800000'],
  ['a length of five bytes', '30850000000001'],
  ['a length past all bytes', '3084ffffffff00'],
] as const) {
  test(`no element: ${name}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    assert.equal(elementAt(bytes, 0, bytes.length), undefined);
  });
}

test('a content is made of whole elements, and of no more than are wanted', () => {
  const three = wrap(sequenceTag, Buffer.from('020101020102020103', 'hex'));
  const list = elementAt(three, 0, three.length)!;
  assert.deepEqual(
    elementsOf(three, list, 3)?.map(({ begin, start, end }) => [begin, start, end]),
    [
      [2, 4, 5],
      [5, 7, 8],
      [8, 10, 11],
    ],
  );
  assert.equal(elementsOf(three, list, 2), undefined);
  const broken = wrap(sequenceTag, Buffer.from('02010102', 'hex'));
  assert.equal(elementsOf(broken, elementAt(broken, 0, broken.length)!, 3), undefined);
});
