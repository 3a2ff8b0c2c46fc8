/** What is configured of plain sequences, and what follows from it for their recognition. */
import { tcp, udp } from '../../net/packet.js';
import { type Flags, formatStep, type Step } from './format.js';

/** Datagrams this near to a step of theirs show who scans; all of them would be all that a busy server is sent. */
export const nearPorts = 16;

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
  /** What doors open: to go there after a knock is no scan. */
  readonly services: readonly Step[];
  /** This machine's addresses, 16 bytes each; undefined: whatever is captured is for us. */
  readonly addresses: readonly Uint8Array[] | undefined;
}

/** What a port is to the sequences of a site; 0: nothing. */
const near = 1;
const service = 2;
const step = 3;
const firstStep = 4;

/** Which ports are steps, and which doors begin at one. */
export class StepTable {
  readonly #ports = { [tcp]: new Uint8Array(65536), [udp]: new Uint8Array(65536) };
  readonly #firsts = new Map<string, number[]>();

  constructor({ doors, services }: SequenceSite) {
    for (const { protocol, port } of services) this.#mark(protocol, port, service);
    for (const door of doors) if (door.scanGuard) this.#noteNear(door);
    for (const [index, { steps }] of doors.entries()) {
      // Where an earlier door begins, it still does.
      for (const { protocol, port } of steps) this.#mark(protocol, port, step);
      const [first] = steps;
      if (first === undefined) continue;
      const key = formatStep(first);
      this.#firsts.set(key, [...(this.#firsts.get(key) ?? []), index]);
      this.#mark(first.protocol, first.port, firstStep);
    }
  }

  has(protocol: number, port: number): boolean {
    return this.#of(protocol)[port]! >= step;
  }

  /** Whether a packet to a port of no sequence shows who scans. */
  showsScan(protocol: number, port: number, isFirst: boolean): boolean {
    const meaning = this.#of(protocol)[port];
    return protocol === tcp ? isFirst && meaning !== service : meaning === near;
  }

  doorsFrom(protocol: number, port: number): readonly number[] {
    if (this.#of(protocol)[port] !== firstStep) return [];
    return this.#firsts.get(formatStep({ protocol, port })) ?? [];
  }

  #noteNear({ steps }: SequenceDoor): void {
    for (const { protocol, port } of steps) {
      if (protocol !== udp) continue;
      for (
        let neighbour = Math.max(0, port - nearPorts);
        neighbour <= Math.min(65535, port + nearPorts);
        neighbour++
      ) {
        this.#mark(udp, neighbour, near);
      }
    }
  }

  #mark(protocol: number, port: number, meaning: number): void {
    const ports = this.#of(protocol);
    ports[port] = Math.max(ports[port]!, meaning);
  }

  #of(protocol: number): Uint8Array {
    return this.#ports[protocol === udp ? udp : tcp];
  }
}

/** Attempts that one source can have under way: of each target, all that one packet begins. */
export function attemptsAtOnce(doors: readonly SequenceDoor[]): number {
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

/** How long a source must be quiet to be no scanner any more; 0: no door is guarded. */
export function quietMsOf(doors: readonly SequenceDoor[]): number {
  return Math.max(0, ...doors.map(({ scanGuard, timeoutMs }) => (scanGuard ? timeoutMs : 0)));
}

/** A door is what it was where an attempt at it means the same. */
export function identityOf({ name, steps, turn }: SequenceDoor): string {
  return `${name} ${turn ?? ''} ${steps.map(formatStep).join(',')}`;
}
