/** The programs as scripts/bundle.mjs makes them. What V8 compiled in advance is used where it is right, and never else. */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clientPath, said, User } from './client/program.js';
import { Program } from './e2e/harness/program.js';

const compiledFolder = fileURLToPath(new URL('../src/', import.meta.url));

test('the programs are of the present build', () => {
  const files = readdirSync(compiledFolder, { recursive: true, encoding: 'utf8' });
  const timeOf = (file: string) => statSync(`${compiledFolder}${file}`).mtimeMs;
  const bundles = files.filter(file => file.endsWith('.bundle.cjs'));
  assert.deepEqual(bundles.length, 9);
  const oldest = Math.min(...bundles.map(timeOf));
  const newer = files.filter(file => file.endsWith('.js') && timeOf(file) > oldest);
  assert.deepEqual(newer, [], 'compiled since; make the programs with: npm run build');
});

/** Says of a script that is made whether it was compiled in advance. */
const spy = `const vm = require('node:vm');
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    const isUsed = options.cachedData !== undefined && this.cachedDataRejected === false;
    process.stderr.write(isUsed ? 'in advance' : 'now');
  }
};
`;
const otherNode = "Object.defineProperty(process, 'version', { value: 'v20.0.0' });\n";

/** The three files of a copy of the program. */
interface Copy {
  readonly start: string;
  readonly bundle: string;
  readonly compiled: string;
}

/** What is done to a copy; what is loaded before it; whether what was compiled is used then. */
const cases: readonly [name: string, change: (copy: Copy) => void, hook: string, expected: string][] = [
  ['as it was made', () => {}, spy, 'in advance'],
  ['by another Node', () => {}, spy + otherNode, 'now'],
  ['missing', ({ compiled }) => rmSync(compiled), spy, 'now'],
  ['empty', ({ compiled }) => writeFileSync(compiled, ''), spy, 'now'],
  ['cut short', ({ compiled }) => edit(compiled, bytes => bytes.subarray(0, -1)), spy, 'now'],
  ['with a bit turned', ({ compiled }) => edit(compiled, turnBitAt(0.5)), spy, 'now'],
  ['with a bit of its mark turned', ({ compiled }) => edit(compiled, turnBitAt(0)), spy, 'now'],
  ['of another program of the same length', ({ bundle }) => edit(bundle, otherWord), spy, 'now'],
];

for (const [name, change, hook, expected] of cases) {
  test(`compiled code ${name}`, async t => {
    const user = new User(t);
    const copy = copyTo(user.folder);
    const hookFile = `${user.folder}/hook.cjs`;
    writeFileSync(hookFile, hook);
    change(copy);
    const argv = ['::1', '40000', '1', ...user.identity(), '--dry-run', '--time', '2026-11-18'];
    const { stdout } = await user.run(argv);
    const options = { input: '', env: { NODE_OPTIONS: `--require ${hookFile}` } };
    const ended = await said(new Program(t, process.execPath, [copy.start, ...argv], options));
    assert.deepEqual(ended, { status: 0, stdout, stderr: expected });
    assert.match(stdout, /^(?:\d+\n)+$/);
  });
}

function copyTo(folder: string): Copy {
  const copy = (ending: string) => {
    copyFileSync(clientPath.replace(/cjs$/, ending), `${folder}/portknock.${ending}`);
    return `${folder}/portknock.${ending}`;
  };
  return { start: copy('cjs'), bundle: copy('bundle.cjs'), compiled: copy('compiled') };
}

function edit(path: string, change: (bytes: Buffer) => Buffer): void {
  const before = readFileSync(path);
  const after = change(Buffer.from(before));
  assert.notDeepEqual(after, before);
  writeFileSync(path, after);
}

function turnBitAt(share: number): (bytes: Buffer) => Buffer {
  return bytes => {
    bytes[Math.floor(bytes.length * share)]! ^= 1;
    return bytes;
  };
}

function otherWord(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString().replace('too few arguments', 'too few arguwents'));
}
