/**
 * Datagrams that wait to be verified: so many and no more, and under a flood those first that a person may have sent.
 *
 * Nobody can tell a right datagram from noise before a key agreement has been computed. What noise does that people do
 * not: it comes from ever new sources, or again and again from the same, or says the same thing twice. DESIGN.md section
 * 12 has the arithmetic.
 */
import { Sources } from '../methods/sources.js';

/** One that waits. Its bytes are its own. */
export interface Waiting {
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly payload: Uint8Array;
}

export const mostDatagrams = 2048;
export const mostBytes: number = 4 << 20;
const spanMs = 10_000;
/** A client tries three times; one more is another client behind the same router. */
const mostTries = 4;
const sourceCapacity = 65536;
/** Points that are remembered, at the least half as many: those of some seconds of a flood. */
const mostPoints = 1 << 16;
/** The ephemeral point is the last that stands in a datagram: x, then y (PROTOCOL.md section 8). */
const pointXStart = -64;
const pointXEnd = -32;

/** Which goes first: tried again, heard for the first time, heard too often. */
const tried = 0;
const fresh = 1;
const frequent = 2;

export class Backlog<Datagram extends Waiting> {
  readonly #lanes: readonly [Datagram[], Datagram[], Datagram[]] = [[], [], []];
  readonly #sources: Sources;
  /** Of each source: when its span began, and how many it has sent in it. */
  readonly #starts = new Float64Array(sourceCapacity);
  readonly #tries = new Uint8Array(sourceCapacity);
  /** The older ones go all at once. */
  #points = new Set<string>();
  #olderPoints = new Set<string>();
  #bytes = 0;

  /** @param seed 36 random bytes */
  constructor(seed: Uint8Array) {
    this.#sources = new Sources(sourceCapacity, seed);
  }

  get length(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0);
  }

  /** @returns how many were dropped for it: itself, or others that had to make room */
  push(datagram: Datagram): number {
    const point = pointOf(datagram.payload);
    // Nobody uses a point twice but to be heard twice, or to spare himself the work that we have.
    if (this.#isHalfFull() && this.#hasSeen(point)) return 1;
    const lane = this.#laneOf(datagram);
    let dropped = 0;
    while (!this.#hasRoom(datagram)) {
      if (!this.#dropBelow(lane)) return dropped + 1;
      dropped++;
    }
    this.#lanes[lane].push(datagram);
    this.#bytes += datagram.payload.length;
    this.#remember(point);
    return dropped;
  }

  /** The next ones, at most so many: most of them those that go first, but none waits for ever. */
  take(most: number): Datagram[] {
    const taken: Datagram[] = [];
    for (const lane of this.#lanes) taken.push(...lane.splice(0, Math.ceil(((most - taken.length) * 3) / 4)));
    for (const lane of this.#lanes) taken.push(...lane.splice(0, most - taken.length));
    for (const { payload } of taken) this.#bytes -= payload.length;
    return taken;
  }

  /** @returns how many there were */
  clear(): number {
    const { length } = this;
    for (const lane of this.#lanes) lane.length = 0;
    this.#bytes = 0;
    return length;
  }

  #isHalfFull(): boolean {
    return this.length > mostDatagrams / 2 || this.#bytes > mostBytes / 2;
  }

  #hasRoom({ payload }: Datagram): boolean {
    return this.length < mostDatagrams && this.#bytes + payload.length <= mostBytes;
  }

  /** The newest of the last lane that has any, where that goes after this one. */
  #dropBelow(lane: number): boolean {
    for (let last = frequent; last > lane; last--) {
      const dropped = this.#lanes[last as typeof fresh].pop();
      if (dropped === undefined) continue;
      this.#bytes -= dropped.payload.length;
      return true;
    }
    return false;
  }

  #laneOf({ source, at }: Datagram): typeof tried | typeof fresh | typeof frequent {
    const slot = this.#sources.slotOf(source);
    const age = at - this.#starts[slot]!;
    if (this.#sources.isNew || age < 0 || age >= spanMs) {
      this.#starts[slot] = at;
      this.#tries[slot] = 1;
      return fresh;
    }
    const tries = Math.min(this.#tries[slot]! + 1, mostTries + 1);
    this.#tries[slot] = tries;
    return tries > mostTries ? frequent : tried;
  }

  #hasSeen(point: string): boolean {
    return this.#points.has(point) || this.#olderPoints.has(point);
  }

  #remember(point: string): void {
    if (this.#points.size >= mostPoints / 2) {
      this.#olderPoints = this.#points;
      this.#points = new Set();
    }
    this.#points.add(point);
  }
}

/** Of a point and its opposite, which agree on the same, x is the same too. */
function pointOf(payload: Uint8Array): string {
  return Buffer.from(payload.subarray(pointXStart, pointXEnd)).toString('latin1');
}
