/** The ledger: what was accepted stays refused, whatever becomes of the process, the disk, or half a write. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Floor, openFloorFile, readBoot } from '../../src/daemon/floor.js';
import { Ledger, openLedgerFile } from '../../src/daemon/ledger.js';
import { OperatorError } from '../../src/system/error.js';
import { temporaryFolder } from './folder.js';

const fileLength = 2 * 65_536 * 16;
const placeAt = (copy: number, id: number) => copy * (fileLength / 2) + id * 16;
const noon = 1_790_000_000_000;

/** A floor that covers nothing: every knock is made durable by itself. */
function lowFloor(t: TestContext): Floor {
  const fd = openFloorFile(join(temporaryFolder(t), 'floor'));
  t.after(() => closeSync(fd));
  return new Floor(fd, readBoot(), noon);
}

function open(t: TestContext, path: string): Ledger {
  const fd = openLedgerFile(path);
  t.after(() => closeSync(fd));
  return new Ledger(fd, lowFloor(t));
}

function newPath(t: TestContext): string {
  return join(temporaryFolder(t), 'ledger');
}

test('a fresh ledger knows nobody, belongs to its owner alone and has all its room', t => {
  const path = newPath(t);
  const ledger = open(t, path);
  for (const id of [0, 1, 7, 65_535]) assert.equal(ledger.lastAccepted(id), 0);
  assert.deepEqual(ledger.damaged, []);
  const { mode, size, blocks } = statSync(path);
  assert.deepEqual([mode & 0o777, size], [0o600, fileLength]);
  assert.ok(blocks * 512 >= fileLength, 'written, not only made long');
});

test('what was accepted is known at once and after every start', t => {
  const path = newPath(t);
  const ids = [0, 1, 7, 255, 256, 65_534, 65_535];
  for (let round = 0; round < 5; round++) {
    const ledger = open(t, path);
    for (const id of ids) {
      assert.equal(ledger.lastAccepted(id), round === 0 ? 0 : noon + id + round - 1);
      ledger.accept(id, noon + id + round);
      assert.equal(ledger.lastAccepted(id), noon + id + round);
    }
    assert.equal(ledger.lastAccepted(2), 0);
  }
  const ledger = open(t, path);
  assert.deepEqual(
    ids.map(id => ledger.lastAccepted(id)),
    ids.map(id => noon + id + 4),
  );
  assert.deepEqual(ledger.damaged, []);
});

test('it is on the disk when accept returns: another reader sees it', t => {
  const path = newPath(t);
  const ledger = open(t, path);
  for (const time of [noon, noon + 1, noon + 2]) {
    ledger.accept(7, time);
    assert.equal(open(t, path).lastAccepted(7), time);
  }
});

test('any sequence of knocks and starts ends with the last time of each client', t => {
  const path = newPath(t);
  const step = fc.tuple(fc.constantFrom(0, 7, 65_535), fc.integer({ min: 1, max: 1000 }), fc.boolean());
  const last = new Map<number, number>();
  let ledger = open(t, path);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), steps => {
      for (const [id, later, isRestart] of steps) {
        if (isRestart) ledger = open(t, path);
        const time = (last.get(id) ?? noon) + later;
        ledger.accept(id, time);
        last.set(id, time);
      }
      for (const [id, time] of last) assert.equal(ledger.lastAccepted(id), time);
    }),
    { numRuns: 30 },
  );
});

/** A ledger's file in which client 7 has knocked so many times. */
function knocked(t: TestContext, times: number): { readonly path: string; readonly bytes: Buffer } {
  const path = newPath(t);
  const ledger = open(t, path);
  for (let knock = 1; knock <= times; knock++) ledger.accept(7, noon + knock);
  return { path, bytes: readFileSync(path) };
}

/** The place that the next write of client 7 goes to. */
function nextPlace(t: TestContext, path: string, before: Buffer): number {
  open(t, path).accept(7, noon + 1_000_000);
  const after = readFileSync(path);
  const changed = [0, 1].filter(copy => {
    const at = placeAt(copy, 7);
    return !after.subarray(at, at + 16).equals(before.subarray(at, at + 16));
  });
  assert.equal(changed.length, 1, 'one of two places is written');
  return placeAt(changed[0]!, 7);
}

for (const times of [0, 1, 2, 3]) {
  test(`a write that ends at any byte after ${times} knocks leaves the time before it`, t => {
    const { path, bytes } = knocked(t, times);
    const at = nextPlace(t, path, bytes);
    const whole = readFileSync(path).subarray(at, at + 16);
    for (let length = 0; length <= 16; length++) {
      const torn = Buffer.from(bytes);
      torn.set(whole.subarray(0, length), at);
      writeFileSync(path, torn);
      const ledger = open(t, path);
      const before = times === 0 ? 0 : noon + times;
      // A head that ends in what was there before may be whole sooner.
      const isWhole = torn.subarray(at, at + 16).equals(whole);
      assert.equal(ledger.lastAccepted(7), isWhole ? noon + 1_000_000 : before, `${length} bytes`);
      assert.deepEqual(ledger.damaged, []);
      ledger.accept(7, noon + 2_000_000);
      assert.equal(open(t, path).lastAccepted(7), noon + 2_000_000, 'it goes on from there');
    }
  });
}

test('either place damaged at any byte leaves the other', t => {
  const { path, bytes } = knocked(t, 2);
  for (const copy of [0, 1]) {
    for (let byte = 0; byte < 16; byte++) {
      const damaged = Buffer.from(bytes);
      damaged[placeAt(copy, 7) + byte]! ^= 1 << (byte % 8);
      writeFileSync(path, damaged);
      const ledger = open(t, path);
      const time = ledger.lastAccepted(7);
      assert.ok(time === noon + 1 || time === noon + 2, `byte ${byte} of copy ${copy}: ${time}`);
      assert.deepEqual(ledger.damaged, []);
    }
  }
});

test('both damaged: the client is refused for ever, and told of', t => {
  const { path, bytes } = knocked(t, 2);
  for (const copy of [0, 1]) {
    bytes[placeAt(copy, 7) + 3]! ^= 0x40;
    bytes[placeAt(copy, 65_535) + 8]! ^= 0x01;
  }
  writeFileSync(path, bytes);
  const ledger = open(t, path);
  assert.deepEqual(ledger.damaged, [7, 65_535]);
  for (const id of [7, 65_535]) assert.ok(ledger.lastAccepted(id) > Date.UTC(9999, 0));
  assert.equal(ledger.lastAccepted(8), 0);
});

test('an entry moved to another client is damaged', t => {
  const { path, bytes } = knocked(t, 2);
  for (const copy of [0, 1]) bytes.copyWithin(placeAt(copy, 8), placeAt(copy, 7), placeAt(copy, 7) + 16);
  writeFileSync(path, bytes);
  assert.deepEqual(open(t, path).damaged, [8]);
});

test('a full disk refuses, and nothing is remembered that was not kept', t => {
  const fd = openSync('/dev/full', 'r+');
  t.after(() => closeSync(fd));
  const ledger = new Ledger(fd, lowFloor(t));
  for (let tries = 0; tries < 3; tries++) {
    assert.throws(() => ledger.accept(7, noon), { code: 'ENOSPC' });
    assert.equal(ledger.lastAccepted(7), 0);
  }
});

test('a disk that is for reading only refuses, and the file is as it was', t => {
  const { path, bytes } = knocked(t, 3);
  const fd = openSync(path, 'r');
  t.after(() => closeSync(fd));
  const ledger = new Ledger(fd, lowFloor(t));
  assert.throws(() => ledger.accept(7, noon + 9), { code: 'EBADF' });
  assert.equal(ledger.lastAccepted(7), noon + 3);
  assert.deepEqual(readFileSync(path), bytes);
});

test('a ledger that was made half is made whole; what is in it stays', t => {
  const { path, bytes } = knocked(t, 1);
  const halves = [0, 1, fileLength / 2, fileLength - 1].map(length => bytes.subarray(0, length));
  for (const half of halves) {
    writeFileSync(path, half);
    const ledger = open(t, path);
    assert.equal(statSync(path).size, fileLength);
    assert.deepEqual(ledger.damaged, []);
    ledger.accept(7, noon + 5);
    assert.equal(open(t, path).lastAccepted(7), noon + 5);
  }
});

/** What stands where the ledger should be, and what is said. */
const refused: readonly [string, (path: string) => void, string, RegExp][] = [
  ['a link', path => symlinkSync('/dev/null', path), 'no-state', /\(ELOOP\)$/],
  ['a link to nowhere', path => symlinkSync(`${path}.other`, path), 'no-state', /\(ELOOP\)$/],
  [
    'a longer file',
    path => writeFileSync(path, Buffer.alloc(fileLength + 1)),
    'bad-state',
    /not a file of portknockd$/,
  ],
];

for (const [what, make, code, message] of refused) {
  test(`refused: ${what} in its place`, t => {
    const path = newPath(t);
    make(path);
    assert.throws(
      () => openLedgerFile(path),
      (error: unknown) =>
        error instanceof OperatorError && error.code === code && message.test(error.message),
    );
  });
}

test('a folder that is not there is said as such', t => {
  assert.throws(
    () => openLedgerFile(join(newPath(t), 'in', 'ledger')),
    (error: unknown) =>
      error instanceof OperatorError &&
      /cannot be made or opened \(ENOENT\)$/.test(error.message) &&
      error.hint === 'state_directory must be a folder we can write to',
  );
});
