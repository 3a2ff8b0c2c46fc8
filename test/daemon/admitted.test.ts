/** What the monitor makes of word that a number has let somebody in: it believes no more than the configuration allows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellAdmitted } from '../../src/daemon/admitted.js';
import { Permissions } from '../../src/daemon/config.js';
import { decodeFrame, encodeFrame } from '../../src/daemon/frames.js';
import type { Guard } from '../../src/daemon/guard.js';
import { Teller } from '../../src/daemon/told.js';
import { parseAddress } from '../../src/net/address.js';
import { Logbook } from './logbook.js';
import { configOf } from './numberbench.js';

const source = parseAddress('192.0.2.7')!;

function told(client: string, door: string, knownPort: number | undefined) {
  const book = new Logbook();
  const teller = new Teller(book.log);
  const marked: [number, readonly number[]][] = [];
  const guard = {
    markUsed: (number: number, ports: readonly number[]) => {
      marked.push([number, ports]);
      return knownPort;
    },
  } as unknown as Guard;
  const permissions = new Permissions(
    configOf('/x', { desk: { ports: [22, 443] }, lost: { revoked: true }, other: {} }),
  );
  const frame = decodeFrame(encodeFrame('admitted', { detail: 0xfedcba98, value: 5, source, door, client }))!;
  tellAdmitted(frame, permissions, guard, teller);
  return { lines: book.lines, marked, history: teller.history.list() };
}

test('who came in, by which door, on which port; and the number is used', () => {
  const { lines, marked, history } = told('desk', 'desk', 443);
  assert.deepEqual(lines, [
    'opened desk for desk from 192.0.2.7: a connection to tcp/443, by its sequence number',
  ]);
  assert.deepEqual(marked, [[0xfedcba98, [22, 443]]]);
  assert.deepEqual(history, [
    { at: 5, source: '192.0.2.7', door: 'desk', client: 'desk', outcome: 'opened' },
  ]);
});

test('a number that is not known may have been on any port of the door', () => {
  assert.match(told('desk', 'desk', undefined).lines[0]!, /a connection to tcp\/22 or tcp\/443, by/);
});

for (const [client, door, outcome] of [
  ['lost', 'lost', 'revoked'],
  ['desk', 'other', 'not-allowed'],
  ['nobody', 'desk', 'unknown-client'],
  ['desk', 'nothing', 'unknown-command'],
] as const) {
  test(`what the listener must not say: ${client} for ${door}`, () => {
    const { lines, marked, history } = told(client, door, 22);
    assert.deepEqual(lines, [`refused: ${outcome}: ${client} for ${door}`]);
    assert.deepEqual(marked, []);
    assert.equal(history[0]?.outcome, outcome);
  });
}

test('a connection is told of though nobody knows whose number it was', () => {
  const { lines, marked, history } = told('', '', undefined);
  assert.deepEqual(lines, [
    'opened a guarded port for somebody from 192.0.2.7: by a sequence number of nobody now, as when the clock or the configuration has just changed',
  ]);
  assert.deepEqual(marked, []);
  assert.equal(history[0]?.outcome, 'opened');
});
