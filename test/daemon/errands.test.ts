/** Command doors: run once for an opening, and the closing command after it whatever comes between. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Journal } from '../../src/daemon/journal.js';
import { parseAddress } from '../../src/net/address.js';
import { withoutRoom } from './disk.js';
import { Bench } from './errandbench.js';
import { writeFile } from './folder.js';
import { until } from './logbook.js';

const source = parseAddress('192.0.2.7')!;

const opened = 'open backup laptop 192.0.2.7';
const closed = 'close backup laptop 192.0.2.7';
const longMs = 60_000;

test('a door is opened, and closed when its time is over', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  assert.equal(errands.open(bench.door(200), source, 'laptop'), 'ran');
  assert.equal(errands.owed.length, 1);
  assert.deepEqual(await bench.saying(2), [opened, closed]);
  await until(() => errands.owed.length === 0);
  assert.deepEqual(bench.book.lines, ['closed backup for laptop from 192.0.2.7']);
  assert.deepEqual(new Journal(bench.journalPath).owed, []);
});

test('a door without a closing command owes nothing, and is run for every knock', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  const door = { ...bench.door(longMs), closeRun: undefined };
  assert.equal(errands.open(door, source, 'laptop'), 'ran');
  assert.equal(errands.open(door, source, 'laptop'), 'ran');
  assert.deepEqual(await bench.saying(2), [opened, opened]);
  assert.deepEqual(errands.owed, []);
  assert.equal(await errands.close('backup', source), false);
});

test('a second knock keeps the door open for longer and runs nothing twice', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(300), source, 'laptop');
  const { dueAt } = errands.owed[0]!;
  await bench.saying(1);
  await new Promise(resolve => setTimeout(resolve, 150));
  assert.equal(errands.open(bench.door(300), source, 'laptop'), 'extended');
  assert.equal(errands.owed.length, 1);
  assert.ok(errands.owed[0]!.dueAt >= dueAt + 140);
  assert.deepEqual(await bench.saying(2), [opened, closed]);
  await until(() => errands.owed.length === 0);
  assert.ok(Date.now() >= dueAt + 140, 'not at the first time');
  assert.deepEqual(bench.said, [opened, closed]);
});

test('a door whose command failed is not open: a second knock runs it again', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  const door = bench.door(longMs, { run: `${bench.note('open')}; test -e ${bench.folder}/ready` });
  assert.equal(errands.open(door, source, 'laptop'), 'ran');
  await until(() => bench.book.errors.length === 1);
  writeFile(bench.folder, 'ready', '');
  assert.equal(errands.open(door, source, 'laptop'), 'ran');
  await bench.saying(2);
  // Once it has ended well, it is open.
  await until(() => errands.open(door, source, 'laptop') === 'extended');
  assert.equal(await errands.close('backup', source), true);
  assert.deepEqual(bench.said, [opened, opened, closed]);
});

test('every source and every door has an opening of its own', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  const other = parseAddress('2001:db8::1')!;
  const door = bench.door(longMs);
  assert.equal(errands.open(door, source, 'laptop'), 'ran');
  assert.equal(errands.open(door, other, 'laptop'), 'ran');
  assert.equal(errands.open({ ...door, name: 'mail' }, source, 'laptop'), 'ran');
  await bench.saying(3);
  assert.equal(await errands.close('backup', source), true);
  assert.deepEqual(bench.said[3], closed);
  assert.deepEqual(
    errands.owed.map(({ door, source }) => `${door} ${source}`),
    ['backup 2001:db8::1', 'mail 192.0.2.7'],
  );
  await errands.closeAll();
});

test('a door is closed by hand before its time, once', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(300), source, 'laptop');
  await bench.saying(1);
  assert.equal(await errands.close('backup', source), true);
  assert.deepEqual(bench.said, [opened, closed]);
  assert.equal(await errands.close('backup', source), false);
  await new Promise(resolve => setTimeout(resolve, 400));
  assert.deepEqual(bench.said, [opened, closed], 'its time is over, and nothing is owed');
});

test('what an earlier run left owed is run once its time has come, and once only', async t => {
  const bench = new Bench(t);
  bench.start().open(bench.door(longMs), source, 'laptop');
  await bench.saying(1);
  // As after kill -9: the journal is what is left. Its time was over while nobody ran.
  const journal = readFileSync(bench.journalPath, 'utf8');
  writeFile(bench.folder, 'journal', journal.replace(/"dueAt":\d+/, '"dueAt":1000'));
  const errands = bench.start();
  assert.deepEqual(await bench.saying(2), [opened, closed]);
  await until(() => errands.owed.length === 0);
  bench.start();
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual(bench.said, [opened, closed]);
});

test('what was opened before this machine came up is closed at the start, and a knock opens it again', async t => {
  const bench = new Bench(t);
  bench.start().open(bench.door(longMs), source, 'laptop');
  await bench.saying(1);
  const journal = readFileSync(bench.journalPath, 'utf8');
  writeFile(bench.folder, 'journal', journal.replace(/"boot":"[0-9a-f]{32}"/, `"boot":"${'0'.repeat(32)}"`));
  const errands = bench.start();
  await bench.saying(2);
  await until(() => errands.owed.length === 0);
  assert.equal(errands.open(bench.door(longMs), source, 'laptop'), 'ran');
  assert.deepEqual(await bench.saying(3), [opened, closed, opened]);
});

test('what is owed and not yet due waits for its time after a start', async t => {
  const bench = new Bench(t);
  const journal = new Journal(bench.journalPath);
  const dueAt = Date.now() + 400;
  const argv = ['/bin/sh', '-c', bench.note('close'), 'backup', 'laptop', '192.0.2.7'];
  journal.owe({
    door: 'backup',
    client: 'laptop',
    source: '192.0.2.7',
    dueAt,
    argv,
    inherits: false,
    timeLimitMs: 5000,
  });
  journal.close();
  const errands = bench.start();
  assert.equal(errands.owed.length, 1);
  await bench.saying(1);
  assert.ok(Date.now() >= dueAt - 5, 'not before its time');
  await until(() => errands.owed.length === 0);
});

test('what is owed for longer than a timer can wait is not run at once', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(2 ** 40), source, 'laptop');
  await bench.saying(1);
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual(bench.said, [opened]);
  await errands.closeAll();
});

test('what is owed for longer than a timer can wait waits for all of it', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  const monthMs = 30 * 24 * 3600 * 1000;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // Without a time limit, which would be over too.
  errands.open({ ...bench.door(monthMs), timeLimitMs: undefined }, source, 'laptop');
  await new Promise(resolve => setImmediate(resolve));
  t.mock.timers.tick(2 ** 31 - 1);
  t.mock.timers.reset();
  await bench.saying(1);
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual(bench.said, [opened]);
  await errands.closeAll();
});

test('what is to be closed while its command is slow is closed when that has ended', async t => {
  const bench = new Bench(t);
  const door = bench.door(longMs, { run: `sleep 1.2; ${bench.note('open')}` });
  const errands = bench.start();
  errands.open(door, source, 'laptop');
  assert.equal(await errands.close('backup', source), true);
  assert.deepEqual(bench.said, [opened, closed], 'by hand');
  errands.open(door, source, 'laptop');
  await errands.closeAll();
  assert.deepEqual(bench.said, [opened, closed, opened, closed], 'at the end');
  assert.deepEqual(errands.owed, []);
});

test('at the end everything is closed', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  for (const text of ['192.0.2.1', '192.0.2.2', '2001:db8::3']) {
    errands.open(bench.door(longMs), parseAddress(text)!, 'laptop');
  }
  await bench.saying(3);
  await errands.closeAll();
  assert.deepEqual(errands.owed, []);
  assert.deepEqual(bench.said.filter(line => line.startsWith('close')).sort(), [
    'close backup laptop 192.0.2.1',
    'close backup laptop 192.0.2.2',
    'close backup laptop 2001:db8::3',
  ]);
});

test('at the end everything is closed, also where it is more than may run at once', async t => {
  const bench = new Bench(t);
  const journal = new Journal(bench.journalPath);
  const count = 300;
  for (let host = 0; host < count; host++) {
    journal.owe({
      door: 'backup',
      client: 'laptop',
      source: `2001:db8::${host.toString(16)}`,
      dueAt: Date.now() + longMs,
      argv: ['/bin/sh', '-c', bench.note('close')],
      inherits: false,
    });
  }
  journal.close();
  const errands = bench.start();
  await errands.closeAll();
  assert.equal(bench.said.length, count);
  assert.deepEqual(errands.owed, []);
  assert.deepEqual(bench.book.errors, []);
});

test('a door that is extended is closed by the command that belongs to what was run', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(longMs), source, 'laptop');
  await bench.saying(1);
  const changed = bench.door(longMs, { run: bench.note('other-open'), close: bench.note('other-close') });
  assert.equal(errands.open(changed, source, 'laptop'), 'extended');
  await errands.closeAll();
  assert.deepEqual(bench.said, [opened, closed]);
  assert.equal(errands.open(changed, source, 'laptop'), 'ran');
  await errands.closeAll();
  assert.deepEqual(bench.said.slice(2), [`other-${opened}`, `other-${closed}`]);
});

test('a closing command that is running when everything is closed is not run again', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(100, { close: `${bench.note('close')}; sleep 0.3` }), source, 'laptop');
  await bench.saying(2);
  await errands.closeAll();
  assert.deepEqual(bench.said, [opened, closed]);
});

test('a door that opens again while it is being closed is opened after that', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  const door = bench.door(100, { close: `sleep 0.2; ${bench.note('close')}` });
  errands.open(door, source, 'laptop');
  await bench.saying(1);
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.deepEqual(bench.said, [opened], 'it is being closed');
  assert.equal(errands.open({ ...door, openForMs: longMs }, source, 'laptop'), 'ran');
  assert.deepEqual(await bench.saying(3), [opened, closed, opened]);
  assert.equal(errands.owed.length, 1);
  await errands.closeAll();
  assert.deepEqual(bench.said, [opened, closed, opened, closed]);
});

test('a closing command that fails is told of, still owed, and tried again', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(
    bench.door(1000, { close: `${bench.note('close')}; test -e ${bench.folder}/well` }),
    source,
    'laptop',
  );
  for (const [tries, waitMs] of [
    [1, 1000],
    [2, 5000],
    [3, 10_000],
    [4, 20_000],
  ] as const) {
    t.mock.timers.tick(waitMs - 1);
    await settled();
    assert.equal(bench.said.filter(line => line === closed).length, tries - 1, 'not before its time');
    t.mock.timers.tick(1);
    await eventually(() => bench.book.errors.length === 2 * tries);
    assert.equal(
      bench.book.errors.at(-1),
      `door backup may still be open for 192.0.2.7: its close_run failed; next try in ${5 * 2 ** (tries - 1)} s`,
    );
    assert.equal(errands.owed.length, 1);
  }
  writeFile(bench.folder, 'well', '');
  t.mock.timers.tick(40_000);
  await eventually(() => errands.owed.length === 0);
  assert.deepEqual(new Journal(bench.journalPath).owed, []);
});

test('a closing command that fails at the end is owed to the next start', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(longMs, { close: 'exit 1' }), source, 'laptop');
  await bench.saying(1);
  await errands.closeAll();
  assert.equal(new Journal(bench.journalPath).owed.length, 1);
});

test('what cannot be noted is not opened', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  withoutRoom(10, () => {
    assert.throws(() => errands.open(bench.door(longMs), source, 'laptop'), { code: 'EFBIG' });
  });
  assert.deepEqual(errands.owed, []);
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual(bench.said, []);
});

test('an opening command that fails is closed all the same', async t => {
  const bench = new Bench(t);
  const errands = bench.start();
  errands.open(bench.door(100, { run: 'exit 3' }), source, 'laptop');
  assert.deepEqual(await bench.saying(1), [closed]);
  await until(() => errands.owed.length === 0);
  assert.deepEqual(bench.book.errors, ['door backup: /bin/sh ended with status 3']);
});

/** With a clock that is not real: a turn of the event loop, as often as it takes. */
async function eventually(isSo: () => boolean): Promise<void> {
  const start = performance.now();
  while (!isSo()) {
    if (performance.now() - start > 10_000) throw new Error(`not within ten seconds: ${isSo}`);
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
