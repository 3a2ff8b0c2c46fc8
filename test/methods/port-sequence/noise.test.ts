/** Ten million random SYNs open nothing. The seed is printed where they do. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { PortSequence, type Site } from '../../../src/methods/port-sequence/recognise.js';
import { newPacket, tcp } from '../../../src/net/packet.js';
import { classicClient, classicVectors, sealedClient, sealedSite, sealedVectors } from './vectors.js';

const vector = sealedVectors[0]!;

/** Marsaglia's xorshift, 32 bits: fast, and the same again from the same seed. */
function randomWords(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A site as inviting as one can be: a hundred clients, every command a door, one classic client. */
function invitingSite(): Site {
  const client = sealedClient(vector, { addressRequired: false });
  return sealedSite(vector, {
    clients: new Map(Array.from({ length: 100 }, (_, id) => [id, { ...client, id }])),
    classicClients: [classicClient(classicVectors[0]!)],
    doors: new Map(Array.from({ length: 256 }, (_, id) => [id, 'ssh'])),
  });
}

/** Sends SYNs to random ports in and around the window. @returns how many blocks were looked into */
function flood(seed: number, count: number, sourceMask: number): number {
  const site = invitingSite();
  const recogniser = new PortSequence(site, () => 0, 65_536, new Uint8Array(36).fill(seed));
  const random = randomWords(seed);
  const packet = newPacket();
  const source = new DataView(packet.source.buffer);
  Object.assign(packet, { protocol: tcp, flags: 0x02, at: vector.time_ms });
  let refused = 0;
  for (let sent = 0; sent < count; sent++) {
    source.setUint32(12, random() & sourceMask);
    packet.port = site.basePort - 4 + (random() % 264);
    packet.sourcePort = sent & 0xffff;
    packet.sequence = sent;
    const verdict = recogniser.recognise(packet);
    if (verdict?.outcome === 'knock') assert.fail(`a knock, seed ${seed}, SYN ${sent}`);
    if (verdict !== undefined) refused++;
  }
  assert.ok(recogniser.sources <= 65_536);
  return recogniser.noise + refused;
}

const perFlood = 5_000_000;

test('five million random SYNs from sixteen sources open nothing', t => {
  const seed = randomInt(1, 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  assert.ok(flood(seed, perFlood, 0x0f) > perFlood * 0.9, 'most complete a block that is looked into');
});

test('five million random SYNs from random sources open nothing', t => {
  const seed = randomInt(1, 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  flood(seed, perFlood, 0xffffffff);
});
