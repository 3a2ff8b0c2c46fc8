/** Profiles for knocking with one datagram that a certificate signs. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as v from 'valibot';
import {
  type Document,
  doorsWith,
  everyProfile,
  explainAll,
  integer,
  mistakes,
  type ProfileAccess,
  text,
} from './document.js';
import type { Place } from './error.js';

/** A profile for datagrams (PROTOCOL.md section 8). */
export interface DatagramProfile {
  readonly name: string;
  /** Name or address of the server; undefined where whoever wrote the profile did not know it. */
  readonly host: string | undefined;
  readonly method: 'datagram';
  /** The client's certificate, PEM. */
  readonly certificate: string;
  /** Its private key, PEM, under no password. */
  readonly key: string;
  /** PEM. */
  readonly serverCertificate: string;
  /** The port that datagrams go to, where one is given: 1 to 65535. */
  readonly knockPort: number | undefined;
  /** The own address that is signed: `auto`, `local` or an address, as of `DatagramRequest`. */
  readonly address: string;
  /** Each with at least one service. */
  readonly doors: ReadonlyMap<string, ProfileAccess>;
}

/** How many services a knock may ask for, each with its datagram. */
export const mostServices = 32;

/** Whether this says which own address to sign: a keyword, or an address without a zone. */
export function isSignedAddress(text: string): boolean {
  return text === 'auto' || text === 'local' || (isIP(text) !== 0 && !text.includes('%'));
}

const certificate = () => text('a certificate in PEM', pem => can(() => new X509Certificate(pem)));

function can(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

// Made for those who have such a profile: it takes its time.
const schema = () =>
  v.strictObject({
    ...everyProfile,
    method: v.literal('datagram'),
    certificate: certificate(),
    key: text('a private key in PEM, without a password', pem => can(() => createPrivateKey(pem))),
    server_certificate: certificate(),
    knock_port: v.optional(integer(1, 65535)),
    address: v.optional(text('"auto", "local" or an address', isSignedAddress), 'auto'),
    doors: doorsWith({}, 'an object with the services of a door'),
  });

/** @throws OperatorErrors with every mistake */
export function parseDatagram(document: Document, place: Place): DatagramProfile {
  const known = schema();
  const read = v.safeParse(known, document);
  if (!read.success) {
    const doorKeys = ['services', 'single_use'];
    throw explainAll(read.issues, { keys: Object.keys(known.entries), doorKeys, secrets: ['key'] }, place);
  }
  const { name, host, method, certificate, key, address, doors } = read.output;
  const odd = Object.entries(doors).flatMap(([door, { services }]) => {
    const expected = mistakeIn(services);
    return expected === undefined ? [] : [`"doors.${door}.services" expected ${expected}`];
  });
  if (odd.length > 0) throw mistakes(odd, place);
  const { server_certificate: serverCertificate, knock_port: knockPort } = read.output;
  return {
    ...{ name, host, method, certificate, key, serverCertificate, knockPort, address },
    doors: new Map(
      Object.entries(doors).map(([door, { services, single_use: singleUse }]) => [
        door,
        { services, singleUse },
      ]),
    ),
  };
}

function mistakeIn(services: readonly string[]): string | undefined {
  if (services.length === 0) return 'at least one: it is what a datagram asks for';
  const twice = services.find((service, at) => services.indexOf(service) < at);
  if (twice !== undefined) return `each of them once, got "${twice}" again: servers hear a datagram once`;
  if (services.length <= mostServices) return undefined;
  return `at most ${mostServices} of them, got ${services.length}: each is a datagram of its own`;
}

/** What a profile has beside name, host and method, as it is written. */
export function datagramKeys(profile: DatagramProfile): Record<string, unknown> {
  const { certificate, key, serverCertificate, knockPort, address, doors } = profile;
  return {
    certificate,
    key,
    server_certificate: serverCertificate,
    knock_port: knockPort,
    address,
    doors: Object.fromEntries(
      Array.from(doors, ([name, { services, singleUse }]) => [name, { services, single_use: singleUse }]),
    ),
  };
}
