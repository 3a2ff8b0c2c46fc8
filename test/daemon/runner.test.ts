/** Door commands: run as they are written, and whatever they do is logged and harms nothing else. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fillPlaceholders } from '../../src/daemon/command.js';
import { openLedgerFile } from '../../src/daemon/ledger.js';
import { type Errand, Runner } from '../../src/daemon/runner.js';
import { temporaryFolder, writeFile } from './folder.js';
import { Logbook, until } from './logbook.js';

function errand(argv: string[], changes: Partial<Errand> = {}): Errand {
  return {
    argv,
    inherits: false,
    door: 'backup',
    client: 'laptop',
    source: '192.0.2.7',
    runAs: undefined,
    timeLimitMs: 10_000,
    ...changes,
  };
}

const shell = (script: string, changes: Partial<Errand> = {}) => errand(['/bin/sh', '-c', script], changes);

async function run(each: Errand): Promise<{ readonly done: boolean; readonly book: Logbook }> {
  const book = new Logbook();
  const done = await new Runner(book.log).run(each);
  return { done, book };
}

const values = { source: '2001:db8::1', client: 'lap.top', door: 'backup' };

const filled: readonly [string, string][] = [
  ['{source}', '2001:db8::1'],
  ['{client}', 'lap.top'],
  ['{door}', 'backup'],
  ['--from={source}/{door}/{source}', '--from=2001:db8::1/backup/2001:db8::1'],
  ['{{source}}', '{2001:db8::1}'],
  ['{Source}', '{Source}'],
  ['{source', '{source'],
  ['{constructor}', '{constructor}'],
  ['$PORTKNOCK_SOURCE; `x`', '$PORTKNOCK_SOURCE; `x`'],
  ['', ''],
];

test('placeholders give way to values, in one pass', () => {
  for (const [argument, expected] of filled)
    assert.deepEqual(fillPlaceholders([argument], values), [expected]);
  assert.deepEqual(fillPlaceholders(['{client}'], { ...values, client: '{source}$&' }), ['{source}$&']);
});

test('arguments arrive as they are: no shell looks at them', async () => {
  const { done, book } = await run(
    errand(['/usr/bin/printf', '<%s>\\n', 'a b', '', '$HOME', '*', ';ls', '"']),
  );
  assert.equal(done, true);
  assert.deepEqual(
    book.lines,
    ['<a b>', '<>', '<$HOME>', '<*>', '<;ls>', '<">'].map(line => `door backup: ${line}`),
  );
});

test('the environment holds what it is run for and nothing of ours', async () => {
  process.env['PORTKNOCK_TEST_SECRET'] = 'x';
  const { book } = await run(errand(['/usr/bin/env']));
  delete process.env['PORTKNOCK_TEST_SECRET'];
  assert.deepEqual(book.lines.sort(), [
    'door backup: LANG=C.UTF-8',
    'door backup: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'door backup: PORTKNOCK_CLIENT=laptop',
    'door backup: PORTKNOCK_DOOR=backup',
    'door backup: PORTKNOCK_SOURCE=192.0.2.7',
  ]);
});

test('it begins in the root folder, with nothing to read and none of our files', async t => {
  const path = join(temporaryFolder(t), 'ledger');
  const fd = openLedgerFile(path);
  t.after(() => closeSync(fd));
  const { book } = await run(shell('pwd; cat; ls -l /proc/self/fd'));
  assert.equal(book.lines[0], 'door backup: /');
  assert.ok(book.lines.length > 4, 'it has descriptors');
  assert.doesNotMatch(book.lines.join(), new RegExp(path));
});

/** What cannot be begun. */
const unstartable: readonly [string, (folder: string) => Errand, RegExp][] = [
  [
    'a missing program',
    folder => errand([join(folder, 'no')]),
    /\/no was not started: there is no such program$/,
  ],
  [
    'a program in a missing folder',
    folder => errand([join(folder, 'no', 'no')]),
    /was not started: there is no such program$/,
  ],
  [
    'a file that may not be run',
    folder => errand([writeFile(folder, 'plain', 'x')]),
    /was not started: it may not be run \(is it executable\?\)$/,
  ],
  ['a folder', folder => errand([folder]), /was not started: it may not be run \(is it executable\?\)$/],
  [
    'a path through a file',
    folder => errand([join(writeFile(folder, 'plain', 'x'), 'x')]),
    /was not started: spawn ENOTDIR$/,
  ],
  ['a path that is too long', () => errand([`/${'x'.repeat(5000)}`]), /was not started: spawn ENAMETOOLONG$/],
  [
    'arguments that are too long',
    () => errand(['/bin/true', 'x'.repeat(3_000_000)]),
    /was not started: spawn E2BIG$/,
  ],
  ['an argument that no program can get', () => errand(['/bin/true', 'a\0b']), /was not started: /],
  [
    'a user who is not there',
    () => errand(['/bin/true'], { runAs: 'no-such-user' }),
    /was not started: there is no user no-such-user$/,
  ],
];

for (const [what, make, message] of unstartable) {
  test(`not begun: ${what}`, async t => {
    const { done, book } = await run(make(temporaryFolder(t)));
    assert.equal(done, false);
    assert.equal(book.lines.length, 1);
    assert.match(book.errors[0]!, /^door backup: \//);
    assert.match(book.errors[0]!, message);
    assert.ok(book.errors[0]!.length < 1000);
  });
}

const failing: readonly [string, string][] = [
  ['exit 1', 'ended with status 1'],
  ['exit 77', 'ended with status 77'],
  ['kill -SEGV $$', 'ended with SIGSEGV'],
  ['kill -KILL $$', 'ended with SIGKILL'],
];

for (const [script, message] of failing) {
  test(`failed: ${script}`, async () => {
    const { done, book } = await run(shell(script));
    assert.equal(done, false);
    assert.deepEqual(book.errors, [`door backup: /bin/sh ${message}`]);
    const [entry] = book.entries;
    const fields = ['event', 'door', 'client', 'source'].map(name => entry?.[name]);
    assert.deepEqual(fields, ['command', 'backup', 'laptop', '192.0.2.7']);
  });
}

test('what it says on either stream is logged, a line each, the last without its end too', async () => {
  const { book } = await run(shell('printf "one\\ntwo"; printf "three\\n" >&2'));
  await until(() => book.lines.length === 3);
  assert.deepEqual(book.lines.sort(), ['door backup: one', 'door backup: three', 'door backup: two']);
  assert.ok(book.entries.every(({ level }) => level === 30));
});

test('what it says cannot forge a log or a terminal', async () => {
  const { book } = await run(shell('printf "a\\033[31m\\r\\tb\\000\\302\\233c\\177 \\303\\244\\n"'));
  assert.deepEqual(book.lines, ['door backup: a?[31m??b??c? ä']);
});

test('however much it says, the log stays short', async () => {
  const { done, book } = await run(shell('seq 1 100000; head -c 1000000 /dev/zero | tr "\\0" x'));
  assert.equal(done, true);
  assert.ok(book.lines.length <= 101, `${book.lines.length} lines`);
  assert.equal(book.lines[99], 'door backup: 100');
  assert.ok(book.lines.every(line => line.length < 600));
});

const isRunning = (pid: number) => {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
};

/** Scripts that hang, each of which writes down its own id and its child's. */
const hanging: readonly [string, string][] = [
  ['alone', 'echo $$ $$ > pids; exec sleep 60'],
  ['with a child', 'sleep 60 & echo $$ $! > pids; wait'],
  [
    'with a child that is deaf to SIGTERM',
    'sh -c "trap \'\' TERM; sleep 60 & echo \\$\\$ \\$! > pids; wait; wait; sleep 60" & wait',
  ],
];

for (const [what, script] of hanging) {
  test(`a command that hangs, ${what}, is ended at its limit with all that it started`, async t => {
    const folder = temporaryFolder(t);
    const { done, book } = await run(shell(`cd ${folder}; ${script}`, { timeLimitMs: 300 }));
    assert.equal(done, false);
    assert.deepEqual(book.errors, [
      'door backup: /bin/sh took longer than its time limit (300 ms) and was ended',
    ]);
    assert.ok(existsSync(join(folder, 'pids')), 'it had begun');
    const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split(' ').map(Number);
    t.after(() => {
      for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    });
    await until(() => !pids.some(isRunning));
  });
}

test('one that is deaf to SIGTERM itself is ended too', async () => {
  const { done, book } = await run(shell('trap "" TERM; while :; do sleep 0.1; done', { timeLimitMs: 100 }));
  assert.equal(done, false);
  assert.equal(book.errors.length, 1);
});

test('a command that leaves something running has ended all the same', async t => {
  const folder = temporaryFolder(t);
  const { done } = await run(shell(`sleep 60 & echo $! > ${folder}/pid`));
  assert.equal(done, true);
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  assert.ok(isRunning(pid));
  process.kill(pid, 'SIGKILL');
});

test('more than 256 at once are not begun, and then there is room again', async () => {
  const book = new Logbook();
  const runner = new Runner(book.log);
  const all = Array.from({ length: 260 }, () => runner.run(shell('sleep 0.5')));
  const results = await Promise.all(all);
  assert.equal(results.filter(done => done).length, 256);
  assert.deepEqual(
    new Set(book.errors),
    new Set(['door backup: /bin/sh was not started: 256 commands are running already']),
  );
  assert.equal(await runner.run(errand(['/bin/true'])), true);
});
