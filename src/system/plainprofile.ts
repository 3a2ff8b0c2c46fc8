/** Profiles for knocking in plain sequences: the ports of each door, or a file of sequences for one use each. */
import * as v from 'valibot';
import {
  type Document,
  doorsWith,
  everyProfile,
  explainAll,
  mistakes,
  type ProfileAccess,
  text,
} from './document.js';
import type { Place } from './error.js';

/** A door that is knocked for with a plain sequence; it has one of the two. */
export interface PlainSequenceDoor extends ProfileAccess {
  /** 1 to 32 ports such as `7000/tcp` and `8000/udp`, in order. */
  readonly sequence: readonly string[] | undefined;
  /** A file of sequences for one use each: its path, or where it lies from the folder of the profiles. */
  readonly oneTimeSequences: string | undefined;
}

/** A profile for knocking in plain sequences, as knockd takes them. Whoever sees such a knock can repeat it. */
export interface PlainSequenceProfile {
  readonly name: string;
  /** Name or address of the server; undefined where whoever wrote the profile did not know it. */
  readonly host: string | undefined;
  readonly method: 'plain-sequence';
  readonly doors: ReadonlyMap<string, PlainSequenceDoor>;
}

/** As many as knockd takes (PROTOCOL.md section 6). */
const longestSequence = 32;

const doorEntries = () => ({
  sequence: v.optional(
    v.pipe(
      v.array(
        text('a port such as "7000/tcp" or "8000/udp"', isStep),
        `a list of 1 to ${longestSequence} ports`,
      ),
      v.check(
        steps => steps.length > 0 && steps.length <= longestSequence,
        `a list of 1 to ${longestSequence} ports`,
      ),
    ),
  ),
  one_time_sequences: v.optional(text('the path of a file', path => path !== '' && !path.includes('\0'))),
});

function isStep(step: string): boolean {
  const match = /^([1-9]\d{0,4})\/(?:tcp|udp)$/.exec(step);
  return match !== null && Number(match[1]) <= 65535;
}

// Made for those who have such a profile: it takes its time.
const schema = () =>
  v.strictObject({
    ...everyProfile,
    method: v.literal('plain-sequence'),
    doors: doorsWith(doorEntries(), 'an object with the sequence of a door'),
  });

/** @throws OperatorErrors with every mistake */
export function parsePlainSequence(document: Document, place: Place): PlainSequenceProfile {
  const known = schema();
  const read = v.safeParse(known, document);
  if (!read.success) {
    const doorKeys = ['sequence', 'one_time_sequences', 'services', 'single_use'];
    throw explainAll(
      read.issues,
      { keys: Object.keys(known.entries), doorKeys, secrets: ['sequence'] },
      place,
    );
  }
  const { name, host, method, doors } = read.output;
  const wrong = Object.entries(doors).filter(
    ([, door]) => (door.sequence === undefined) === (door.one_time_sequences === undefined),
  );
  if (wrong.length > 0) {
    const expected = 'expected "sequence" or "one_time_sequences", one of the two';
    throw mistakes(
      wrong.map(([door]) => `"doors.${door}" ${expected}`),
      place,
    );
  }
  return { name, host, method, doors: byName(doors) };
}

function byName(
  doors: v.InferOutput<ReturnType<typeof schema>>['doors'],
): ReadonlyMap<string, PlainSequenceDoor> {
  return new Map(
    Object.entries(doors).map(([name, door]) => {
      const { sequence, one_time_sequences: oneTimeSequences, services, single_use: singleUse } = door;
      return [name, { sequence, oneTimeSequences, services, singleUse }];
    }),
  );
}

/** What a profile has beside name, host and method, as it is written. */
export function plainSequenceKeys({ doors }: PlainSequenceProfile): Record<string, unknown> {
  return {
    doors: Object.fromEntries(
      Array.from(doors, ([name, { sequence, oneTimeSequences, services, singleUse }]) => [
        name,
        { sequence, one_time_sequences: oneTimeSequences, services, single_use: singleUse },
      ]),
    ),
  };
}
