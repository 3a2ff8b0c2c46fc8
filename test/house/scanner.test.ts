/** The scanner that the house rules rest on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourcesUnder } from './project.js';
import { blank, functionsIn } from './scanner.js';

for (const [text, expected] of [
  ['a // { b\nc', 'a       \nc'],
  ['a /* {\n} */ b', 'a     \n     b'],
  ['f(\'{\', "}")', 'f(   ,    )'],
  ["'it\\'s {'", '         '],
  ['`{` + `}`', '    +    '],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text to be scanned
  ['`a ${f({ b: `}` })} {`', '     f({ b:     })    '],
  ['x = /[{/]}/g; y', 'x =         ; y'],
  ['a / b / c', 'a / b / c'],
  ['return /"/.test(s)', 'return    .test(s)'],
  ["s.replace(/'/g, x) // '", 's.replace(    , x)     '],
] as const) {
  test(`blanked: ${JSON.stringify(text)}`, () => assert.equal(blank(text), expected));
}

test('comments alone', () => {
  assert.equal(
    blank("import 'a'; // from 'b'\n/* from 'c' */", true),
    "import 'a';            \n              ",
  );
  assert.equal(blank("const a = 'http://x';", true), "const a = 'http://x';");
});

for (const [text, lengths] of [
  ['function f() {\n  a();\n}', [3]],
  ['const f = () => {\n  a();\n  b();\n};', [4]],
  ['class A {\n  get b(): number {\n    return 1;\n  }\n}', [3]],
  ['function f(): { readonly a: string } {\n  return x;\n}', [3]],
  ['function f(\n  a: string,\n): Promise<void> {\n}', [2]],
  ['const a = {\n  b() {\n  },\n};', [2]],
  [
    'if (a) {\n}\nfor (;;) {\n}\nwhile (b(c)) {\n}\nswitch (d) {\n}\ntry {\n} catch (e) {\n} finally {\n}',
    [],
  ],
  ['interface A {\n  b(): {\n    c: string;\n  };\n}', []],
  ['type A = {\n};\nclass B extends C {\n}', []],
  ["test('}', () => {\n  // }\n});", [3]],
] as const) {
  test(`functions: ${JSON.stringify(text.slice(0, 50))}`, () => {
    assert.deepEqual(
      functionsIn(text).map(({ length }) => length),
      lengths,
    );
  });
}

test('every brace of the sources has its partner', () => {
  for (const { path, text } of [...sourcesUnder('src'), ...sourcesUnder('test')]) {
    if (path === 'test/house/scanner.test.ts') continue;
    const code = blank(text);
    assert.equal(code.length, text.length, path);
    for (const [open, close] of ['{}', '()', '[]']) {
      assert.equal(code.split(open!).length, code.split(close!).length, `${path} ${open}${close}`);
    }
  }
});
