/** TOML with lines: where each value stands, and what is said of a text that is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Path, readToml } from '../../src/daemon/toml.js';
import { OperatorError } from '../../src/system/error.js';

const text = `a = 1
b.c = "x"

[table]
list = [
  1,
  2,
]
inline = { x = 1, y = { z = 2 } }
"quoted key" = 1

[[many]]
name = "one"

[[many]]
name = "two"
[many.inner]
deep = true
[very.deep]
x = 1
`;

const lines: readonly [Path, number][] = [
  [['a'], 1],
  [['b'], 2],
  [['b', 'c'], 2],
  [['table'], 4],
  [['table', 'list'], 5],
  [['table', 'list', 0], 6],
  [['table', 'list', 1], 7],
  [['table', 'list', 2], 5],
  [['table', 'inline'], 9],
  [['table', 'inline', 'y', 'z'], 9],
  [['table', 'quoted key'], 10],
  [['table', 'missing'], 4],
  [['many'], 12],
  [['many', 0], 12],
  [['many', 0, 'name'], 13],
  [['many', 0, 'missing'], 12],
  [['many', 1], 15],
  [['many', 1, 'name'], 16],
  [['many', 1, 'inner'], 17],
  [['many', 1, 'inner', 'deep'], 18],
  [['many', 2], 12],
  [['very'], 19],
  [['very', 'deep', 'x'], 20],
  [['missing'], 1],
  [[], 1],
];

test('every value has its line, and what is missing that of what is around it', () => {
  const document = readToml(text, 'f.toml');
  for (const [path, line] of lines) assert.equal(document.lineOf(path), line, path.join('.'));
  assert.deepEqual(document.value['many'], [{ name: 'one' }, { name: 'two', inner: { deep: true } }]);
});

const broken: readonly [string, number, RegExp][] = [
  ['a = ', 1, /^unspecified values are invalid$/],
  ['\n\na = [1, 2', 3, /^[a-z]/],
  ['a = 1\nb = 2\na = 3', 3, /^defining a key multiple times is invalid$/],
  ['[a]\nb = 1\n[a]\nc = 1', 3, /^[a-z]/],
  ['a = 1\n[[a]]', 2, /^[a-z]/],
  ['a = "x\ny"', 1, /^[a-z]/],
  ['a = 1 b = 2', 1, /^[a-z]/],
  ['a = nonsense', 1, /^[a-z]/],
  ['a = 012', 1, /^[a-z]/],
  ['# fine\n= 1', 2, /^[a-z]/],
  ['a = 1\n"__proto__" = 2', 2, /^a key cannot be "__proto__"$/],
  ['\n[__proto__]\nx = 1', 2, /^a key cannot be "__proto__"$/],
  ['a = { b.__proto__.x = 1 }', 1, /^a key cannot be "__proto__"$/],
  ['[[door]]\nname = "a"\n[door.__proto__]\nservices = ["tcp/22"]', 3, /^a key cannot be "__proto__"$/],
];

for (const [toml, line, message] of broken) {
  test(`refused with its line: ${JSON.stringify(toml)}`, () => {
    assert.throws(
      () => readToml(toml, 'f.toml'),
      (error: unknown) => {
        assert.ok(error instanceof OperatorError);
        assert.deepEqual([error.code, error.file, error.line], ['bad-toml', 'f.toml', line]);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\.$/);
        return true;
      },
    );
    assert.equal(({} as Record<string, unknown>)['x'], undefined, 'what every object has is left alone');
  });
}

const fragment = fc.oneof(
  fc.constantFrom(
    'a',
    'b.c',
    '"q"',
    ' = ',
    '[',
    ']',
    '[[',
    ']]',
    '{',
    '}',
    ',',
    '\n',
    '1',
    '"x"',
    "'''",
    '"""',
    '#',
    '-inf',
  ),
  fc.constantFrom(
    '1979-05-27',
    '07:32',
    '0x',
    '1e',
    'true',
    '__proto__',
    '.',
    '\\',
    '\r',
    '\0',
    '\ufeff',
    '\ud800',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
);

test('any text is a document or an error for the operator', () => {
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), fragments => {
      try {
        readToml(fragments.join(''), 'f.toml');
      } catch (error) {
        assert.ok(error instanceof OperatorError, String(error));
        assert.ok(Number.isInteger(error.line));
      }
    }),
    { numRuns: 2000 },
  );
});
