/** Word of some thousand numbers that are put into the kernel does not drown what else is told of its tables. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/daemon/clock.js';
import { keyOf, NumberTable } from '../../src/daemon/numbertable.js';
import { watchTable } from '../../src/net/nftables.js';
import { NumberSet } from '../../src/net/numberset.js';
import { eventually } from './harness/eventually.js';
import { notIsolated } from './harness/isolation.js';

const table = 'numbers-watched';
const periods = { periodMs: 60_000, toleranceMs: 0 };
const count = 20_000;

describe('a watched table', { skip: notIsolated }, () => {
  test('whose numbers are put in, and put in again, is heard of still', async t => {
    const nft = (input: string) => execFileSync('nft', ['-f', '-'], { input });
    nft(`table inet ${table} {
      set numbers { typeof tcp dport . tcp sequence; size 131072; flags dynamic,timeout; limit rate 1/week burst 1 packets; }
      chain in { }
    }`);
    t.after(() => nft(`delete table inet ${table}`));
    let changes = 0;
    let losses = 0;
    const watcher = watchTable(
      table,
      () => changes++,
      () => losses++,
    );
    t.after(() => watcher.destroy());
    const numbers = new NumberTable(new NumberSet(table, 'numbers'), systemClock);
    t.after(() => numbers.close());
    const step = Math.floor(Date.now() / periods.periodMs) + 1;
    const all = Array.from({ length: count }, (_, index) => ({
      source: 'a',
      step,
      port: 22,
      number: 1 + index,
    }));
    await numbers.add(all, periods);
    await numbers.refill(periods);
    const found = numbers.read();
    assert.equal(found.size, count);
    for (const each of all) numbers.takeOver(each, found.get(keyOf(each))!, periods);
    assert.ok(!numbers.isOwed, 'read with the ends that they were put in with');
    assert.deepEqual([changes, losses], [0, 0]);
    const second = new NumberSet(table, 'numbers');
    t.after(() => second.close());
    second.remove([{ port: 22, number: 1 }]);
    assert.equal(numbers.read().size, count - 1);
    nft(`add rule inet ${table} in accept`);
    await eventually('told of', () => changes === 1);
    assert.equal(losses, 0);
  });
});
