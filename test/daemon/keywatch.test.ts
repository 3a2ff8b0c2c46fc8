/** That files with keys are watched: whatever is done to them is noticed, and nobody can make us busy with it. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyWatch } from '../../src/daemon/keywatch.js';
import { temporaryFolder } from './folder.js';

/** The kernel takes the times of files from a clock that ticks 100 times a second or more. */
const tickMs = 20;

/** As if all of it had been read long after it was written. */
const longAgo = () => Date.now() + 60_000;

/** A watch of some paths, and a promise of the next news. */
function watching(t: TestContext, paths: readonly string[], pauseMs = 0, readAt = longAgo()) {
  let told = 0;
  let wake = () => {};
  const failures: string[] = [];
  const watch = new KeyWatch(
    {
      changed: () => {
        told++;
        wake();
      },
      failed: why => failures.push(why),
    },
    { settleMs: 20, pauseMs, tickMs: 0 },
  );
  watch.watch(paths, readAt);
  // Watchers alone keep no process.
  const hold = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(hold);
    watch.stop();
    assert.deepEqual(failures, []);
  });
  const news = (count: number) =>
    new Promise<void>(resolve => {
      wake = () => told >= count && resolve();
      wake();
    });
  return { watch, news, told: () => told };
}

function put(path: string, text = 'a key\n'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

for (const [what, prepare, change] of [
  ['written to', (file: string) => put(file), (file: string) => writeFileSync(file, 'another\n')],
  [
    'written to with as many bytes',
    (file: string) => put(file),
    (file: string) => writeFileSync(file, 'A key\n'),
  ],
  ['removed', (file: string) => put(file), (file: string) => unlinkSync(file)],
  ['made', (file: string) => put(`${file}.other`), (file: string) => put(file)],
  [
    'renamed over',
    (file: string) => put(file),
    (file: string) => renameSync(put(`${file}.new`, 'A key\n'), file),
  ],
  ['made readable', (file: string) => chmodSync(put(file), 0o600), (file: string) => chmodSync(file, 0o644)],
  [
    'in a folder that others may write to from now on',
    (file: string) => put(file),
    (file: string) => chmodSync(dirname(file), 0o777),
  ],
  ['made, with its folder', () => {}, (file: string) => put(file)],
  [
    'removed, with its folder',
    (file: string) => put(file),
    (file: string) => rmSync(dirname(file), { recursive: true }),
  ],
  [
    'in a folder that is replaced',
    (file: string) => put(file),
    (file: string) => {
      renameSync(dirname(file), `${dirname(file)}.old`);
      put(file, 'other\n');
    },
  ],
  [
    'a link to what is written to',
    (file: string) => {
      put(join(dirname(dirname(file)), 'far', 'keys'));
      mkdirSync(dirname(file));
      symlinkSync('../far/keys', file);
    },
    (file: string) => writeFileSync(join(dirname(dirname(file)), 'far', 'keys'), 'other\n'),
  ],
  [
    'a link that leads elsewhere',
    (file: string) => {
      put(join(dirname(file), 'one'));
      put(join(dirname(file), 'two'));
      symlinkSync('one', file);
    },
    (file: string) => {
      symlinkSync('two', `${file}.new`);
      renameSync(`${file}.new`, file);
    },
  ],
  [
    'in a folder that is a link, which leads elsewhere',
    (file: string) => {
      const home = dirname(dirname(file));
      put(join(home, 'one', 'keys'));
      put(join(home, 'two', 'keys'));
      symlinkSync('one', dirname(file));
    },
    (file: string) => {
      symlinkSync('two', `${dirname(file)}.new`);
      renameSync(`${dirname(file)}.new`, dirname(file));
    },
  ],
  [
    'a link to a link, which leads elsewhere',
    (file: string) => {
      const home = dirname(dirname(file));
      put(join(home, 'one', 'keys'));
      put(join(home, 'two', 'keys'));
      mkdirSync(join(home, 'links'));
      symlinkSync('../one/keys', join(home, 'links', 'current'));
      mkdirSync(dirname(file));
      symlinkSync('../links/current', file);
    },
    (file: string) => {
      const link = join(dirname(dirname(file)), 'links', 'current');
      symlinkSync('../two/keys', `${link}.new`);
      renameSync(`${link}.new`, link);
    },
  ],
  [
    'a folder that gets one more',
    (file: string) => put(join(file, 'john.asc')),
    (file: string) => put(join(file, 'jane.asc')),
  ],
  [
    'a folder of which one is written to',
    (file: string) => put(join(file, 'john.asc')),
    (file: string) => put(join(file, 'john.asc'), 'A key\n'),
  ],
  [
    'a folder of which one is removed',
    (file: string) => put(join(file, 'john.asc')),
    (file: string) => unlinkSync(join(file, 'john.asc')),
  ],
  ['a folder that appears', () => {}, (file: string) => put(join(file, 'john.asc'))],
] as const) {
  test(`noticed: a file that is ${what}`, async t => {
    const file = join(temporaryFolder(t), 'home', 'keys');
    prepare(file);
    await sleep(tickMs);
    const { news } = watching(t, [file]);
    change(file);
    await news(1);
  });
}

for (const [what, prepare] of [
  ['leads to itself', (home: string) => symlinkSync('.ssh', join(home, '.ssh'))],
  ['has too long a name', (home: string) => symlinkSync('x'.repeat(300), join(home, '.ssh'))],
] as const) {
  test(`a folder that ${what} is one that is missing`, async t => {
    const home = temporaryFolder(t);
    prepare(home);
    await sleep(tickMs);
    const { news } = watching(t, [join(home, '.ssh', 'keys')]);
    unlinkSync(join(home, '.ssh'));
    put(join(home, '.ssh', 'keys'));
    await news(1);
  });
}

test('what comes after a change is noticed too, also in a folder that was made anew', async t => {
  const file = join(temporaryFolder(t), 'a', 'b', 'keys');
  const { news, told } = watching(t, [file]);
  put(file);
  await news(1);
  for (const change of [
    () => rmSync(dirname(dirname(file)), { recursive: true }),
    () => put(file),
    () => put(file, 'other\n'),
  ]) {
    const before = told();
    change();
    await news(before + 1);
  }
});

test('what changed between reading and watching is noticed', async t => {
  const file = put(join(temporaryFolder(t), 'keys'));
  const { news } = watching(t, [file], 0, statSync(file).ctimeMs - 1);
  await news(1);
});

test('a file that is so young that it may change within one tick is told of by any event', async t => {
  const folder = temporaryFolder(t);
  const file = put(join(folder, 'keys'));
  let told = 0;
  const watch = new KeyWatch(
    { changed: () => told++, failed: assert.fail },
    { settleMs: 20, pauseMs: 0, tickMs: 3_600_000 },
  );
  t.after(() => watch.stop());
  watch.watch([file], Date.now() + 7_200_000);
  put(join(folder, 'known_hosts'));
  while (told === 0) await sleep(5);
});

test('a thousand writes are told once, and once more when the pause is over', async t => {
  const file = put(join(temporaryFolder(t), 'keys'));
  const { watch, news, told } = watching(t, [file], 3_600_000);
  for (let count = 0; count < 1000; count++) {
    writeFileSync(file, `key ${count}\n`);
    if (count % 100 === 0) await sleep(5);
  }
  await news(1);
  for (let count = 0; count < 1000; count++) {
    writeFileSync(file, `key ${count}\n`);
    if (count % 100 === 0) await sleep(5);
  }
  await sleep(100);
  assert.equal(told(), 1);
  watch.stop();
  const short = watching(t, [file], 300);
  writeFileSync(file, 'first\n');
  await short.news(1);
  writeFileSync(file, 'second\n');
  await short.news(2);
});

test('what else happens in the folder is no news', async t => {
  const folder = temporaryFolder(t);
  const file = put(join(folder, 'keys'));
  const { news, told } = watching(t, [file]);
  for (let count = 0; count < 5; count++) {
    put(join(folder, 'known_hosts'), `${count}\n`);
    await sleep(40);
  }
  assert.equal(told(), 0);
  utimesSync(file, 1, 1);
  await news(1);
  assert.equal(told(), 1);
});

test('nothing is noticed any more once it has stopped, or of what is not asked for any more', async t => {
  const folder = temporaryFolder(t);
  const [one, two] = [put(join(folder, 'a', 'one')), put(join(folder, 'b', 'two'))];
  const { watch, news, told } = watching(t, [one]);
  watch.watch([two], longAgo());
  writeFileSync(one, 'other\n');
  await sleep(100);
  assert.equal(told(), 0);
  writeFileSync(two, 'other\n');
  await news(1);
  watch.stop();
  writeFileSync(two, 'third\n');
  await sleep(100);
  assert.equal(told(), 1);
});

test('what cannot be watched is said once', t => {
  const folder = temporaryFolder(t);
  const failures: string[] = [];
  const watch = new KeyWatch({ changed: assert.fail, failed: why => failures.push(why) });
  t.after(() => watch.stop());
  const paths = Array.from({ length: 1025 }, (_, at) => {
    mkdirSync(join(folder, String(at)));
    return join(folder, String(at), 'keys');
  });
  watch.watch(paths, longAgo());
  watch.watch(paths, longAgo());
  assert.deepEqual(failures, ['in more than 1024 folders']);
});
