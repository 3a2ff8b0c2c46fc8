/** Files of one-time sequences: which line is next, and which byte of the file changes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readOneTime, spendOneTime } from '../../src/daemon/onetime.js';
import { formatSequence, parseSequence, type Step } from '../../src/methods/plain-sequence/format.js';
import { temporaryFolder, writeFile } from './folder.js';

function silent(warning: string): never {
  throw new Error(`told: ${warning}`);
}

function steps(text: string): readonly Step[] {
  const read = parseSequence(text);
  assert(!('mistake' in read));
  return read;
}

function text(read: readonly Step[] | undefined): string | undefined {
  return read && formatSequence(read);
}

function onceFile(t: TestContext, content: string | Uint8Array): string {
  return writeFile(temporaryFolder(t), 'once', content);
}

/** What is in the file, and which of its sequences is next. */
const files: readonly [string, string, string | undefined][] = [
  ['nothing', '', undefined],
  ['blank lines and comments', '\n  \n# 1\n \t# 2\n', undefined],
  ['the first line', '1,2\n3,4\n', '1:tcp,2:tcp'],
  ['a line behind used ones', '#1,2\n# 3\n\n 5:udp , 6\n7\n', '5:udp,6:tcp'],
  ['no final newline', '#1\n2', '2:tcp'],
  ['carriage returns', '#1\r\n\r\n2:udp\r\n', '2:udp'],
  ['a NUL', '\0 9\n1\0,2\n', '1:tcp'],
  ['a line of 4095 bytes', `1,${'0'.repeat(4092)}2\n`, '1:tcp,2:tcp'],
];

for (const [name, content, next] of files) {
  test(`next: ${name}`, t => {
    const path = onceFile(t, content);
    assert.equal(text(readOneTime(path, silent)), next);
    assert.equal(readFileSync(path, 'latin1'), content);
  });
}

test('lines that are no sequence are passed over, each told with its place', t => {
  const bad = ['70000', '1:icmp', '1,'.repeat(33), ` ${'1'.repeat(4095)}`];
  const path = onceFile(t, ['# c', ...bad, '5', '70001', ''].join('\n'));
  const told: string[] = [];
  assert.equal(text(readOneTime(path, line => told.push(line))), '5:tcp');
  const mistakes = [
    'port 70000 is invalid',
    'unknown protocol in knock sequence',
    'too many ports in knock sequence',
    'the line is too long',
  ];
  assert.deepEqual(
    told,
    mistakes.map((mistake, index) => `${path}:${index + 2}: ${mistake}: the line is passed over`),
  );
});

/** A file, the sequence that was knocked, the file after that, and the next sequence. */
const spent: readonly [string, string, string, string, string | undefined][] = [
  ['the first line', '1,2\n3\n', '1,2', '#,2\n3\n', '3:tcp'],
  ['a line that begins with a blank', ' 1111,1112\n 3\n', '1111,1112', '#1111,1112\n 3\n', '3:tcp'],
  ['a line whose first digit goes', '2111:udp,2112\n', '2111:udp,2112', '#111:udp,2112\n', undefined],
  ['a later line', '1\n2\n3\n', '2', '1\n#\n3\n', '1:tcp'],
  ['the first of two equal lines', '7\n7\n', '7', '#\n7\n', '7:tcp'],
  ['no line at all', '1\n', '2', '1\n', '1:tcp'],
  ['the last line, without a newline', '#1\n 2', '2', '#1\n#2', undefined],
  [
    'a line like another one in its first half',
    '1,2,3,4\n1,2,3,5\n',
    '1,2,3,5',
    '1,2,3,4\n#,2,3,5\n',
    '1:tcp,2:tcp,3:tcp,4:tcp',
  ],
  ['a line like another one but for UDP', '1,2\n1,2:udp\n', '1,2:udp', '1,2\n#,2:udp\n', '1:tcp,2:tcp'],
  ['a line with carriage return and tab', '\t5 \r\n6\r\n', '5', '#5 \r\n6\r\n', '6:tcp'],
  ['behind letters of more than a byte', '# ☃☃\n1,2\n', '1,2', '# ☃☃\n#,2\n', undefined],
];

for (const [name, before, knocked, after, next] of spent) {
  test(`spent: ${name}`, t => {
    const path = onceFile(t, before);
    const { ino } = statSync(path);
    const used = spendOneTime(path, steps(knocked), silent);
    assert.equal(text(used.next), next);
    assert.equal(used.wasThere, before !== after, 'what was struck out by hand opens nothing');
    assert.equal(readFileSync(path, 'utf8'), after);
    assert.equal(statSync(path).ino, ino);
    assert.equal(text(readOneTime(path, silent)), next);
  });
}

test('behind a line that is none, the right line is marked, and the bad one is told once', t => {
  const path = onceFile(t, '70000\n1,2\n3\n');
  const told: string[] = [];
  assert.equal(text(spendOneTime(path, steps('1,2'), line => told.push(line)).next), '3:tcp');
  assert.equal(readFileSync(path, 'utf8'), '70000\n#,2\n3\n');
  assert.deepEqual(told, [`${path}:1: port 70000 is invalid: the line is passed over`]);
});

test('what was added meanwhile is found', t => {
  const path = onceFile(t, '1\n');
  assert.equal(text(readOneTime(path, silent)), '1:tcp');
  writeFileSync(path, '5\n1\n');
  assert.equal(text(spendOneTime(path, steps('1'), silent).next), '5:tcp');
  assert.equal(readFileSync(path, 'utf8'), '5\n#\n');
});

test('bytes that are no UTF-8 stay as they are', t => {
  const path = onceFile(t, Buffer.from([0x23, 0xff, 0xfe, 0x0a, 0x20, 0x37, 0x20, 0x80, 0x0a]));
  assert.equal(spendOneTime(path, steps('7'), silent).next, undefined);
  assert.deepEqual([...readFileSync(path)], [0x23, 0xff, 0xfe, 0x0a, 0x23, 0x37, 0x20, 0x80, 0x0a]);
});

test('a link is followed, as knockd does', t => {
  const path = onceFile(t, '1\n2\n');
  symlinkSync(path, `${path}.link`);
  assert.equal(text(spendOneTime(`${path}.link`, steps('1'), silent).next), '2:tcp');
  assert.equal(readFileSync(path, 'utf8'), '#\n2\n');
});

const refused: readonly [string, (folder: string) => string, RegExp][] = [
  ['a file that is not there', folder => join(folder, 'none'), /none: No such file or directory$/],
  ['no path', () => '', /^: No such file or directory$/],
  [
    'a folder',
    folder => {
      mkdirSync(join(folder, 'dir'));
      return join(folder, 'dir');
    },
    /dir: Is a directory$/,
  ],
  [
    'a pipe',
    folder => {
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      return join(folder, 'pipe');
    },
    /pipe: not a regular file$/,
  ],
  ['a device', () => '/dev/null', /^\/dev\/null: not a regular file$/],
  ['a folder in a file', folder => join(writeFile(folder, 'a', ''), 'b'), /b: cannot be .* \(ENOTDIR\)$/],
];

for (const [name, make, message] of refused) {
  test(`refused: ${name}`, t => {
    const path = make(temporaryFolder(t));
    const expected = { name: 'OperatorError', code: 'bad-one-time', message };
    assert.throws(() => readOneTime(path, silent), expected);
    assert.throws(() => spendOneTime(path, steps('1'), silent), expected);
  });
}

test('refused: a file that cannot be written, before it is needed', t => {
  const path = onceFile(t, '1\n');
  chmodSync(path, 0o444);
  // Root may write everything.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    chmodSync(join(path, '..'), 0o755);
    if (!becomeNobody()) return t.skip('there is one user only');
    t.after(() => process.seteuid!(0));
  }
  const expected = { code: 'bad-one-time', message: `${path}: Permission denied` };
  assert.throws(() => readOneTime(path, silent), expected);
  if (isRoot) process.seteuid!(0);
  assert.equal(readFileSync(path, 'utf8'), '1\n');
});

function becomeNobody(): boolean {
  try {
    process.seteuid!(65534);
    return true;
  } catch {
    return false;
  }
}

for (const [mode, isTold] of [
  [0o600, false],
  [0o644, false],
  [0o620, true],
  [0o602, true],
] as const) {
  test(`a file of mode ${mode.toString(8)} is ${isTold ? 'told' : 'as it should be'}`, t => {
    const path = onceFile(t, '1\n');
    chmodSync(path, mode);
    const told: string[] = [];
    assert.equal(text(readOneTime(path, line => told.push(line))), '1:tcp');
    const warning = `${path}: others than its owner may write sequences into it (mode ${mode.toString(8)}): chmod go-w`;
    assert.deepEqual(told, isTold ? [warning] : []);
  });
}
