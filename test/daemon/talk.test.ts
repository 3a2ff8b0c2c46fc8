/** A listener that never stops talking is heard no more than a sound one; what it asks for always is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Talk } from '../../src/daemon/talk.js';

test('what is only told is bounded, all kinds of it together, and counted anew after ten seconds', () => {
  const talk = new Talk();
  const taken = (kind: 'refused' | 'stage' | 'summary', count: number, now: number) =>
    Array.from({ length: count }, () => talk.isTaken({ kind }, now)).filter(is => is).length;
  assert.equal(taken('stage', 1000, 0), 1000);
  assert.equal(taken('refused', 90, 1), 90);
  assert.equal(taken('summary', 1_000_000, 9999), 10);
  assert.equal(taken('stage', 5, 9999), 0);
  assert.equal(taken('stage', 5, 10_000), 5);
});

test('what opens, and what is answered, is always taken', () => {
  const talk = new Talk();
  for (let count = 0; count < 5000; count++) talk.isTaken({ kind: 'refused' }, 0);
  for (const kind of [
    'open',
    'ready',
    'alive',
    'counter',
    'counted',
    'ended',
    'prepare',
    'gather',
  ] as const) {
    assert.equal(talk.isTaken({ kind }, 0), true, kind);
  }
});
