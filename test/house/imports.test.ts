/** The floors of the house: each rule holds for the sources, and finds what breaks it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cycles, impurities, undeclaredPackages, wrongImports } from './imports.js';
import { readProjectFile, type Source, sourcesUnder } from './project.js';

const sources = sourcesUnder('src');
const file = (path: string, text: string): Source => ({ path, text });

test('there are sources to look at', () => assert.ok(sources.length > 20));

test('imports go down, never up or across', () => assert.deepEqual(wrongImports(sources), []));

for (const [path, module] of [
  ['src/crypto/a.ts', '../net/packet.js'],
  ['src/crypto/a.ts', '../system/error.js'],
  ['src/net/a.ts', '../methods/knock.js'],
  ['src/system/a.ts', '../methods/knock.js'],
  ['src/methods/knock.ts', '../daemon/config.js'],
  ['src/methods/knock.ts', '../system/error.js'],
  ['src/methods/knock.ts', '../net/nflog.js'],
  ['src/methods/datagram/a.ts', '../port-sequence/sealed.js'],
  ['src/methods/datagram/a.ts', '../../client/knock.js'],
  ['src/daemon/a.ts', '../client/knock.js'],
  ['src/client/a.ts', '../daemon/config.js'],
  ['src/client/a.ts', '../index.js'],
] as const) {
  test(`found: ${path} imports ${module}`, () => {
    for (const text of [
      `import { a } from '${module}';`,
      `import type {\n  A,\n} from '${module}';`,
      `export * from '${module}';`,
      `import '${module}';`,
      `await import('${module}');`,
    ]) {
      assert.equal(wrongImports([file(path, text)]).length, 1, text);
    }
    assert.deepEqual(wrongImports([file(path, `// import { a } from '${module}';`)]), []);
  });
}

test('crypto and methods are pure', () => assert.deepEqual(impurities(sources), []));

for (const text of [
  "import { readFileSync } from 'node:fs';",
  "import fs from 'fs';",
  "import { Socket } from 'node:net';",
  "import { spawn } from 'node:child_process';",
  "import { createSocket } from 'node:dgram';",
  "import { hostname } from 'node:os';",
  "import { setTimeout } from 'node:timers/promises';",
  'const now = Date.now();',
  'const now = new Date();',
  'const chance = Math.random();',
  "import { randomBytes } from 'node:crypto';",
  'crypto.getRandomValues(bytes);',
  'performance.now();',
  'process.exit();',
  'console.error(1);',
  'setTimeout(f, 1);',
] as const) {
  test(`found impure: ${text}`, () => {
    assert.notDeepEqual(impurities([file('src/crypto/a.ts', text)]), []);
    assert.notDeepEqual(impurities([file('src/methods/datagram/a.ts', text)]), []);
    assert.deepEqual(impurities([file('src/daemon/a.ts', text)]), []);
  });
}

test('nothing imports itself, by whatever way', () => assert.deepEqual(cycles(sources), []));

test('found: cycles', () => {
  const a = file('src/net/a.ts', "import './b.js';");
  const b = file('src/net/b.ts', "import type { C } from './c/c.js';");
  const c = file('src/net/c/c.ts', "export * from '../a.js';");
  assert.deepEqual(cycles([a, b, c]), ['src/net/a.ts → src/net/b.ts → src/net/c/c.ts → src/net/a.ts']);
  assert.deepEqual(cycles([file('src/net/a.ts', "import './a.js';")]), ['src/net/a.ts → src/net/a.ts']);
  assert.deepEqual(cycles([a, b, file('src/net/c/c.ts', '')]), []);
});

test('what the sources import is a dependency', () => {
  const { dependencies } = JSON.parse(readProjectFile('package.json') ?? '{}') as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const declared = new Set(Object.keys(dependencies));
  assert.deepEqual(undeclaredPackages(sources, declared), []);
  const example = "import 'koffi/x'; import 'left-pad'; import '@a/b/c'; import 'node:fs'; import './x.js';";
  assert.deepEqual(undeclaredPackages([file('src/a.ts', example)], declared), [
    'src/a.ts imports left-pad',
    'src/a.ts imports @a/b',
  ]);
});
