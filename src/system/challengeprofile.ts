/** Profiles for answering a challenge with a signature of OpenPGP or SSH: where to ask, and what signs there. */
import * as v from 'valibot';
import { decodeKey } from '../crypto/key.js';
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

/** The key that signs; paths are from the folder of the profiles where they are not absolute, `~/` is the home. */
export type SigningKey =
  /** A key of the user's gpg, as its `--local-user` takes it: a user id, a part of one, or a fingerprint. */
  | { readonly gpg: string }
  /** The path of a file with an OpenPGP secret key, armoured or not. */
  | { readonly keyFile: string }
  /** `agent` for the first key of ssh-agent that can be used, or the path of an SSH key, private or public. */
  | { readonly ssh: string };

/** How a server is told from all others in what is signed: one of the two. */
export type ChallengeServer =
  /** 32 bytes, the same for all clients of a server: without it the server answers nobody. */
  | { readonly siteKey: Uint8Array }
  /** The name of a server that has no site key, 1 to 64 letters, digits, ".", "_" and "-". */
  | { readonly site: string };

/** A profile for challenges (PROTOCOL.md section 9). */
export interface ChallengeProfile {
  readonly name: string;
  /** Name or address of the server; undefined where whoever wrote the profile did not know it. */
  readonly host: string | undefined;
  readonly method: 'challenge';
  /** The UDP port of the challenges, 1 to 65535. */
  readonly port: number;
  readonly server: ChallengeServer;
  readonly sign: SigningKey;
  readonly doors: ReadonlyMap<string, ProfileAccess>;
}

/** Whether a server that has no site key may be called this. */
export function isSiteName(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text);
}

/** Whether a challenge can be for a door of this name: it has room for 32 characters. */
export function isChallengeDoor(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(name);
}

/** One line of text, for an argument of a program or a path. */
export function isOneLine(text: string): boolean {
  return text !== '' && !/[\0\r\n]/.test(text);
}

const key = () => text('64 hexadecimal digits', digits => digits.length === 64 && isKey(digits));

function isKey(digits: string): boolean {
  return decodeKey(digits) !== undefined;
}

const path = () => v.optional(text('the path of a file', isOneLine));

// Made for those who have such a profile: it takes its time.
const schema = () =>
  v.strictObject({
    ...everyProfile,
    method: v.literal('challenge'),
    port: integer(1, 65535),
    site_key: v.optional(key()),
    site: v.optional(text('1 to 64 letters, digits, ".", "_" and "-"', isSiteName)),
    sign: v.strictObject(
      {
        gpg: v.optional(text('a user id or a fingerprint', isOneLine)),
        key_file: path(),
        ssh: v.optional(text('"agent" or the path of a key', isOneLine)),
      },
      'an object with what signs',
    ),
    doors: doorsWith({}, 'an object with the services of a door'),
  });

type Read = v.InferOutput<ReturnType<typeof schema>>;

/** @throws OperatorErrors with every mistake */
export function parseChallenge(document: Document, place: Place): ChallengeProfile {
  const known = schema();
  const read = v.safeParse(known, document);
  if (!read.success) {
    const doorKeys = ['services', 'single_use', 'gpg', 'key_file', 'ssh'];
    const keys = Object.keys(known.entries);
    throw explainAll(read.issues, { keys, doorKeys, secrets: ['site_key'] }, place);
  }
  const odd = mistakesIn(read.output);
  if (odd.length > 0) throw mistakes(odd, place);
  const { name, host, method, port, doors } = read.output;
  return {
    ...{ name, host, method, port, server: serverOf(read.output), sign: signingKeyOf(read.output.sign) },
    doors: new Map(
      Object.entries(doors).map(([door, { services, single_use: singleUse }]) => [
        door,
        { services, singleUse },
      ]),
    ),
  };
}

function mistakesIn({ site_key: siteKey, site, sign, doors }: Read): string[] {
  const names = Object.keys(doors).filter(name => !isChallengeDoor(name));
  const signs = Object.values(sign).filter(value => value !== undefined).length;
  return [
    ...((siteKey === undefined) === (site === undefined)
      ? ['expected "site_key" or "site", one of the two']
      : []),
    ...(signs === 1 ? [] : ['"sign" expected "gpg", "key_file" or "ssh", one of the three']),
    ...names.map(name => `"doors.${name}" expected a name of at most 32 characters`),
  ];
}

function serverOf({ site_key: siteKey, site }: Read): ChallengeServer {
  return site === undefined ? { siteKey: Uint8Array.from(Buffer.from(siteKey!, 'hex')) } : { site };
}

function signingKeyOf({ gpg, key_file: keyFile, ssh }: Read['sign']): SigningKey {
  if (gpg !== undefined) return { gpg };
  return keyFile === undefined ? { ssh: ssh! } : { keyFile };
}

/** What a profile has beside name, host and method, as it is written. */
export function challengeKeys({ port, server, sign, doors }: ChallengeProfile): Record<string, unknown> {
  return {
    port,
    ...('site' in server ? server : { site_key: Buffer.from(server.siteKey).toString('hex') }),
    sign: 'keyFile' in sign ? { key_file: sign.keyFile } : sign,
    doors: Object.fromEntries(
      Array.from(doors, ([name, { services, singleUse }]) => [name, { services, single_use: singleUse }]),
    ),
  };
}
