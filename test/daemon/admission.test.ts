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
  isHeard: () => false,
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

const datagram = authenticate({
  ...fields,
  method: 'datagram',
  service: { protocol: 6, port: 22 },
  serial: '4f03',
  once: { digest: new Uint8Array(32).fill(3), time: 5000 },
});

test('a knock opens once, whether by its client and time or by its digest', () => {
  const memory = new TransientMemory();
  for (const once of [knock, datagram]) {
    assert.equal(admit(once, memory), once);
    const again = admit(once, memory);
    assert.equal(again.outcome === 'refused' && again.reason, 'replayed');
  }
  const other = authenticate({ ...datagram, once: { digest: new Uint8Array(32).fill(4), time: 5000 } });
  assert.equal(admit(other, memory), other, 'of the same second');
});

test('a refusal keeps the serial number of the certificate', () => {
  const refusal = admit(datagram, fullDisk);
  assert(refusal.outcome === 'refused');
  assert.deepEqual([refusal.reason, refusal.serial], ['not-recorded', '4f03']);
});

test('a knock that can be replayed anyway needs no memory', () => {
  assert.equal(admit(classic, fullDisk), classic);
});
