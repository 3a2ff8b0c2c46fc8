/**
 * A knock that nobody hears: what has long lain idle is slow, and the one that counts should not be the first. It goes the
 * whole way but for the disk and the monitor.
 */
import { randomBytes } from 'node:crypto';
import { PortSequence, type Site } from '../methods/port-sequence/recognise.js';
import { seal } from '../methods/port-sequence/sealed.js';
import { spell } from '../methods/port-sequence/spelling.js';
import { fillFromHit, newPacket } from '../net/packet.js';
import { admit, TransientMemory } from './admission.js';

const source = new Uint8Array(16).fill(1);
const basePort = 1;
/** The fewest sources that there can be. */
const capacity = 8;

export class Rehearsal {
  readonly #method: PortSequence;
  readonly #ports: readonly number[];
  readonly #packet = newPacket();
  readonly #time = Date.now();

  /** @param site with a cipher: classic clients have none, and wait for their first knock */
  constructor(site: Site & { readonly cipher: object }) {
    const tagKey = randomBytes(32);
    const client = { name: '-', id: 0, tagKey, doors: new Set(['-']), addressRequired: true, revoked: false };
    const clients = new Map([[0, client]]);
    const rehearsed: Site = { ...site, basePort, doors: new Map([[0, '-']]), clients, classicClients: [] };
    // Every run knocks with the same time.
    this.#method = new PortSequence(rehearsed, () => 0, capacity, randomBytes(36));
    const statement = { clientId: 0, commandId: 0, time: this.#time, basePort, address: source };
    this.#ports = spell(site.spelling, seal(site.cipher, tagKey, statement), basePort);
  }

  run(): void {
    for (const port of this.#ports) {
      fillFromHit(this.#packet, source, port, this.#time);
      const verdict = this.#method.recognise(this.#packet);
      if (verdict?.outcome === 'knock') admit(verdict, new TransientMemory());
    }
  }
}
