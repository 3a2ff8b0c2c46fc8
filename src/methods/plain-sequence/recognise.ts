/**
 * Packets in, knocks and refusals out: the receiver of PROTOCOL.md section 6, which is knockd's.
 *
 * Pure: the clock is the packet's. It knows no client: whoever knocks right is let in.
 */
import { type Packet, synOnly, tcp, udp } from '../../net/packet.js';
import { authenticate, type Knock, type Reason, type Refusal } from '../knock.js';
import { Sources } from '../sources.js';
import { Attempts, type Place } from './attempts.js';
import { type Flags, formatStep, type Step } from './format.js';
import { Repeats } from './repeats.js';
import { Scans } from './scans.js';

const method = 'plain-sequence';

/** A door that opens to a sequence of ports. */
export interface SequenceDoor {
  readonly name: string;
  /** None: the door cannot be opened, as its one-time sequences are used up. */
  readonly steps: readonly Step[];
  /** From the first packet to the last. */
  readonly timeoutMs: number;
  /** Of a TCP packet; another does not count. */
  readonly flags: Flags;
  /** The address that is knocked at, 16 bytes; undefined: any of this machine's. */
  readonly target: Uint8Array | undefined;
  /** The step before, once more, is no mistake. */
  readonly allowDuplicates: boolean;
  /** Not open to who scans ports. */
  readonly scanGuard: boolean;
  /** A sequence that opens once: which use of the door it is for. Undefined: it opens as often as it is knocked. */
  readonly turn: number | undefined;
}

export interface SequenceSite {
  readonly doors: readonly SequenceDoor[];
  /** This machine's addresses, 16 bytes each; undefined: whatever is captured is for us. */
  readonly addresses: readonly Uint8Array[] | undefined;
}

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
  readonly #sources: Sources;
  readonly #repeats: Repeats;
  readonly #scans: Scans;
  readonly #source = new Uint8Array(16);
  #attempts: Attempts;
  #perSource: number;
  #site: SequenceSite;
  #steps: StepTable;
  /** How long a source must be quiet to be no scanner any more; 0: no door is guarded. */
  #quietMs: number;
  /** Of doors with one-time sequences those that have been used, by identity. */
  #spent = new Set<string>();

  /** @param capacity sources to remember, a power of two from 8 on @param seed 36 random bytes */
  constructor(site: SequenceSite, events: SequenceEvents, capacity: number, seed: Uint8Array) {
    this.#site = site;
    this.#events = events;
    this.#perSource = attemptsAtOnce(site.doors);
    let slots = capacity;
    while (slots > 8 && slots * this.#perSource > mostPlaces) slots /= 2;
    this.#sources = new Sources(slots, seed);
    this.#attempts = new Attempts(slots, this.#perSource);
    this.#repeats = new Repeats(slots);
    this.#scans = new Scans(slots);
    this.#steps = new StepTable(site.doors);
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
    this.#steps = new StepTable(site.doors);
    this.#quietMs = quietMsOf(site.doors);
    const perSource = attemptsAtOnce(site.doors);
    const places = new Map(site.doors.map((door, index) => [identityOf(door), index]));
    this.#spent = new Set([...this.#spent].filter(identity => places.has(identity)));
    if (perSource > this.#perSource) {
      this.#perSource = perSource;
      this.#attempts = new Attempts(this.#sources.capacity, perSource);
      return;
    }
    this.#attempts.renumber(before.doors.map(door => places.get(identityOf(door)) ?? -1));
  }

  hear(packet: Packet): void {
    const isStep = this.#steps.has(packet.protocol, packet.port);
    if (!isStep && (this.#quietMs === 0 || !(packet.protocol === udp || synOnly(packet.flags)))) return;
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

/** Which ports are steps, and which doors begin at one. */
class StepTable {
  readonly #ports = { [tcp]: new Uint8Array(65536), [udp]: new Uint8Array(65536) };
  readonly #firsts = new Map<string, number[]>();

  constructor(doors: readonly SequenceDoor[]) {
    for (const [index, { steps }] of doors.entries()) {
      // Where an earlier door begins, it still does.
      for (const { protocol, port } of steps) this.#of(protocol)[port] ||= 1;
      const [first] = steps;
      if (first === undefined) continue;
      const key = formatStep(first);
      this.#firsts.set(key, [...(this.#firsts.get(key) ?? []), index]);
      this.#of(first.protocol)[first.port] = 2;
    }
  }

  has(protocol: number, port: number): boolean {
    return this.#of(protocol)[port] !== 0;
  }

  doorsFrom(protocol: number, port: number): readonly number[] {
    return this.#of(protocol)[port] === 2 ? (this.#firsts.get(formatStep({ protocol, port })) ?? []) : [];
  }

  #of(protocol: number): Uint8Array {
    return this.#ports[protocol === udp ? udp : tcp];
  }
}

/** Attempts that one source can have under way: of each target, all that one packet begins. */
function attemptsAtOnce(doors: readonly SequenceDoor[]): number {
  let most = 0;
  for (const target of new Set(doors.map(targetOf))) {
    const those = doors.filter(door => targetOf(door) === target);
    const lasting = those.filter(({ turn, steps }) => turn === undefined && steps.length > 0);
    const together = new Map<string, number>();
    for (const { steps } of lasting) {
      const first = formatStep(steps[0]!);
      together.set(first, (together.get(first) ?? 0) + 1);
    }
    // Every one-time sequence may come to begin like any other.
    most += Math.max(0, ...together.values()) + those.length - lasting.length;
  }
  return Math.max(1, most);
}

function targetOf({ target }: SequenceDoor): string {
  return target?.join('.') ?? '';
}

function quietMsOf(doors: readonly SequenceDoor[]): number {
  return Math.max(0, ...doors.map(({ scanGuard, timeoutMs }) => (scanGuard ? timeoutMs : 0)));
}

/** A door is what it was where an attempt at it means the same. */
function identityOf({ name, steps, turn }: SequenceDoor): string {
  return `${name} ${turn ?? ''} ${steps.map(formatStep).join(',')}`;
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
