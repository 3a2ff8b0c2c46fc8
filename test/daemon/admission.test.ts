/** Admission: what the ledger could not keep does not open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, TransientMemory } from '../../src/daemon/admission.js';
import { authenticate } from '../../src/methods/knock.js';

const fields = {
  method: 'port-sequence',
  door: 'ssh',
  client: 'laptop',
  source: new Uint8Array(16).fill(7),
  at: 1_790_000_000_000,
} as const;
const knock = authenticate({ ...fields, once: { clientId: 7, time: 5 } });
const classic = authenticate({ ...fields, once: undefined });

const fullDisk = {
  lastAccepted: () => 0,
  accept: () => {
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  },
};

test('a knock opens once it is remembered', () => {
  const memory = new TransientMemory();
  assert.equal(memory.lastAccepted(7), 0);
  assert.equal(admit(knock, memory), knock);
  assert.equal(memory.lastAccepted(7), 5);
  assert.equal(memory.lastAccepted(8), 0);
});

test('a knock that cannot be remembered is refused, with its names', () => {
  assert.deepEqual(admit(knock, fullDisk), {
    outcome: 'refused',
    reason: 'not-recorded',
    ...fields,
    detail: undefined,
  });
});

test('a knock that can be replayed anyway needs no memory', () => {
  assert.equal(admit(classic, fullDisk), classic);
});
