/** Profiles for connections that begin with a sequence number which only the holder of a key knows. */
import * as v from 'valibot';
import {
  type Document,
  doorsWith,
  everyProfile,
  explainAll,
  integer,
  type ProfileAccess,
  text,
} from './document.js';
import type { Place } from './error.js';

/** A profile for sequence numbers (PROTOCOL.md section 7). Whoever is on the way can take a number that he sees. */
export interface SequenceNumberProfile {
  readonly name: string;
  /** Name or address of the server; undefined where whoever wrote the profile did not know it. */
  readonly host: string | undefined;
  readonly method: 'sequence-number';
  /** The key: its bytes are those of its UTF-8. */
  readonly psk: string;
  /** How long a number is good, 1 to 3600. */
  readonly periodSeconds: number;
  /** How far clocks may differ, 0 to 3600. */
  readonly toleranceSeconds: number;
  /** The port that numbers are derived for, where it is not the one connected to: 1 to 65535. */
  readonly macPort: number | undefined;
  /** Names or numbers of users whom the socket service connects with this profile; nobody else uses them. */
  readonly users: readonly string[];
  readonly doors: ReadonlyMap<string, ProfileAccess>;
}

const defaultSeconds = 30;
const mostSeconds = 3600;
/** As useradd(8) takes them, or a number. */
const userName = /^(?:[A-Za-z_][A-Za-z0-9._-]{0,31}\$?|\d{1,10})$/;

/** Whether this may name a user of the socket service. */
export function isUserName(name: string): boolean {
  return userName.test(name);
}

// Made for those who have such a profile: it takes its time.
const schema = () =>
  v.strictObject({
    ...everyProfile,
    method: v.literal('sequence-number'),
    psk: text('one line', line => line !== '' && !/[\r\n]/.test(line)),
    period: v.optional(integer(1, mostSeconds), defaultSeconds),
    tolerance: v.optional(integer(0, mostSeconds), defaultSeconds),
    mac_port: v.optional(integer(1, 65535)),
    users: v.optional(
      v.array(text('the name or the number of a user', isUserName), 'a list of users such as ["alice"]'),
      [],
    ),
    doors: doorsWith({}, 'an object with the services of a door'),
  });

/** @throws OperatorErrors with every mistake */
export function parseSequenceNumber(document: Document, place: Place): SequenceNumberProfile {
  const known = schema();
  const read = v.safeParse(known, document);
  if (!read.success) {
    const doorKeys = ['services', 'single_use'];
    throw explainAll(read.issues, { keys: Object.keys(known.entries), doorKeys, secrets: ['psk'] }, place);
  }
  const { name, host, method, psk, period, tolerance, mac_port: macPort, users, doors } = read.output;
  return {
    ...{ name, host, method, psk, periodSeconds: period, toleranceSeconds: tolerance, macPort, users },
    doors: new Map(
      Object.entries(doors).map(([door, { services, single_use: singleUse }]) => [
        door,
        { services, singleUse },
      ]),
    ),
  };
}

/** What a profile has beside name, host and method, as it is written. */
export function sequenceNumberKeys(profile: SequenceNumberProfile): Record<string, unknown> {
  const { psk, periodSeconds, toleranceSeconds, macPort, users, doors } = profile;
  return {
    psk,
    period: periodSeconds,
    tolerance: toleranceSeconds,
    mac_port: macPort,
    ...(users.length === 0 ? {} : { users }),
    doors: Object.fromEntries(
      Array.from(doors, ([name, { services, singleUse }]) => [name, { services, single_use: singleUse }]),
    ),
  };
}
