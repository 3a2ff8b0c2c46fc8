/** A request in, ports out: the vectors, and requests that cannot be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  composeClassic,
  composeSealed,
  type SealedRequest,
} from '../../../src/methods/port-sequence/compose.js';
import type { Spelling } from '../../../src/methods/port-sequence/spelling.js';
import { addressOf, classicVectors, embedded, hex, type SealedVector, sealedVectors } from './vectors.js';

function request(
  vector: SealedVector,
  siteKey: Uint8Array,
  key: Uint8Array,
  spelling: Spelling = 'ordered',
): SealedRequest {
  return {
    siteKey,
    key,
    clientId: vector.client,
    commandId: vector.command,
    time: vector.time_ms,
    basePort: vector.base_port,
    address: addressOf(vector),
    spelling,
  };
}

for (const vector of sealedVectors) {
  for (const spelling of ['ordered', 'spread'] as const) {
    test(`${vector.name}, ${spelling}`, () => {
      const ports = embedded(hex(vector.site_key), siteKey =>
        embedded(hex(vector.client_key), key => composeSealed(request(vector, siteKey, key, spelling))),
      );
      assert.deepEqual(ports, vector[spelling]);
    });
  }
}

for (const vector of classicVectors) {
  test(vector.name, () => {
    const { passphrase, command: commandId, base_port: basePort } = vector;
    assert.deepEqual(composeClassic({ passphrase, commandId, basePort, spelling: 'ordered' }), vector.ports);
  });
}

const zeroTime = Date.UTC(2024, 0, 1);
const good = request(sealedVectors[0]!, new Uint8Array(32), new Uint8Array(32));

const refused: readonly Partial<SealedRequest>[] = [
  ...[-1, 65_536, 1.5, Number.NaN].map(clientId => ({ clientId })),
  ...[-1, 256, 0.5, Number.POSITIVE_INFINITY].map(commandId => ({ commandId })),
  ...[0, zeroTime - 1, zeroTime + 2 ** 40, zeroTime + 0.5, Number.NaN].map(time => ({ time })),
  ...[-1, 0, 65_281, 65_535, 40_000.5, Number.NaN].map(basePort => ({ basePort })),
  ...[0, 61_441, 65_280].map(basePort => ({ basePort, spelling: 'spread' as const })),
  ...[0, 4, 15, 17].map(length => ({ address: new Uint8Array(length) })),
];

for (const change of refused) {
  test(`refused: ${Object.entries(change).flat().join(' ')}`, () => {
    assert.throws(() => composeSealed({ ...good, ...change }), RangeError);
  });
}

test('the furthest values that fit', () => {
  for (const change of [
    { clientId: 0, commandId: 0, time: zeroTime, basePort: 1 },
    { clientId: 65_535, commandId: 255, time: zeroTime + 2 ** 40 - 1, basePort: 65_280 },
  ]) {
    assert.equal(composeSealed({ ...good, ...change }).length, 16);
    const basePort = Math.min(change.basePort, 61_440);
    assert.equal(composeSealed({ ...good, ...change, basePort, spelling: 'spread' }).length, 32);
  }
});

test('classic requests that cannot be', () => {
  const classic = { passphrase: 'p', commandId: 1, basePort: 40_000, spelling: 'ordered' as const };
  for (const commandId of [-1, 2 ** 32, 0.5, Number.NaN]) {
    assert.throws(() => composeClassic({ ...classic, commandId }), RangeError, `command ${commandId}`);
  }
  for (const basePort of [0, 65_281]) {
    assert.throws(() => composeClassic({ ...classic, basePort }), RangeError, `base port ${basePort}`);
  }
});
