/**
 * Plain sequences in the listener: what it needs of the configuration, and what it does with what the method tells.
 *
 * The first is plain JSON, as daemon/site.ts's is.
 */
import { randomBytes } from 'node:crypto';
import type { Step } from '../methods/plain-sequence/format.js';
import { PlainSequence, type SequenceEvents } from '../methods/plain-sequence/recognise.js';
import type { SequenceDoor, SequenceSite } from '../methods/plain-sequence/site.js';
import type { Packet } from '../net/packet.js';
import type { Config } from './config.js';
import { bytes, hex } from './site.js';

/** Addresses are in hexadecimal. */
export interface SequenceSiteSettings {
  readonly doors: readonly (Omit<SequenceDoor, 'target'> & { readonly target: string | undefined })[];
  readonly services: readonly Step[];
  readonly addresses: readonly string[] | undefined;
}

/**
 * Undefined where no door has a sequence.
 * @param addresses this machine's, 16 bytes each, where the capture does not see to it that all is for us
 */
export function sequenceSettings(
  config: Config,
  addresses: readonly Uint8Array[] | undefined,
): SequenceSiteSettings | undefined {
  const doors = config.doors.flatMap(({ name, sequence }) => {
    if (sequence === undefined) return [];
    const { target, turn, oneTimeFile, ...rest } = sequence;
    return [
      {
        name,
        ...rest,
        target: target === undefined ? undefined : hex(target),
        turn: oneTimeFile === undefined ? undefined : turn,
      },
    ];
  });
  const services = config.doors.flatMap(door => (door.kind === 'services' ? door.services : []));
  return doors.length === 0 ? undefined : { doors, services, addresses: addresses?.map(hex) };
}

export function buildSequences({ doors, services, addresses }: SequenceSiteSettings): SequenceSite {
  return {
    doors: doors.map(({ target, turn, ...door }) => ({
      ...door,
      target: target === undefined ? undefined : bytes(target),
      turn,
    })),
    services,
    addresses: addresses?.map(bytes),
  };
}

/** Sources remembered at once: DESIGN.md section 5. */
const sourceCapacity = 131072;
/** Between two looks at the clock. */
const shortestMs = 50;
const longestMs = 60_000;

/** The method, its clock, and no timer while nobody knocks. */
export class SequenceWatch {
  readonly #events: SequenceEvents;
  #method: PlainSequence | undefined;
  /** Whether the configuration has a sequence now. */
  #recognises = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(events: SequenceEvents) {
    this.#events = {
      ...events,
      stage: (door, stage, source, at) => {
        if (stage === 1) this.#wakeUp(shortestMs);
        events.stage(door, stage, source, at);
      },
    };
  }

  get sources(): number {
    return this.#method?.sources ?? 0;
  }

  /** What is to be recognised from now on; attempts at doors that stay go on. */
  configure(settings: SequenceSiteSettings | undefined): void {
    this.#recognises = settings !== undefined;
    if (settings === undefined) return;
    const site = buildSequences(settings);
    if (this.#method !== undefined) this.#method.site = site;
    else this.#method = new PlainSequence(site, this.#events, sourceCapacity, randomBytes(36));
  }

  hear(packet: Packet): void {
    if (this.#recognises) this.#method?.hear(packet);
  }

  #wakeUp(afterMs: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        const now = Date.now();
        const next = this.#method?.expire(now) ?? Number.POSITIVE_INFINITY;
        if (next !== Number.POSITIVE_INFINITY) this.#wakeUp(next - now);
      },
      Math.min(longestMs, Math.max(shortestMs, afterMs)),
    );
  }
}
