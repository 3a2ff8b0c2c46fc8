/**
 * Profiles: all that a client must know to knock somewhere, as one JSON document. `portknockd client add` prints it,
 * `portknock import` keeps it. JSON, because Node reads it without loading anything.
 *
 * It holds secrets: what is said about a mistake never shows what stands in their place.
 */
import { isIP } from 'node:net';
import * as v from 'valibot';
import { decodeKey } from '../crypto/key.js';
import { type ChallengeProfile, challengeKeys, parseChallenge } from './challengeprofile.js';
import { type DatagramProfile, datagramKeys, parseDatagram } from './datagramprofile.js';
import {
  type Document,
  doorsWith,
  everyProfile,
  explainAll,
  integer,
  mistakes,
  type ProfileAccess,
  parseJson,
  text,
  version,
} from './document.js';
import type { Place } from './error.js';
import { parseSequenceNumber, type SequenceNumberProfile, sequenceNumberKeys } from './numberprofile.js';
import { type PlainSequenceProfile, parsePlainSequence, plainSequenceKeys } from './plainprofile.js';

export { isProfileName } from './document.js';

/** Who knocks, in sealed blocks. */
export interface SealedIdentity {
  /** 0 to 65535. */
  readonly clientId: number;
  /** 32 bytes, the same for all clients of a server: it hides the knock. */
  readonly siteKey: Uint8Array;
  /** 32 bytes, this client's alone: it proves who knocks. */
  readonly key: Uint8Array;
  /**
   * The own address that the knock is bound to: an address; `auto`, the local one where the Internet can see it;
   * `local`, the local one whatever it is; `none`.
   */
  readonly address: string;
}

/** Who knocks, in classic blocks: anyone who sees such a knock can repeat it. */
export interface ClassicIdentity {
  readonly classicPassphrase: string;
}

/** What a profile for port sequences can ask for. */
export interface ProfileDoor extends ProfileAccess {
  readonly command: number;
}

/** A profile for knocking in port sequences. */
export interface PortSequenceProfile {
  readonly name: string;
  /** Name or address of the server; undefined where whoever wrote the profile did not know it. */
  readonly host: string | undefined;
  readonly method: 'port-sequence';
  /** 1 to 65280; 61440 where it is spread. */
  readonly basePort: number;
  /** How the server takes a block: 16 SYNs in order, or any 19 of 32 (PROTOCOL.md sections 1.1 and 1.2). */
  readonly spelling: 'ordered' | 'spread';
  readonly identity: SealedIdentity | ClassicIdentity;
  readonly doors: ReadonlyMap<string, ProfileDoor>;
}

/** A profile, by its method. */
export type Profile =
  | PortSequenceProfile
  | PlainSequenceProfile
  | SequenceNumberProfile
  | DatagramProfile
  | ChallengeProfile;

/** Whether an identity is of the kind that anyone can replay. */
export function isClassic(identity: SealedIdentity | ClassicIdentity): identity is ClassicIdentity {
  return 'classicPassphrase' in identity;
}

/** Whether this says which own address to bind: a keyword, or an address without a zone. */
export function isAddressChoice(text: string): boolean {
  return ['auto', 'local', 'none'].includes(text) || (isIP(text) !== 0 && !text.includes('%'));
}

/** Reads a profile. @param place where it stands, for messages @throws OperatorErrors with every mistake */
export function parseProfile(text: string, place: Place = {}): Profile {
  const document = parseJson(text, place);
  if (document.portknock !== version) {
    throw mistakes([`"portknock" expected ${version}, the version of the format`], {
      ...place,
      hint: 'this is no profile, or one for a newer portknock',
    });
  }
  switch (document.method) {
    case 'port-sequence':
      return parsePortSequence(document, place);
    case 'plain-sequence':
      return parsePlainSequence(document, place);
    case 'sequence-number':
      return parseSequenceNumber(document, place);
    case 'datagram':
      return parseDatagram(document, place);
    case 'challenge':
      return parseChallenge(document, place);
    default:
      throw mistakes([`"method" expected ${methods}`], place);
  }
}

const methods = '"port-sequence", "plain-sequence", "sequence-number", "datagram" or "challenge"';

/** The text of a profile, as `parseProfile` reads it. It holds secrets. */
export function formatProfile(profile: Profile): string {
  const { name, host, method } = profile;
  return `${JSON.stringify({ portknock: version, name, host, method, ...keysOf(profile) }, null, 2)}\n`;
}

function keysOf(profile: Profile): Record<string, unknown> {
  switch (profile.method) {
    case 'port-sequence':
      return portSequenceKeys(profile);
    case 'plain-sequence':
      return plainSequenceKeys(profile);
    case 'sequence-number':
      return sequenceNumberKeys(profile);
    case 'datagram':
      return datagramKeys(profile);
    case 'challenge':
      return challengeKeys(profile);
  }
}

const key = v.pipe(
  text('64 hexadecimal digits', digits => decodeKey(digits) !== undefined && digits.length === 64),
  v.transform(digits => Uint8Array.from(Buffer.from(digits, 'hex'))),
);

const doors = (highestCommand: number) =>
  doorsWith({ command: integer(0, highestCommand) }, 'an object with the command of a door');

/** 65536 less the window of a spelling (PROTOCOL.md sections 1.1 and 1.2). */
const highestBasePort = { ordered: 65536 - 256, spread: 65536 - 4096 } as const;

const everyPortSequence = {
  ...everyProfile,
  method: v.literal('port-sequence'),
  base_port: integer(1, highestBasePort.ordered),
  spelling: v.optional(v.picklist(['ordered', 'spread'], '"ordered" or "spread"'), 'ordered'),
};

const sealed = v.strictObject({
  ...everyPortSequence,
  client_id: integer(0, 65535),
  site_key: key,
  key,
  address: v.optional(text('"auto", "local", "none" or an address', isAddressChoice), 'auto'),
  doors: doors(255),
});

const classic = v.strictObject({
  ...everyPortSequence,
  classic_passphrase: text('one line', line => line !== '' && !/[\r\n]/.test(line)),
  doors: doors(0xffffffff),
});

function parsePortSequence(document: Document, place: Place): PortSequenceProfile {
  const isClassic = 'classic_passphrase' in document;
  const read = isClassic ? v.safeParse(classic, document) : v.safeParse(sealed, document);
  if (!read.success) {
    const keys = Object.keys((isClassic ? classic : sealed).entries);
    throw explainAll(read.issues, { keys, doorKeys: ['command', 'services', 'single_use'], secrets }, place);
  }
  const { name, host, method, base_port: basePort, spelling, doors } = read.output;
  if (basePort > highestBasePort[spelling]) {
    const most = `integer 1 to ${highestBasePort[spelling]} where "spelling" is "${spelling}"`;
    throw mistakes([`"base_port" expected ${most}, got ${basePort}`], place);
  }
  const identity = identityOf(read.output);
  return { name, host, method, basePort, spelling, identity, doors: byName(doors) };
}

function identityOf(
  read: v.InferOutput<typeof sealed> | v.InferOutput<typeof classic>,
): SealedIdentity | ClassicIdentity {
  if ('classic_passphrase' in read) return { classicPassphrase: read.classic_passphrase };
  return { clientId: read.client_id, siteKey: read.site_key, key: read.key, address: read.address };
}

const secrets = ['site_key', 'key', 'classic_passphrase'];

function portSequenceKeys({
  basePort,
  spelling,
  identity,
  doors,
}: PortSequenceProfile): Record<string, unknown> {
  return {
    base_port: basePort,
    spelling,
    ...(isClassic(identity)
      ? { classic_passphrase: identity.classicPassphrase }
      : {
          client_id: identity.clientId,
          site_key: Buffer.from(identity.siteKey).toString('hex'),
          key: Buffer.from(identity.key).toString('hex'),
          address: identity.address,
        }),
    doors: Object.fromEntries(
      Array.from(doors, ([name, { command, services, singleUse }]) => [
        name,
        { command, services, single_use: singleUse },
      ]),
    ),
  };
}

function byName(doors: v.InferOutput<typeof sealed>['doors']): Map<string, ProfileDoor> {
  return new Map(
    Object.entries(doors).map(([name, { single_use: singleUse, ...door }]) => [name, { ...door, singleUse }]),
  );
}
