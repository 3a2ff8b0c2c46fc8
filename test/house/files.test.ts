/** What a file may be: each rule holds for the sources, and finds what breaks it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badNames, longFiles, longFunctions, undocumented, withoutOpening } from './files.js';
import { type Source, sourcesUnder } from './project.js';

const sources = sourcesUnder('src');
const all = [...sources, ...sourcesUnder('test'), ...sourcesUnder('bench')];
const file = (path: string, text: string): Source => ({ path, text });

test('no file is past 350 lines', () => {
  assert.deepEqual(longFiles(all), []);
  assert.deepEqual(longFiles([file('a.ts', 'a\n'.repeat(350))]), []);
  assert.deepEqual(longFiles([file('a.ts', 'a\n'.repeat(351))]), ['a.ts has 351 lines']);
});

const functionOf = (lines: number) => `function f() {\n${'a();\n'.repeat(lines - 2)}}\n`;

test('functions are short: none past 40 lines, nearly all within 25', () => {
  assert.deepEqual(longFunctions(sources), []);
  assert.deepEqual(longFunctions([file('a.ts', functionOf(2).repeat(50) + functionOf(41))]), [
    'a.ts:101 has 41 lines',
  ]);
  assert.deepEqual(longFunctions([file('a.ts', functionOf(2).repeat(50) + functionOf(40))]), []);
  assert.deepEqual(longFunctions([file('a.ts', functionOf(2).repeat(18) + functionOf(26))]), [
    'a.ts:37 has 26 lines',
  ]);
  assert.deepEqual(longFunctions([file('a.ts', functionOf(2).repeat(19) + functionOf(26))]), []);
});

test('names say what is in a file', () => {
  assert.deepEqual(badNames(all), []);
  for (const path of [
    'src/utils.ts',
    'src/net/helper.ts',
    'src/common/a.ts',
    'src/daemon/types.ts',
    'src/net/packet-utils.ts',
    'test/net/helpers.test.ts',
    'src/net/Packet.ts',
    'src/net/packet_file.ts',
  ]) {
    assert.deepEqual(badNames([file(path, '')]), [path]);
  }
  const good = ['src/a-b/c.ts', 'test/typesetter.test.ts', 'test/crypto/aes-js.d.ts'].map(path =>
    file(path, ''),
  );
  assert.deepEqual(badNames(good), []);
});

test('every file says first what it is', () => {
  assert.deepEqual(withoutOpening(all.filter(({ path }) => !path.endsWith('.d.ts'))), []);
  for (const text of ['', "import 'a';\n/** A. */", '// A.\n', '/* A. */\n', '/** */\n', '\n/** A. */']) {
    assert.deepEqual(withoutOpening([file('a.ts', text)]), ['a.ts'], JSON.stringify(text));
  }
  for (const text of ['/** A. */\n', '/**\n * A.\n */\n', '#!/usr/bin/env node\n/** A. */\n']) {
    assert.deepEqual(withoutOpening([file('a.ts', text)]), [], JSON.stringify(text));
  }
});

test('everything public has a sentence on it', () => {
  const index = sources.find(({ path }) => path === 'src/index.ts');
  assert.ok(index !== undefined, 'src/index.ts is there');
  assert.deepEqual(undocumented(index, sources), []);
  assert.doesNotMatch(
    index.text,
    /export \*|export default|export (?:const|function|class|interface|type [A-Z])/,
  );
});

test('found: public names without a sentence', () => {
  const entry = file(
    'src/index.ts',
    "export { a, type B, c as d } from './x/y.js';\nexport type { E } from './x/z.js';",
  );
  const good = [
    file(
      'src/x/y.ts',
      '/** A. */\nexport function a() {}\n/** B. */\nexport interface B {}\n/** C. */\nexport const c = 1;',
    ),
    file('src/x/z.ts', "export type { E } from './w.js';"),
    file('src/x/w.ts', '/** E. */\nexport type E = 1;'),
  ];
  assert.deepEqual(undocumented(entry, good), []);
  const bare = good.map(({ path, text }) => file(path, text.replaceAll(/\/\*\*.*\*\/\n/g, '')));
  assert.deepEqual(undocumented(entry, bare), [
    'a in src/x/y.ts',
    'B in src/x/y.ts',
    'c in src/x/y.ts',
    'E in src/x/w.ts',
  ]);
  assert.deepEqual(undocumented(entry, []).length, 4);
});
