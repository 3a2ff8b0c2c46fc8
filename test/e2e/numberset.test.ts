/** The set of numbers over netlink, against the kernel: in bulk, with the ends that were asked for, and read back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { NumberSet, type PortNumber } from '../../src/net/numberset.js';
import { notIsolated } from './harness/isolation.js';

const table = `numberset-${process.pid}`;
const nft = (text: string) => execFileSync('nft', ['-f', '-'], { input: text });
const many = (count: number, first = 1): PortNumber[] =>
  Array.from({ length: count }, (_, index) => ({
    port: 22 + (index % 7),
    number: (first + index * 524_287) % 2 ** 32,
  }));
const timed = (numbers: readonly PortNumber[], timeoutMs: number) =>
  numbers.map(number => ({ ...number, timeoutMs }));
const sorted = (numbers: readonly PortNumber[]) =>
  numbers.map(({ port, number }) => `${port} ${number}`).toSorted();

function inBatches(numbers: readonly PortNumber[], action: (batch: readonly PortNumber[]) => void): void {
  for (let at = 0; at < numbers.length; at += 2000) action(numbers.slice(at, at + 2000));
}

/** How many seconds each number has left, as nft reads it. */
function seconds(): Record<string, number> {
  const output = execFileSync('nft', ['--json', 'list', 'set', 'inet', table, 'numbers'], {
    encoding: 'utf8',
  });
  const { nftables } = JSON.parse(output) as {
    nftables: { set?: { elem?: { elem: { val: { concat: number[] }; expires: number } }[] } }[];
  };
  const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
  return Object.fromEntries(elements.map(({ elem }) => [elem.val.concat.join(' '), elem.expires]));
}

describe('a set of numbers', { skip: notIsolated }, () => {
  let set: NumberSet;
  before(() => {
    nft(
      `table inet ${table} { set numbers { typeof tcp dport . tcp sequence; size 20000; flags dynamic,timeout; limit rate 1/week burst 1 packets; }; }`,
    );
    set = new NumberSet(table, 'numbers');
  });
  after(() => {
    set.close();
    nft(`delete table inet ${table}`);
  });

  test('takes thousands at once, and gives them back', () => {
    const numbers = many(7777);
    inBatches(numbers, batch => set.add(timed(batch, 60_000)));
    assert.deepEqual(sorted(set.list()), sorted(numbers));
    inBatches(numbers, batch => set.put(timed(batch, 60_000)));
    assert.deepEqual(sorted(set.list()), sorted(numbers));
    set.add([]);
    set.remove([]);
    const [first, ...rest] = numbers;
    inBatches([...rest, { port: 1, number: 2 }], batch => set.remove(batch));
    assert.deepEqual(sorted(set.list()), sorted([first!]));
    set.remove([first!]);
    set.remove([first!]);
    assert.deepEqual(set.list(), []);
  });

  test('ends them when it was told, also those that were there', () => {
    const [a, b] = [
      { port: 22, number: 0xfffffffe },
      { port: 65_535, number: 1 },
    ];
    set.add(timed([a], 600_000));
    set.put(timed([a, b], 30_000));
    const left = seconds();
    assert.deepEqual(Object.keys(left).toSorted(), ['22 4294967294', '65535 1']);
    for (const [key, value] of Object.entries(left)) assert.ok(value > 20 && value <= 30, `${key}: ${value}`);
    set.put(timed([a], 300_000));
    assert.ok(seconds()['22 4294967294']! > 200);
    set.remove([a, b]);
  });

  test('takes all or none, and says when it is not there', () => {
    inBatches(many(19_990), batch => set.add(timed(batch, 60_000)));
    assert.throws(() => set.add(timed(many(50, 77), 60_000)), { name: 'SystemError', code: 'ENFILE' });
    assert.equal(set.list().length, 19_990);
    const none = new NumberSet(table, 'nothing');
    for (const action of [() => none.add(timed(many(1), 1)), () => none.remove(many(1)), () => none.list()]) {
      assert.throws(action, { name: 'SystemError', code: 'ENOENT' });
    }
    none.close();
  });
});
