/** The durable memory of what was accepted: of clients the ledger, of single datagrams their digests, over one floor. */
import type { Once } from '../methods/knock.js';
import type { KnockMemory } from './admission.js';
import type { Floor } from './floor.js';
import { Heard } from './heard.js';
import type { Ledger } from './ledger.js';

export class Memory implements KnockMemory {
  /** Undefined: no digest can be remembered. */
  heard: Heard | undefined;
  readonly #ledger: Ledger;
  readonly #floor: Floor;

  constructor(ledger: Ledger, floor: Floor) {
    this.#ledger = ledger;
    this.#floor = floor;
  }

  /**
   * Digests are remembered from now on.
   * @param fd the open file of accepted datagrams, each time the same
   * @param skewMs how far from our clock the time of one may be that can still be accepted
   * @returns in how many places the file was found damaged now
   */
  remember(fd: number, skewMs: number): number {
    if (this.heard !== undefined) {
      this.heard.skewMs = skewMs;
      return 0;
    }
    this.heard = new Heard(fd, this.#floor, skewMs);
    return this.heard.damaged;
  }

  /** Those that are held, the first 16 bytes of each, one behind the other. */
  digests(): Uint8Array {
    return this.heard?.digests() ?? new Uint8Array(0);
  }

  isHeard(once: Once): boolean {
    if ('clientId' in once) return once.time <= this.#ledger.lastAccepted(once.clientId);
    return this.heard?.isHeard(once.digest, once.time, once.isAnswer) === true;
  }

  accept(once: Once): void {
    if ('clientId' in once) this.#ledger.accept(once.clientId, once.time);
    else if (this.heard !== undefined) this.heard.accept(once.digest, once.time);
    else throw new Error('there is no file for digests');
  }

  /** Packets arrive: has the floor raised where that is due. @param ended told when it was tried */
  raise(now: number, ended: () => void): void {
    if (this.#floor.isTooHigh(now)) this.#lowerFloor();
    this.#floor.raise(now, ended);
  }

  /** It would refuse everybody after a boot, for as long as the clock was ahead. */
  #lowerFloor(): void {
    try {
      this.#ledger.sync();
      this.heard?.sync();
      this.#floor.fall();
    } catch {
      // What it covers is not safe without it, so it stays.
    }
  }

  /** What a knock of this time has to wait for: the floor, which is being raised, or a write of its own. */
  delayOf(time: number): 'floor' | 'write' | undefined {
    if (this.#floor.covers(time)) return undefined;
    return this.#floor.isRising(time) ? 'floor' : 'write';
  }
}
