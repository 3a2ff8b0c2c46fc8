/** Blocks and their fields: the vectors both ways, round trips, and blocks that are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classicCipher, decodeClassic, encodeClassic } from '../../../src/methods/port-sequence/classic.js';
import {
  blockCipher,
  hasTag,
  lastSealedTime,
  seal,
  sealedEpoch,
  tagKey,
  unseal,
} from '../../../src/methods/port-sequence/sealed.js';
import { offsetIn, spell } from '../../../src/methods/port-sequence/spelling.js';
import { addressOf, classicVectors, embedded, hex, sealedVectors } from './vectors.js';

for (const vector of sealedVectors) {
  test(vector.name, () => {
    const key = tagKey(hex(vector.client_key));
    const cipher = blockCipher(hex(vector.site_key));
    const { client: clientId, command: commandId, time_ms: time, base_port: basePort } = vector;
    const address = addressOf(vector);
    const block = seal(cipher, key, { clientId, commandId, time, basePort, address });
    assert.equal(Buffer.from(block).toString('hex'), vector.block);
    const claim = embedded(hex(vector.block), view => unseal(cipher, view));
    assert.deepEqual([claim.clientId, claim.commandId, claim.time], [clientId, commandId, time]);
    assert.ok(embedded(address, view => hasTag(claim, key, basePort, view)));
    assert.ok(!hasTag(claim, key, basePort + 1, address));
    assert.ok(!hasTag(claim, tagKey(hex(vector.site_key)), basePort, address));
    for (let bit = 0; bit < 128; bit++) {
      const other = Uint8Array.from(address);
      other[bit >> 3]! ^= 1 << (bit & 7);
      assert.ok(!hasTag(claim, key, basePort, other), `address bit ${bit}`);
    }
  });
}

for (const vector of classicVectors) {
  test(vector.name, () => {
    const cipher = classicCipher(vector.passphrase);
    assert.equal(Buffer.from(encodeClassic(cipher, vector.command)).toString('hex'), vector.block);
    assert.equal(
      embedded(hex(vector.block), view => decodeClassic(cipher, view)),
      vector.command,
    );
    for (let bit = 0; bit < 128; bit++) {
      const block = hex(vector.block);
      block[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodeClassic(cipher, block), undefined, `bit ${bit}`);
    }
  });
}

test('a classic plaintext with any of its 128 bits changed is none', () => {
  const cipher = classicCipher('passphrase');
  const plaintext = cipher.decrypt(encodeClassic(cipher, 0x01020304));
  for (let bit = 0; bit < 128; bit++) {
    const changed = Uint8Array.from(plaintext);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(decodeClassic(cipher, cipher.encrypt(changed)), undefined, `bit ${bit}`);
  }
});

test('a classic plaintext whose parity is right but whose zero bytes are not is none', () => {
  const cipher = classicCipher('passphrase');
  for (let at = 4; at < 15; at++) {
    const changed = Uint8Array.from(cipher.decrypt(encodeClassic(cipher, 7)));
    changed[at]! ^= 0x40;
    changed[15]! ^= 0x40;
    assert.equal(decodeClassic(cipher, cipher.encrypt(changed)), undefined, `byte ${at}`);
  }
});

const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const statement = fc.record({
  clientId: fc.integer({ min: 0, max: 0xffff }),
  commandId: fc.integer({ min: 0, max: 0xff }),
  time: fc.integer({ min: sealedEpoch, max: lastSealedTime }),
  basePort: fc.integer({ min: 1, max: 65_280 }),
  address: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});

test('round trip of every statement', () => {
  fc.assert(
    fc.property(key32, key32, statement, (siteKey, clientKey, said) => {
      const cipher = blockCipher(siteKey);
      const key = tagKey(clientKey);
      const claim = unseal(cipher, seal(cipher, key, said));
      assert.deepEqual(
        [claim.clientId, claim.commandId, claim.time],
        [said.clientId, said.commandId, said.time],
      );
      assert.ok(hasTag(claim, key, said.basePort, said.address));
    }),
  );
});

const windows = [
  { spelling: 'ordered', length: 256 },
  { spelling: 'spread', length: 4096 },
] as const;

test('ports and offsets, round trip at every base port', () => {
  const block = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
  for (const { spelling, length } of windows) {
    const offsets = spell(spelling, block, 1).map(port => port - 1);
    for (let basePort = 1; basePort + length <= 65_536; basePort++) {
      const ports = spell(spelling, block, basePort);
      const isBack = ports.every((port, index) => offsetIn(spelling, port, basePort) === offsets[index]);
      if (!isBack) assert.fail(`${spelling} at ${basePort}`);
      if (offsetIn(spelling, basePort - 1, basePort) !== -1) assert.fail(`${spelling} before ${basePort}`);
      if (offsetIn(spelling, basePort + length, basePort) !== -1)
        assert.fail(`${spelling} after ${basePort}`);
    }
  }
});

test('a block of another length is not spelled', () => {
  for (const length of [0, 15, 17, 32]) {
    for (const { spelling } of windows) {
      assert.throws(() => spell(spelling, new Uint8Array(length), 40_000), RangeError);
    }
  }
});
