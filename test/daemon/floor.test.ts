/** The floor: what it covers needs no disk of its own, and is refused by every boot after the one that wrote it. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Floor, openFloorFile, readBoot } from '../../src/daemon/floor.js';
import { Ledger, openLedgerFile } from '../../src/daemon/ledger.js';
import { Memory } from '../../src/daemon/memory.js';
import { temporaryFolder } from './folder.js';

const noon = 1_790_000_000_000;
const thisBoot = Buffer.alloc(16, 0x11);
const nextBoot = Buffer.alloc(16, 0x22);

function opened(t: TestContext, path: string, boot = thisBoot, now = noon): Floor {
  const fd = openFloorFile(path);
  t.after(() => closeSync(fd));
  return new Floor(fd, boot, now);
}

const raised = (floor: Floor | Memory, now: number) =>
  new Promise<void>(resolve => floor.raise(now, resolve));

const newPath = (t: TestContext) => join(temporaryFolder(t), 'floor');

test('a fresh floor covers nothing and has inherited nothing', t => {
  const path = newPath(t);
  const floor = opened(t, path);
  assert.deepEqual([floor.covers(1), floor.isRising(1), floor.inherited], [false, false, 0]);
  const { mode, size, blocks } = statSync(path);
  assert.deepEqual([mode & 0o777, size], [0o600, 4096]);
  assert.ok(blocks * 512 >= size, 'written, not only made long');
});

test('it covers two seconds ahead, and not before it is on the disk', async t => {
  const path = newPath(t);
  const floor = opened(t, path);
  const ended = raised(floor, noon);
  assert.deepEqual(
    [floor.covers(noon), floor.isRising(noon + 2000), floor.isRising(noon + 2001)],
    [false, true, false],
  );
  await ended;
  assert.deepEqual(
    [floor.covers(noon + 2000), floor.covers(noon + 2001), floor.isRising(noon)],
    [true, false, false],
  );
  assert.ok(!readFileSync(path).every(byte => byte === 0));
});

test('it is raised again once half of that is used up, and not sooner', async t => {
  const path = newPath(t);
  const floor = opened(t, path);
  await raised(floor, noon);
  const before = readFileSync(path);
  floor.raise(noon + 999, () => assert.fail('raised too soon'));
  assert.deepEqual(readFileSync(path), before);
  await raised(floor, noon + 1000);
  assert.ok(floor.covers(noon + 3000));
});

test('a process of the same boot goes on where the one before has stopped; one of the next begins above it', async t => {
  const path = newPath(t);
  for (const now of [noon, noon + 5000, noon + 10_000]) {
    await raised(opened(t, path), now);
    const again = opened(t, path);
    assert.deepEqual([again.covers(now + 2000), again.inherited], [true, 0]);
  }
  const next = opened(t, path, nextBoot);
  assert.deepEqual([next.covers(1), next.inherited], [false, noon + 12_000]);
});

test('what a boot has inherited, each of its processes has, and every later boot', async t => {
  const path = newPath(t);
  await raised(opened(t, path), noon);
  const inherited = noon + 2000;
  for (const later of [10_000, 20_000]) {
    const floor = opened(t, path, nextBoot);
    assert.equal(floor.inherited, inherited);
    await raised(floor, noon + later);
  }
  const floor = opened(t, path, nextBoot);
  assert.deepEqual([floor.covers(noon + 22_000), floor.inherited], [true, inherited]);
  // A clock that has been set back since.
  await raised(opened(t, path, Buffer.alloc(16, 0x33)), noon - 3_600_000);
  assert.equal(opened(t, path, Buffer.alloc(16, 0x44)).inherited, noon + 22_000);
});

test('a floor of before, whose places were shorter, is the same', async t => {
  const path = newPath(t);
  await raised(opened(t, path), noon);
  const bytes = readFileSync(path);
  assert.ok(bytes.subarray(512 + 32, 512 + 40).every(byte => byte === 0));
  assert.equal(bytes.readUInt32BE(512 + 28), crc32(bytes.subarray(512, 512 + 28)));
});

test('half a write leaves what was written before; two damaged halves leave now', async t => {
  const path = newPath(t);
  const floor = opened(t, path);
  await raised(floor, noon);
  await raised(floor, noon + 5000);
  const bytes = readFileSync(path);
  // Written second, and first.
  for (const [at, inherited] of [
    [0, noon + 2000],
    [512, noon + 7000],
  ] as const) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(at + 7) ^ 1, at + 7);
    writeFileSync(path, damaged);
    assert.equal(opened(t, path, nextBoot).inherited, inherited);
    damaged.writeUInt8(damaged.readUInt8(519 - at) ^ 1, 519 - at);
    writeFileSync(path, damaged);
    assert.equal(opened(t, path, nextBoot, noon + 9).inherited, noon + 9);
  }
});

test('every bit of a place counts', async t => {
  const path = newPath(t);
  await raised(opened(t, path), noon);
  const bytes = readFileSync(path);
  for (let bit = 512 * 8; bit < (512 + 40) * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    writeFileSync(path, changed);
    // The other place was never written.
    assert.equal(opened(t, path, nextBoot).inherited, 0, `bit ${bit}`);
  }
});

test('a disk that refuses raises nothing, and says that it was tried', async t => {
  const path = newPath(t);
  openFloorFile(path);
  const fd = openSync(path, 'r');
  t.after(() => closeSync(fd));
  const floor = new Floor(fd, thisBoot, noon);
  await raised(floor, noon);
  assert.deepEqual([floor.covers(noon), floor.isRising(noon)], [false, false]);
  floor.raise(noon + 999, () => assert.fail('asked again too soon'));
  assert.equal(floor.isRising(noon), false);
  await raised(floor, noon + 1000);
});

test('the kernel says which boot this is', () => {
  assert.equal(readBoot().length, 16);
  assert.deepEqual(readBoot(), readBoot());
});

/** A ledger whose entries never reach the disk: what a power cut would leave of it. */
function ledgers(t: TestContext) {
  const folder = temporaryFolder(t);
  const floorPath = join(folder, 'floor');
  const ledger = (name: string, boot: typeof thisBoot, now: number) => {
    const fd = openLedgerFile(join(folder, name));
    t.after(() => closeSync(fd));
    const floor = opened(t, floorPath, boot, now);
    const ledger = new Ledger(fd, floor);
    const memory = new Memory(ledger, floor);
    return Object.assign(ledger, { rise: (now: number) => raised(memory, now) });
  };
  return ledger;
}

test('after a power cut that took the entry, the knock is refused all the same', async t => {
  const ledger = ledgers(t);
  const before = ledger('ledger', thisBoot, noon);
  await before.rise(noon);
  before.accept(7, noon + 3);
  // Another file, in which nothing was written.
  const after = ledger('lost', nextBoot, noon + 20_000);
  for (const id of [7, 8]) assert.ok(after.lastAccepted(id) >= noon + 3);
  assert.ok(after.lastAccepted(7) < noon + 20_000, 'new knocks are good');
  const same = ledger('ledger', thisBoot, noon + 20_000);
  assert.deepEqual([same.lastAccepted(7), same.lastAccepted(8)], [noon + 3, 0]);
});

test('a clock that was set back takes the floor with it', async t => {
  const ledger = ledgers(t);
  const before = ledger('ledger', thisBoot, noon);
  const hour = 3_600_000;
  await before.rise(noon + hour);
  await before.rise(noon);
  assert.equal(ledger('ledger', nextBoot, noon).lastAccepted(7), noon + 2000);
});
