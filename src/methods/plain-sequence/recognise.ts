/**
 * Packets in, knocks and refusals out: the receiver of PROTOCOL.md section 6, which is knockd's.
 *
 * Pure: the clock is the packet's. It knows no client: whoever knocks right is let in.
 */
import { type Packet, synOnly, tcp } from '../../net/packet.js';
import { authenticate, type Knock, type Reason, type Refusal } from '../knock.js';
import { Sources } from '../sources.js';
import { Attempts, type Place } from './attempts.js';
import type { Step } from './format.js';
import { Repeats } from './repeats.js';
import { Scans } from './scans.js';
import {
  attemptsAtOnce,
  identityOf,
  quietMsOf,
  type SequenceDoor,
  type SequenceSite,
  StepTable,
} from './site.js';

const method = 'plain-sequence';

/** What is told of a packet, or of time that has passed. */
export interface SequenceEvents {
  /** A source has come to this stage of a door, from 1. */
  stage(door: string, stage: number, source: Uint8Array, at: number): void;
  knock(knock: Knock): void;
  /** `detail` is the stage that was reached. */
  refused(refusal: Refusal): void;
}

/** What all tables together may hold: places of attempts. */
const mostPlaces = 1 << 20;

export class PlainSequence {
  readonly #events: SequenceEvents;
  readonly #capacity: number;
  readonly #seed: Uint8Array;
  readonly #source = new Uint8Array(16);
  #perSource!: number;
  #sources!: Sources;
  #attempts!: Attempts;
  #repeats!: Repeats;
  #scans!: Scans;
  #site: SequenceSite;
  #steps: StepTable;
  /** As `quietMsOf` the doors. */
  #quietMs: number;
  /** Of doors with one-time sequences those that have been used, by identity. */
  #spent = new Set<string>();

  /** @param capacity sources to remember, a power of two from 8 on @param seed 36 random bytes */
  constructor(site: SequenceSite, events: SequenceEvents, capacity: number, seed: Uint8Array) {
    this.#site = site;
    this.#events = events;
    this.#capacity = capacity;
    this.#seed = seed;
    this.#makeTables(attemptsAtOnce(site.doors));
    this.#steps = new StepTable(site);
    this.#quietMs = quietMsOf(site.doors);
  }

  /** How many sources are remembered. */
  get sources(): number {
    return this.#sources.count;
  }

  /** May be replaced between packets: attempts at doors that are what they were go on. */
  set site(site: SequenceSite) {
    const before = this.#site;
    this.#site = site;
    this.#steps = new StepTable(site);
    this.#quietMs = quietMsOf(site.doors);
    const perSource = attemptsAtOnce(site.doors);
    const places = new Map(site.doors.map((door, index) => [identityOf(door), index]));
    this.#spent = new Set([...this.#spent].filter(identity => places.has(identity)));
    if (perSource > this.#perSource) {
      this.#makeTables(perSource);
      return;
    }
    this.#attempts.renumber(before.doors.map(door => places.get(identityOf(door)) ?? -1));
  }

  /** All of fixed size; the more attempts a source may have, the fewer sources. */
  #makeTables(perSource: number): void {
    let slots = this.#capacity;
    while (slots > 8 && slots * perSource > mostPlaces) slots /= 2;
    this.#perSource = perSource;
    this.#sources = new Sources(slots, this.#seed);
    this.#attempts = new Attempts(slots, perSource);
    this.#repeats = new Repeats(slots);
    this.#scans = new Scans(slots);
  }

  hear(packet: Packet): void {
    const { protocol, port, flags } = packet;
    const isStep = this.#steps.has(protocol, port);
    if (!isStep && (this.#quietMs === 0 || !this.#steps.showsScan(protocol, port, synOnly(flags)))) return;
    const slot = this.#sources.slotOf(packet.source);
    if (this.#sources.isNew) this.#forget(slot);
    if (!isStep) this.#scans.note(slot, packet.protocol, packet.port, packet.at, this.#quietMs);
    else if (!this.#repeats.repeats(slot, packet) && !this.#advance(slot, packet)) this.#begin(slot, packet);
  }

  /** Tells of attempts whose time is over. @returns when the next one's is, or infinity */
  expire(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (let place = 0; this.#attempts.count > 0 && place < this.#attempts.places; place++) {
      const door = this.#doorAt(place);
      if (door === undefined || this.#isOver(place, door, now)) continue;
      next = Math.min(next, this.#attempts.start(place) + door.timeoutMs);
    }
    return next;
  }

  #forget(slot: number): void {
    this.#attempts.clear(slot);
    this.#repeats.clear(slot);
    this.#scans.clear(slot);
  }

  #doorAt(place: Place): SequenceDoor | undefined {
    return this.#site.doors[this.#attempts.door(place)];
  }

  /** Ends an attempt that has taken too long. @returns whether it had */
  #isOver(place: Place, door: SequenceDoor, now: number): boolean {
    const start = this.#attempts.start(place);
    if (now < start) this.#attempts.restart(place, now);
    if (now - start < door.timeoutMs) return false;
    this.#sources.addressOf(this.#attempts.slotOf(place), this.#source);
    this.#fail(place, door, 'timed-out', this.#source, start + door.timeoutMs);
    return true;
  }

  /** Shows the packet to every attempt of its source. @returns whether there was one at a door of this destination */
  #advance(slot: number, packet: Packet): boolean {
    let found = false;
    for (let place = this.#attempts.first(slot); place < this.#attempts.end(slot); place++) {
      const door = this.#doorAt(place);
      if (door === undefined || this.#isOver(place, door, packet.at) || !this.#isFor(door, packet)) continue;
      found = true;
      if (hasFlags(door, packet)) this.#step(place, door, packet);
    }
    return found;
  }

  #step(place: Place, door: SequenceDoor, packet: Packet): void {
    const stage = this.#attempts.stage(place);
    if (isStepOf(door.steps[stage], packet)) {
      this.#attempts.advance(place);
      this.#reach(place, door, stage + 1, packet);
    } else if (!door.allowDuplicates || !isStepOf(door.steps[stage - 1], packet)) {
      this.#fail(place, door, 'wrong-port', packet.source, packet.at);
    }
  }

  #begin(slot: number, packet: Packet): void {
    const { doors } = this.#site;
    for (const index of this.#steps.doorsFrom(packet.protocol, packet.port)) {
      const door = doors[index]!;
      if (!hasFlags(door, packet) || !this.#isFor(door, packet)) continue;
      const place = this.#attempts.begin(slot, index, packet.at);
      if (place >= 0) this.#reach(place, door, 1, packet);
    }
  }

  #reach(place: Place, door: SequenceDoor, stage: number, packet: Packet): void {
    this.#events.stage(door.name, stage, packet.source, packet.at);
    if (stage < door.steps.length) return;
    const slot = this.#attempts.slotOf(place);
    if (door.scanGuard && this.#scans.isScanner(slot, packet.at, this.#quietMs)) {
      this.#fail(place, door, 'scan', packet.source, packet.at);
      return;
    }
    this.#attempts.drop(place);
    if (!this.#use(door)) return;
    const source = Uint8Array.from(packet.source);
    this.#events.knock(
      authenticate({ method, door: door.name, client: '', source, at: packet.at, once: undefined }),
    );
  }

  /** @returns false where the door's one-time sequence has been used already */
  #use(door: SequenceDoor): boolean {
    if (door.turn === undefined) return true;
    const identity = identityOf(door);
    const isFirst = !this.#spent.has(identity);
    this.#spent.add(identity);
    return isFirst;
  }

  #fail(place: Place, door: SequenceDoor, reason: Reason, source: Uint8Array, at: number): void {
    const detail = this.#attempts.stage(place);
    this.#attempts.drop(place);
    this.#events.refused({
      outcome: 'refused',
      method,
      reason,
      door: door.name,
      client: undefined,
      source: Uint8Array.from(source),
      at,
      detail,
    });
  }

  #isFor({ target }: SequenceDoor, { destination }: Packet): boolean {
    if (target !== undefined) return isSame(target, destination);
    const { addresses } = this.#site;
    return addresses === undefined || addresses.some(address => isSame(address, destination));
  }
}

function hasFlags({ flags }: SequenceDoor, packet: Packet): boolean {
  return packet.protocol !== tcp || (packet.flags & flags.mask) === flags.value;
}

function isStepOf(step: Step | undefined, { protocol, port }: Packet): boolean {
  return step !== undefined && step.protocol === protocol && step.port === port;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return false;
  return true;
}
