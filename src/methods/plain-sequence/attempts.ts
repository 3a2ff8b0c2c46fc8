/**
 * How far every source has come at every door: a fixed number of attempts for each of a fixed number of sources.
 *
 * States of an attempt: none → stage 1 → … → none. The single step between two of them is a packet or the clock.
 */

/** One attempt, by its place in the tables; −1 for none. */
export type Place = number;

export class Attempts {
  /** How many attempts are under way. */
  count = 0;
  readonly #perSource: number;
  /** Of each place: the index of its door, counted from 1; 0: no attempt. */
  readonly #doors: Uint16Array;
  readonly #stages: Uint8Array;
  /** Milliseconds since 1970 of the first packet. */
  readonly #starts: Float64Array;

  /** @param sources slots, as many as the table of sources has @param perSource attempts of one source at once */
  constructor(sources: number, perSource: number) {
    this.#perSource = perSource;
    this.#doors = new Uint16Array(sources * perSource);
    this.#stages = new Uint8Array(sources * perSource);
    this.#starts = new Float64Array(sources * perSource);
  }

  /** The first place of a source's slot; the others follow it, up to `end`. */
  first(slot: number): Place {
    return slot * this.#perSource;
  }

  end(slot: number): Place {
    return (slot + 1) * this.#perSource;
  }

  /** The slot that a place belongs to. */
  slotOf(place: Place): number {
    return Math.floor(place / this.#perSource);
  }

  get places(): number {
    return this.#doors.length;
  }

  /** The index of the door, or −1 where there is no attempt. */
  door(place: Place): number {
    return this.#doors[place]! - 1;
  }

  /** How many packets of the sequence have come, from 1. */
  stage(place: Place): number {
    return this.#stages[place]!;
  }

  start(place: Place): number {
    return this.#starts[place]!;
  }

  /** Begins an attempt of a source. @returns its place, or −1 where it has as many as there can be */
  begin(slot: number, door: number, at: number): Place {
    for (let place = this.first(slot); place < this.end(slot); place++) {
      if (this.#doors[place] !== 0) continue;
      this.#doors[place] = door + 1;
      this.#stages[place] = 1;
      this.#starts[place] = at;
      this.count++;
      return place;
    }
    return -1;
  }

  advance(place: Place): void {
    this.#stages[place]!++;
  }

  drop(place: Place): void {
    if (this.#doors[place] === 0) return;
    this.#doors[place] = 0;
    this.count--;
  }

  /** Another source has this slot now. */
  clear(slot: number): void {
    for (let place = this.first(slot); place < this.end(slot); place++) this.drop(place);
  }

  /** The doors have other indices now. @param moved the new index for each old one, −1 where a door is gone */
  renumber(moved: readonly number[]): void {
    for (let place = 0; place < this.#doors.length; place++) {
      const door = this.door(place);
      if (door < 0) continue;
      const now = moved[door] ?? -1;
      if (now < 0) this.drop(place);
      else this.#doors[place] = now + 1;
    }
  }

  /** The clock was set back: an attempt is not older than it was. */
  restart(place: Place, at: number): void {
    this.#starts[place] = at;
  }
}
