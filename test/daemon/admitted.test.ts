/** What the log says of those whom the kernel has let in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellAdmitted } from '../../src/daemon/admitted.js';
import { Permissions } from '../../src/daemon/config.js';
import { decodeFrame, encodeFrame } from '../../src/daemon/frames.js';
import { Teller } from '../../src/daemon/told.js';
import { Logbook } from './logbook.js';
import { configOf } from './numberbench.js';

const at = Date.UTC(2026, 10, 21, 12);
const source = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7);

test('a connection is told of, whoever it is of', () => {
  const permissions = new Permissions(
    configOf('/state', { desk: { ports: [22, 80] }, old: { revoked: true } }),
  );
  const told = (door: string, client: string) => {
    const book = new Logbook();
    const teller = new Teller(book.log);
    const frame = decodeFrame(encodeFrame('admitted', { detail: 7, value: at, source, door, client }));
    tellAdmitted(frame!, permissions, undefined, teller);
    const outcome = teller.history.list()[0]?.outcome;
    return [outcome, book.lines.join()];
  };
  assert.deepEqual(told('desk', 'desk'), [
    'opened',
    'opened desk for desk from 192.0.2.7: a connection to tcp/22 or tcp/80, by its sequence number',
  ]);
  assert.deepEqual(told('old', 'old'), ['revoked', 'refused: revoked: old for old']);
  assert.deepEqual(told('', ''), [
    'opened',
    'opened a guarded port for somebody from 192.0.2.7: by a sequence number of nobody now, as when the clock or the configuration has just changed',
  ]);
});
