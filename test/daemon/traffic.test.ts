/** What is said of traffic that is only counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newCounters } from '../../src/daemon/counters.js';
import { Traffic } from '../../src/daemon/traffic.js';
import { parseAddress } from '../../src/net/address.js';
import { Logbook } from './logbook.js';

const last = parseAddress('192.0.2.9')!;

test('a line says what has come since the one before', () => {
  const book = new Logbook();
  const traffic = new Traffic(book.log);
  traffic.tell({ ...newCounters(), seen: 1_000_000, noise: 3 }, last);
  traffic.tell({ ...newCounters(), seen: 1_000_032, lost: 12, noise: 3 }, last);
  traffic.tell({ ...newCounters(), seen: 1_000_033, lost: 12, noise: 3, 'datagrams dropped': 9 }, last);
  const dropped = { 'datagrams dropped': 9, 'challenges dropped': 5 };
  traffic.tell({ ...newCounters(), seen: 1_000_033, lost: 12, noise: 3, ...dropped }, last);
  assert.deepEqual(book.lines, [
    'since the last such line: 1,000,000 packets heard, the last from 192.0.2.9; 3 blocks that were no knock (another site key?)',
    'since the last such line: 32 packets heard, the last from 192.0.2.9; 12 more lost before they reached us',
    'since the last such line: 1 packets heard, the last from 192.0.2.9; 9 datagrams dropped, too many to be verified',
    'since the last such line: 0 packets heard, the last from 192.0.2.9; 5 responses dropped, too many to be judged',
  ]);
  assert.deepEqual(
    book.entries.map(({ level, seen, lost, noise, dropped }) => [level, seen, lost, noise, dropped]),
    [
      [30, 1_000_000, 0, 3, 0],
      [40, 32, 12, 0, 0],
      [40, 1, 0, 0, 9],
      [40, 0, 0, 0, 5],
    ],
  );
});
