/** Packages: exact versions, each with its reason in CONTRIBUTING.md, and a lock file that names no server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProjectFile } from './project.js';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const kinds = ['dependencies', 'devDependencies'] as const;

function inexact(manifest: Manifest): string[] {
  const all = kinds.flatMap(kind => Object.entries(manifest[kind] ?? {}));
  return all.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)).map(([name]) => name);
}

function unexplained(manifest: Manifest, text: string): string[] {
  const names = kinds.flatMap(kind => Object.keys(manifest[kind] ?? {}));
  return names.filter(name => !text.includes(`\`${name}\``));
}

const read = (path: string) => {
  const text = readProjectFile(path);
  assert.ok(text !== undefined, `${path} is there`);
  return text;
};
const manifest = () => JSON.parse(read('package.json')) as Manifest;

test('versions are exact', () => {
  assert.ok(Object.keys(manifest().dependencies ?? {}).length > 0);
  assert.deepEqual(inexact(manifest()), []);
  for (const version of [
    '^1.0.0',
    '~1.0.0',
    '1.0',
    '1.x',
    '*',
    'latest',
    '>=1.0.0',
    'file:../a',
    'git+ssh://a',
  ]) {
    assert.deepEqual(inexact({ dependencies: { a: version } }), ['a'], version);
    assert.deepEqual(inexact({ devDependencies: { a: version } }), ['a'], version);
  }
});

test('every dependency has its reason in CONTRIBUTING.md', () => {
  assert.deepEqual(unexplained(manifest(), read('CONTRIBUTING.md')), []);
  assert.deepEqual(unexplained({ dependencies: { a: '1.0.0' }, devDependencies: { b: '1.0.0' } }, 'a, `b`'), [
    'a',
  ]);
});

/** The packages whose entries say where they were downloaded from. */
function resolved(lock: string): string[] {
  const { packages } = JSON.parse(lock) as { readonly packages: Readonly<Record<string, object>> };
  return Object.entries(packages)
    .filter(([, entry]) => 'resolved' in entry)
    .map(([name]) => name);
}

test('the lock file names no server, and all versions of the manifest', () => {
  const lock = read('package-lock.json');
  assert.deepEqual(resolved(lock), []);
  assert.deepEqual(resolved('{"packages":{"a":{"resolved":"x"},"b":{}}}'), ['a']);
  const { packages } = JSON.parse(lock) as { readonly packages: Readonly<Record<string, Manifest>> };
  for (const kind of kinds) assert.deepEqual(packages['']?.[kind], manifest()[kind]);
});
