/**
 * Knocks that nobody hears: so the first one that counts is no slower than those after it. They go the whole way but for
 * the disk and the monitor.
 */
import { randomBytes } from 'node:crypto';
import type { BlockCipher } from '../crypto/cipher.js';
import { PortSequence, type Site } from '../methods/port-sequence/recognise.js';
import { seal } from '../methods/port-sequence/sealed.js';
import { spell } from '../methods/port-sequence/spelling.js';
import { fillFromHit, newPacket } from '../net/packet.js';
import { admit, TransientMemory } from './admission.js';

const rounds = 10;
const source = new Uint8Array(16).fill(1);
const basePort = 1;
/** The fewest sources that there can be. */
const capacity = 8;

/** @param cipher the site's: classic clients have none, and wait for their first knock */
export function rehearse(site: Site, cipher: BlockCipher): void {
  const tagKey = randomBytes(32);
  const client = { name: '-', id: 0, tagKey, doors: new Set(['-']), addressRequired: true, revoked: false };
  const clients = new Map([[0, client]]);
  const rehearsed: Site = { ...site, basePort, doors: new Map([[0, '-']]), clients, classicClients: [] };
  const memory = new TransientMemory();
  const method = new PortSequence(rehearsed, id => memory.lastAccepted(id), capacity, randomBytes(36));
  const packet = newPacket();
  const now = Date.now();
  for (let time = now; time < now + rounds; time++) {
    const statement = { clientId: 0, commandId: 0, time, basePort, address: source };
    for (const port of spell(site.spelling, seal(cipher, tagKey, statement), basePort)) {
      fillFromHit(packet, source, port, time);
      const verdict = method.recognise(packet);
      if (verdict?.outcome === 'knock') admit(verdict, memory);
    }
  }
}
