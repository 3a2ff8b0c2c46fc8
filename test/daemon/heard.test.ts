/** Accepted datagrams: refused ever after, whatever becomes of the process, the disk, the clock or half a write. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Floor, openFloorFile } from '../../src/daemon/floor.js';
import { Heard, openHeardFile } from '../../src/daemon/heard.js';
import { Ledger, openLedgerFile } from '../../src/daemon/ledger.js';
import { Memory } from '../../src/daemon/memory.js';
import { temporaryFolder } from './folder.js';

const places = 65_536;
const placeLength = 32;
const fileLength = places * placeLength;
const noon = 1_790_000_000_000;
const skewMs = 30_000;
const thisBoot = Buffer.alloc(16, 0x11);
const nextBoot = Buffer.alloc(16, 0x22);

const digestOf = (name: string | number) => createHash('sha256').update(String(name)).digest();

function newFloor(t: TestContext, path: string, boot = thisBoot, now = noon): Floor {
  const fd = openFloorFile(path);
  t.after(() => closeSync(fd));
  return new Floor(fd, boot, now);
}

const lowFloor = { inherited: 0, covers: () => false } as unknown as Floor;

/** With a clock that the test sets, and a floor that covers nothing. */
function open(t: TestContext, path: string, now = noon) {
  const fd = openHeardFile(path);
  t.after(() => closeSync(fd));
  const clock = { now };
  return Object.assign(new Heard(fd, lowFloor, skewMs, () => clock.now), { clock });
}

const newPath = (t: TestContext) => join(temporaryFolder(t), 'datagrams');

test('a fresh file belongs to its owner alone, has all its room and knows nothing', t => {
  const path = newPath(t);
  const heard = open(t, path);
  assert.equal(heard.isHeard(digestOf('a'), noon), false);
  assert.equal(heard.damaged, 0);
  const { mode, size, blocks } = statSync(path);
  assert.deepEqual([mode & 0o777, size], [0o600, fileLength]);
  assert.ok(blocks * 512 >= fileLength, 'written, not only made long');
});

test('what was accepted is heard at once and after every start; others of its second are not', t => {
  const path = newPath(t);
  for (let round = 0; round < 5; round++) {
    const heard = open(t, path, noon + round);
    for (let before = 0; before < round; before++) assert.ok(heard.isHeard(digestOf(before), noon));
    assert.equal(heard.isHeard(digestOf(round), noon), false);
    heard.accept(digestOf(round), noon);
    assert.ok(heard.isHeard(digestOf(round), noon));
    assert.ok(open(t, path).isHeard(digestOf(round), noon), 'another reader sees it');
  }
  const { length } = open(t, path).digests();
  assert.equal(length, 5 * 16);
});

test('a digest inside a larger buffer is read where it is', t => {
  const heard = open(t, newPath(t));
  const buffer = Buffer.concat([Buffer.alloc(7, 9), digestOf('a'), Buffer.alloc(7, 9)]);
  heard.accept(buffer.subarray(7, 39), noon);
  buffer.fill(0);
  assert.ok(heard.isHeard(digestOf('a'), noon));
});

for (const before of [0, 1, 2]) {
  test(`a write that ends at any byte after ${before} datagrams forgets none of them`, t => {
    const path = newPath(t);
    const heard = open(t, path);
    for (let count = 0; count < before; count++) heard.accept(digestOf(count), noon);
    const bytes = readFileSync(path);
    heard.accept(digestOf('new'), noon + 1000);
    const whole = readFileSync(path).subarray(before * placeLength, (before + 1) * placeLength);
    for (let length = 0; length <= placeLength; length++) {
      const torn = Buffer.from(bytes);
      torn.set(whole.subarray(0, length), before * placeLength);
      writeFileSync(path, torn);
      const after = open(t, path);
      for (let count = 0; count < before; count++) assert.ok(after.isHeard(digestOf(count), noon));
      // What was not remembered did not open either, but for the moment nobody knows what stood there.
      const isTorn = !torn.equals(bytes) && length < placeLength;
      assert.equal(after.damaged, isTorn ? 1 : 0, `${length} bytes`);
      assert.equal(after.isHeard(digestOf('other'), noon + skewMs), isTorn);
      assert.equal(after.isHeard(digestOf('other'), noon + skewMs + 1000), false);
      after.accept(digestOf('later'), noon + skewMs + 2000);
      assert.ok(open(t, path).isHeard(digestOf('later'), noon + skewMs + 2000), 'it goes on from there');
    }
  });
}

test('a place that was written anew and is torn leaves nothing acceptable, also when the clock is set back', t => {
  const path = newPath(t);
  writeFileSync(path, fullFile(t, noon));
  const heard = open(t, path, noon + 10 * skewMs);
  const bytes = readFileSync(path);
  heard.accept(digestOf('new'), noon + 10 * skewMs);
  const whole = readFileSync(path).subarray(0, placeLength);
  // In each of its fields, and at their borders.
  for (const length of [1, 8, 9, 24, 27, 31]) {
    const torn = Buffer.from(bytes);
    torn.set(whole.subarray(0, length), 0);
    if (torn.equals(bytes)) continue;
    writeFileSync(path, torn);
    assert.ok(open(t, path, noon + 10 * skewMs).isHeard(digestOf('full 0'), noon), `${length} bytes`);
  }
});

test('a place damaged at any byte counts as heard for as long as it could be accepted, and is mended', t => {
  const path = newPath(t);
  const heard = open(t, path);
  for (let count = 0; count < 3; count++) heard.accept(digestOf(count), noon);
  const bytes = readFileSync(path);
  for (let byte = 0; byte < placeLength; byte++) {
    const damaged = Buffer.from(bytes);
    damaged[placeLength + byte]! ^= 1 << (byte % 8);
    writeFileSync(path, damaged);
    const after = open(t, path, noon + 5000);
    assert.equal(after.damaged, 1, `byte ${byte}`);
    assert.ok(after.isHeard(digestOf(1), noon));
    assert.ok(after.isHeard(digestOf('other'), noon + 5000 + skewMs), 'whatever stood there');
    assert.equal(after.isHeard(digestOf('other'), noon + 6000 + skewMs), false);
    const again = open(t, path, noon + 6000);
    assert.equal(again.damaged, 0);
    assert.ok(again.isHeard(digestOf(1), noon), 'also after the next start');
  }
});

const fullFiles = new Map<number, Buffer>();

/** A file whose places have all been written. */
function fullFile(t: TestContext, time: number): Buffer {
  const made = fullFiles.get(time);
  if (made !== undefined) return made;
  const path = newPath(t);
  const covering = { inherited: 0, covers: () => true } as unknown as Floor;
  const fd = openHeardFile(path);
  const heard = new Heard(fd, covering, skewMs, () => time);
  for (let count = 0; count < places; count++) heard.accept(digestOf(`full ${count}`), time);
  closeSync(fd);
  const bytes = readFileSync(path);
  fullFiles.set(time, bytes);
  return bytes;
}

test('a ring that is full of datagrams that could still be accepted takes no more, and forgets none', t => {
  const path = newPath(t);
  writeFileSync(path, fullFile(t, noon));
  const heard = open(t, path, noon + skewMs);
  assert.throws(() => heard.accept(digestOf('more'), noon + skewMs), /could still be accepted/);
  assert.equal(heard.isHeard(digestOf('more'), noon + skewMs), false);
  for (const count of [0, 1, 777, places - 1]) assert.ok(heard.isHeard(digestOf(`full ${count}`), noon));
  heard.clock.now = noon + skewMs + 1;
  heard.accept(digestOf('more'), noon + skewMs);
  assert.ok(heard.isHeard(digestOf('more'), noon + skewMs));
});

test('what had to make room stays refused, also when the clock is set back and after a start', t => {
  const path = newPath(t);
  writeFileSync(path, fullFile(t, noon));
  const later = noon + 10 * skewMs;
  const heard = open(t, path, later);
  for (let count = 0; count < 100; count++) heard.accept(digestOf(`later ${count}`), later);
  assert.equal(heard.digests().length, places * 16, 'no more are held than there are places');
  for (const each of [heard, open(t, path, noon)]) {
    each.clock.now = noon;
    for (const count of [0, 99, 100, places - 1]) assert.ok(each.isHeard(digestOf(`full ${count}`), noon));
    assert.equal(each.isHeard(digestOf('other'), noon + 1000), false, 'no more than that is refused');
    assert.ok(each.isHeard(digestOf('later 7'), later));
  }
});

test('a larger skew than before lets in nothing that was forgotten', t => {
  const path = newPath(t);
  writeFileSync(path, fullFile(t, noon));
  const heard = open(t, path, noon + skewMs + 1000);
  heard.accept(digestOf('later'), noon + skewMs);
  heard.skewMs = 3_600_000;
  assert.ok(heard.isHeard(digestOf('full 0'), noon));
  assert.throws(() => heard.accept(digestOf('more'), noon + skewMs), /could still be accepted/);
});

test('entries of a clock that was ahead stay until their time has come', t => {
  const path = newPath(t);
  const ahead = noon + 86_400_000;
  writeFileSync(path, fullFile(t, ahead));
  const heard = open(t, path, noon);
  assert.throws(() => heard.accept(digestOf('now'), noon), /could still be accepted/);
  heard.clock.now = ahead;
  assert.ok(heard.isHeard(digestOf('full 5'), ahead));
});

test('a full disk refuses, and nothing is remembered that was not kept', t => {
  const fd = openSync('/dev/full', 'r+');
  t.after(() => closeSync(fd));
  const heard = new Heard(fd, lowFloor, skewMs, () => noon);
  for (let tries = 0; tries < 3; tries++) {
    assert.throws(() => heard.accept(digestOf('a'), noon), { code: 'ENOSPC' });
    assert.equal(heard.isHeard(digestOf('a'), noon), false);
  }
});

test('a disk that is for reading only refuses, and the file is as it was', t => {
  const path = newPath(t);
  open(t, path).accept(digestOf('a'), noon);
  const bytes = readFileSync(path);
  const fd = openSync(path, 'r');
  t.after(() => closeSync(fd));
  const heard = new Heard(fd, lowFloor, skewMs, () => noon);
  assert.throws(() => heard.accept(digestOf('b'), noon), { code: 'EBADF' });
  assert.ok(heard.isHeard(digestOf('a'), noon));
  assert.deepEqual(readFileSync(path), bytes);
});

function memory(t: TestContext, folder: string, file: string, boot: typeof thisBoot, now: number): Memory {
  const floor = newFloor(t, join(folder, 'floor'), boot, now);
  const [ledger, heard] = [openLedgerFile(join(folder, 'ledger')), openHeardFile(join(folder, file))];
  t.after(() => [ledger, heard].map(fd => closeSync(fd)));
  const both = new Memory(new Ledger(ledger, floor), floor);
  both.heard = new Heard(heard, floor, skewMs, () => now);
  return both;
}

test('after a power cut that took the entry, the datagram is refused all the same', async t => {
  const folder = temporaryFolder(t);
  const before = memory(t, folder, 'datagrams', thisBoot, noon);
  await new Promise<void>(resolve => before.raise(noon, resolve));
  const once = { digest: digestOf('a'), time: noon + 1000 };
  assert.equal(before.delayOf(once.time), undefined, 'the floor covers it');
  before.accept(once);
  // Another file, in which nothing was written.
  const after = memory(t, folder, 'lost', nextBoot, noon + 20_000);
  assert.ok(after.isHeard(once));
  assert.equal(after.isHeard({ digest: digestOf('b'), time: noon + 20_000 }), false, 'new ones are good');
  const same = memory(t, folder, 'datagrams', thisBoot, noon + 20_000);
  assert.ok(same.isHeard(once));
  assert.equal(same.isHeard({ digest: digestOf('b'), time: noon + 1000 }), false, 'within one boot');
});

test('a file that is asked for again is opened once, and told how long to remember', t => {
  const folder = temporaryFolder(t);
  const floor = newFloor(t, join(folder, 'floor'), thisBoot, noon);
  const [ledger, file] = [openLedgerFile(join(folder, 'ledger')), openHeardFile(join(folder, 'datagrams'))];
  t.after(() => [ledger, file].map(fd => closeSync(fd)));
  writeSync(file, Buffer.alloc(32, 1), 0, 32, 64);
  const both = new Memory(new Ledger(ledger, floor), floor);
  assert.equal(both.digests().length, 0);
  assert.equal(both.remember(file, 1000), 1, 'damaged in one place');
  const { heard } = both;
  both.accept({ digest: digestOf('a'), time: Date.now() + 5000 });
  assert.equal(both.remember(file, 30_000), 0, 'which is said once');
  assert.equal(both.heard, heard);
  assert.deepEqual([both.heard?.skewMs, both.digests().length], [30_000, 16]);
});

test('without a file for digests a datagram cannot be remembered, and clients can', t => {
  const both = memory(t, temporaryFolder(t), 'datagrams', thisBoot, noon);
  both.heard = undefined;
  const once = { digest: digestOf('a'), time: noon };
  assert.throws(() => both.accept(once));
  assert.equal(both.isHeard(once), false);
  both.accept({ clientId: 7, time: noon });
  assert.ok(both.isHeard({ clientId: 7, time: noon }));
  assert.equal(both.isHeard({ clientId: 8, time: noon }), false);
});

test('the floor falls after a clock was set back only once digests are durable by themselves', async t => {
  const hour = 3_600_000;
  for (const isSafe of [true, false]) {
    const both = memory(t, temporaryFolder(t), 'datagrams', thisBoot, noon);
    let synced = 0;
    both.heard = {
      sync: () => {
        synced++;
        if (!isSafe) throw new Error('EIO');
      },
    } as unknown as Heard;
    await new Promise<void>(resolve => both.raise(noon + hour, resolve));
    assert.deepEqual([both.delayOf(noon + hour), synced], [undefined, 0]);
    // It is raised again only where it has fallen.
    both.raise(noon, () => {});
    assert.equal(synced, 1);
    assert.equal(both.delayOf(noon + hour) === undefined, !isSafe);
  }
});

test('what an earlier boot has left keeps no answer to this process waiting, but one that was heard', t => {
  const path = newPath(t);
  const late = { inherited: noon + 3_600_000, covers: () => false } as unknown as Floor;
  const fd = openHeardFile(path);
  t.after(() => closeSync(fd));
  const heard = new Heard(fd, late, skewMs, () => noon);
  const words = () => [false, true].map(isAnswer => heard.isHeard(digestOf('a'), noon, isAnswer));
  assert.deepEqual(words(), [true, false]);
  heard.accept(digestOf('a'), noon);
  assert.deepEqual(words(), [true, true]);
});
