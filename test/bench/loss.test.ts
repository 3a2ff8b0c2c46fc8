/** What is read of the kernel's table of UDP sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDatagramsLost } from '../../bench/loss.js';

/** As Linux 6.1 prints it. */
const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1191: 00000000:F2F9 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 21347 2 0000000000000000 12978
 1192: 0100007F:F2F9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21349 2 0000000000000000 22
 3331: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21348 2 0000000000000000 7
`;

for (const [port, lost] of [
  [62201, 13_000],
  [53, 7],
  [22, 0],
] as const) {
  test(`port ${port}: ${lost} datagrams lost`, () => assert.equal(readDatagramsLost(table, port), lost));
}
