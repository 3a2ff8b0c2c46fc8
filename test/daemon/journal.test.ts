/** The journal: what is owed is owed after every crash, and what is paid is not paid again. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Debt, debtKey, Journal } from '../../src/daemon/journal.js';
import { OperatorError } from '../../src/system/error.js';
import { withoutRoom } from './disk.js';
import { temporaryFolder } from './folder.js';

const debt = (source: string, changes: Partial<Debt> = {}): Debt => ({
  door: 'backup',
  client: 'laptop',
  source,
  dueAt: 1_790_000_000_000,
  argv: ['/bin/done', source, 'ä "quoted"\n'],
  inherits: false,
  timeLimitMs: 60_000,
  ...changes,
});

function open(t: TestContext, path: string): Journal {
  const journal = new Journal(path);
  t.after(() => journal.close());
  return journal;
}

const newPath = (t: TestContext) => join(temporaryFolder(t), 'journal');

test('a fresh journal owes nothing and belongs to its owner alone', t => {
  const path = newPath(t);
  assert.deepEqual(open(t, path).owed, []);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(open(t, path).owed, []);
});

test('a debt is there after every start until it is paid', t => {
  const path = newPath(t);
  const debts = [
    debt('192.0.2.1'),
    debt('2001:db8::1', { runAs: 'nobody' }),
    debt('192.0.2.1', { door: 'mail' }),
  ];
  const journal = open(t, path);
  for (const each of debts) journal.owe(each);
  assert.deepEqual(journal.owed, debts);
  for (let start = 0; start < 3; start++) assert.deepEqual(open(t, path).owed, debts);
  const again = open(t, path);
  assert.deepEqual(again.find('backup 192.0.2.1'), debts[0]);
  again.pay('backup 192.0.2.1');
  assert.equal(again.find('backup 192.0.2.1'), undefined);
  assert.deepEqual(open(t, path).owed, debts.slice(1));
});

test('a newer debt of the same opening takes the place of the older', t => {
  const path = newPath(t);
  const journal = open(t, path);
  journal.owe(debt('192.0.2.1', { dueAt: 1 }));
  journal.owe(debt('192.0.2.1', { dueAt: 2 }));
  assert.deepEqual(journal.owed, [debt('192.0.2.1', { dueAt: 2 })]);
  const again = open(t, path);
  assert.deepEqual(again.owed, [debt('192.0.2.1', { dueAt: 2 })]);
  again.pay('backup 192.0.2.1');
  assert.deepEqual(open(t, path).owed, []);
});

test('what is paid and owed anew is owed', t => {
  const path = newPath(t);
  const journal = open(t, path);
  journal.owe(debt('192.0.2.1'));
  journal.pay('backup 192.0.2.1');
  journal.owe(debt('192.0.2.1', { dueAt: 5 }));
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1', { dueAt: 5 })]);
});

test('a start leaves one line for each debt', t => {
  const path = newPath(t);
  const journal = open(t, path);
  for (let dueAt = 0; dueAt < 50; dueAt++) journal.owe(debt('192.0.2.1', { dueAt }));
  journal.owe(debt('192.0.2.2'));
  journal.pay('backup 192.0.2.2');
  open(t, path);
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 2);
});

test('a last line cut short at any byte is as if it had never been begun', t => {
  const first = debt('192.0.2.1');
  for (const write of [
    (journal: Journal) => journal.owe(debt('192.0.2.2')),
    (journal: Journal) => journal.pay(debtKey(first)),
  ]) {
    const path = newPath(t);
    const journal = open(t, path);
    journal.owe(first);
    const before = readFileSync(path);
    write(journal);
    const after = readFileSync(path);
    for (let length = before.length; length < after.length - 1; length++) {
      writeFileSync(path, after.subarray(0, length));
      assert.deepEqual(open(t, path).owed, [first], `${length} bytes`);
    }
  }
});

test('a journal goes on after a last line cut short', t => {
  const path = newPath(t);
  open(t, path).owe(debt('192.0.2.1'));
  appendFileSync(path, '{"owed":{"door":"ba');
  open(t, path).owe(debt('192.0.2.2'));
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1'), debt('192.0.2.2')]);
});

const garbage = [
  '',
  'x',
  'null',
  '[]',
  '{}',
  '"paid"',
  '{"paid":1}',
  '{"owed":null}',
  JSON.stringify({ owed: { ...debt('192.0.2.9'), argv: [] } }),
  JSON.stringify({ owed: { ...debt('192.0.2.9'), argv: [1] } }),
  JSON.stringify({ owed: { ...debt('192.0.2.9'), argv: '/bin/sh' } }),
  JSON.stringify({ owed: { ...debt('192.0.2.9'), dueAt: 'now' } }),
  JSON.stringify({ owed: { ...debt('192.0.2.9'), timeLimitMs: 'long' } }),
  '\0'.repeat(4096),
];

test('lines that say nothing are passed over', t => {
  const path = newPath(t);
  const sound = JSON.stringify({ owed: debt('192.0.2.1') });
  writeFileSync(path, `${garbage.join('\n')}\n${sound}\n${garbage.join('\n')}`);
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1')]);
});

test('random bytes never throw', t => {
  const path = newPath(t);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      writeFileSync(path, bytes);
      const journal = new Journal(path);
      assert.deepEqual(journal.owed, []);
      journal.close();
    }),
    { numRuns: 50 },
  );
});

test('without room nothing is owed, and no half line is left', t => {
  const path = newPath(t);
  const journal = open(t, path);
  journal.owe(debt('192.0.2.1'));
  const before = readFileSync(path);
  withoutRoom(before.length + 20, () => {
    assert.throws(() => journal.owe(debt('192.0.2.2')), { code: 'EFBIG' });
    assert.throws(() => journal.owe(debt('192.0.2.1', { dueAt: 1 })), { code: 'EFBIG' });
  });
  assert.deepEqual(readFileSync(path), before);
  assert.deepEqual(journal.owed, [debt('192.0.2.1')]);
  journal.owe(debt('192.0.2.3'));
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1'), debt('192.0.2.3')]);
});

test('what cannot be struck out is paid again after a start, not before', t => {
  const path = newPath(t);
  const journal = open(t, path);
  journal.owe(debt('192.0.2.1'));
  withoutRoom(readFileSync(path).length, () => {
    assert.throws(() => journal.pay('backup 192.0.2.1'), { code: 'EFBIG' });
  });
  assert.deepEqual(journal.owed, []);
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1')]);
});

test('a start without room leaves the journal that was there', t => {
  const path = newPath(t);
  open(t, path).owe(debt('192.0.2.1'));
  const before = readFileSync(path);
  withoutRoom(20, () => {
    assert.throws(
      () => new Journal(path),
      (error: unknown) => error instanceof OperatorError && /\(EFBIG\)$/.test(error.message),
    );
  });
  assert.deepEqual(readFileSync(path), before);
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1')]);
});

test('what is no file is said as such', t => {
  const path = newPath(t);
  mkdirSync(path);
  assert.throws(
    () => new Journal(path),
    (error: unknown) =>
      error instanceof OperatorError &&
      error.code === 'no-journal' &&
      error.message === `${path}: cannot be read or written (EISDIR)` &&
      error.hint === 'state_directory must be a folder we can write to',
  );
});

test('a journal stays short however often something is owed and paid, and forgets nothing', t => {
  const path = newPath(t);
  const journal = open(t, path);
  journal.owe(debt('192.0.2.1'));
  for (let round = 0; round < 6000; round++) {
    journal.owe(debt('192.0.2.2'));
    journal.pay(debtKey(debt('192.0.2.2')));
  }
  // 6000 debts of about 200 bytes: it has been rewritten on the way.
  assert(statSync(path).size < 1_000_000, `${statSync(path).size} bytes`);
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1')]);
});

test('a journal stays short however often what is owed is put off, and is not written anew each time', t => {
  const path = newPath(t);
  const journal = open(t, path);
  const argv: Debt['argv'] = ['/bin/done', 'x'.repeat(100_000)];
  for (let round = 0; round < 50; round++) journal.owe(debt('192.0.2.1', { dueAt: round, argv }));
  assert(statSync(path).size < 1_300_000, `${statSync(path).size} bytes`);
  assert.deepEqual(open(t, path).owed, [debt('192.0.2.1', { dueAt: 49, argv })]);
  for (let host = 0; host < 15; host++) journal.owe(debt(`192.0.2.${host}`, { argv }));
  const { ino } = statSync(path);
  for (let host = 0; host < 5; host++) journal.pay(debtKey(debt(`192.0.2.${host}`)));
  assert.equal(statSync(path).ino, ino, 'more is owed than a journal is long');
});
