/** What waits to be verified: bounded in number and bytes, and under a flood those first that a person may have sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog, mostBytes, mostDatagrams, type Waiting } from '../../src/daemon/backlog.js';

const seed = Buffer.alloc(36, 5);
const noon = 1_790_000_000_000;
let points = 0;

interface Named extends Waiting {
  readonly name: string;
}

/** @param point by default one that nobody has used */
function datagram(name: string, source: number, at = noon, length = 300, point = ++points): Named {
  const payload = new Uint8Array(length);
  new DataView(payload.buffer).setUint32(length - 64, point);
  const address = new Uint8Array(16);
  new DataView(address.buffer).setUint32(12, source);
  return { name, source: address, at, payload };
}

/** A backlog with so many of ever new sources in it. */
function flooded(count: number): Backlog<Named> {
  const backlog = new Backlog<Named>(seed);
  for (let source = 0; source < count; source++) {
    assert.equal(backlog.push(datagram('noise', 1_000_000 + source)), 0);
  }
  return backlog;
}

const names = (taken: readonly Named[]) => taken.map(({ name }) => name);

/** All that waits, in the order in which it would be taken. */
function drain(backlog: Backlog<Named>): string[] {
  const all: string[] = [];
  while (backlog.length > 0) all.push(...names(backlog.take(16)));
  return all;
}

test('while there is room all wait, and go in the order in which they came', () => {
  const backlog = new Backlog<Named>(seed);
  for (let count = 0; count < 40; count++) backlog.push(datagram(String(count), count));
  assert.equal(backlog.length, 40);
  const expected = Array.from({ length: 40 }, (_, count) => String(count));
  const [first, second] = [backlog.take(16), backlog.take(16)];
  assert.deepEqual([first.length, second.length, backlog.length], [16, 16, 8]);
  assert.deepEqual([...names(first), ...names(second), ...drain(backlog)], expected);
  assert.deepEqual(backlog.take(16), []);
});

test('a full one drops the newcomer', () => {
  const backlog = flooded(mostDatagrams);
  assert.equal(backlog.push(datagram('new', 1)), 1);
  assert.equal(backlog.length, mostDatagrams);
  assert.ok(!drain(backlog).includes('new'));
});

test('a second try goes first, and finds room in a full one', () => {
  const backlog = flooded(mostDatagrams);
  assert.equal(backlog.push(datagram('first try', 1)), 1);
  assert.equal(backlog.push(datagram('second try', 1, noon + 1000)), 1, 'another has to go');
  assert.equal(backlog.length, mostDatagrams);
  assert.equal(backlog.take(16)[0]?.name, 'second try');
});

test('a second try after ten seconds is a first one', () => {
  const backlog = flooded(mostDatagrams);
  backlog.push(datagram('first try', 1));
  assert.equal(backlog.push(datagram('late', 1, noon + 10_000)), 1);
  assert.ok(!drain(backlog).includes('late'));
});

test('who sends too often goes last, and makes room for all others', () => {
  const backlog = new Backlog<Named>(seed);
  for (let count = 0; count < mostDatagrams; count++) backlog.push(datagram(`noise ${count}`, 9));
  assert.equal(backlog.push(datagram('person', 1)), 1);
  assert.equal(backlog.length, mostDatagrams);
  const batch = names(backlog.take(16));
  assert.deepEqual(batch.slice(0, 4), ['noise 1', 'noise 2', 'noise 3', 'noise 0']);
  assert.ok(batch.includes('person'));
  assert.ok(!drain(backlog).includes(`noise ${mostDatagrams - 1}`), 'the newest fell');
});

test('nobody waits for ever: of each batch some are of those that go later', () => {
  const backlog = flooded(100);
  for (let source = 0; source < 100; source++) {
    backlog.push(datagram('x', source));
    backlog.push(datagram('again', source));
  }
  const batch = names(backlog.take(16));
  assert.equal(batch.filter(name => name === 'again').length, 13);
  assert.equal(batch.filter(name => name === 'noise').length, 3);
});

test('when more than half full, a point that was used before is not taken again; before that it is', () => {
  const backlog = flooded(mostDatagrams / 2);
  assert.equal(backlog.push(datagram('once', 1, noon, 300, 7)), 0);
  assert.equal(backlog.push(datagram('twice', 2, noon, 300, 7)), 1);
  assert.equal(backlog.push(datagram('other', 3, noon, 300, 8)), 0);
  const quiet = new Backlog<Named>(seed);
  for (const source of [1, 2, 3]) assert.equal(quiet.push(datagram('same', source, noon, 300, 7)), 0);
});

test('one that was dropped may come again with the same point', () => {
  const backlog = flooded(mostDatagrams);
  assert.equal(backlog.push(datagram('first', 1, noon, 300, 7)), 1);
  backlog.take(16);
  assert.equal(backlog.push(datagram('again', 1, noon, 300, 7)), 0);
});

test('long ones are bounded by their bytes', () => {
  const backlog = new Backlog<Named>(seed);
  let dropped = 0;
  for (let source = 0; source < 3000; source++) dropped += backlog.push(datagram('long', source, noon, 4096));
  assert.equal(backlog.length, mostBytes / 4096);
  assert.equal(dropped, 3000 - mostBytes / 4096);
  assert.equal(drain(backlog).length, mostBytes / 4096);
  assert.equal(backlog.push(datagram('next', 1, noon, 4096)), 0, 'its bytes are free again');
});

test('whatever comes, it stays within its bounds and counts every one', () => {
  const arrival = fc.record({
    source: fc.nat(20),
    laterMs: fc.nat(3000),
    length: fc.integer({ min: 100, max: 4096 }),
    copies: fc.integer({ min: 1, max: 400 }),
    taken: fc.nat(32),
  });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 30 }), arrivals => {
      const backlog = new Backlog<Named>(seed);
      let [pushed, taken, dropped, now] = [0, 0, 0, noon];
      for (const { source, laterMs, length, copies, taken: most } of arrivals) {
        now += laterMs;
        for (let copy = 0; copy < copies; copy++) {
          dropped += backlog.push(datagram('x', source, now, length));
          pushed++;
        }
        assert.ok(backlog.length <= mostDatagrams);
        const batch = backlog.take(most);
        assert.ok(batch.length <= most);
        taken += batch.length;
        assert.equal(taken + dropped + backlog.length, pushed);
      }
      assert.equal(backlog.clear(), pushed - taken - dropped);
      assert.equal(backlog.length, 0);
    }),
    { numRuns: 50 },
  );
});
