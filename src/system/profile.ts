/**
 * Profiles: all that a client must know to knock somewhere, as one JSON document. `portknockd client add` prints it,
 * `portknock import` keeps it. JSON, because Node reads it without loading anything.
 *
 * It holds secrets: what is said about a mistake never shows what stands in their place.
 */
import { isIP } from 'node:net';
import { closestMatch } from 'leven';
import * as v from 'valibot';
import { decodeKey } from '../crypto/key.js';
import { OperatorError, OperatorErrors, type Place } from './error.js';

/** The version of the format, the value of its first key. */
const version = 1;

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

/** What a profile can ask for. */
export interface ProfileDoor {
  readonly command: number;
  /** Such as `tcp/22`; none for a door that runs a command. */
  readonly services: readonly string[];
  /** One connection, and the door is closed again. */
  readonly singleUse: boolean;
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
export type Profile = PortSequenceProfile;

/** Whether an identity is of the kind that anyone can replay. */
export function isClassic(identity: SealedIdentity | ClassicIdentity): identity is ClassicIdentity {
  return 'classicPassphrase' in identity;
}

/** What a profile or a door may be called. */
const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const reserved = new Set(['import', 'proxy', 'profiles', 'help']);

/** Whether a profile may have this name: it becomes a file's, and stands where a subcommand could. */
export function isProfileName(name: string): boolean {
  return profileName.test(name) && !reserved.has(name);
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
    default:
      throw mistakes(['"method" expected "port-sequence"'], place);
  }
}

/** The text of a profile, as `parseProfile` reads it. It holds secrets. */
export function formatProfile(profile: Profile): string {
  const { name, host, method } = profile;
  return `${JSON.stringify({ portknock: version, name, host, method, ...portSequenceKeys(profile) }, null, 2)}\n`;
}

/** What may come out of a file. */
interface Document {
  readonly portknock?: unknown;
  readonly method?: unknown;
}

function parseJson(text: string, place: Place): Document {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return document;
    }
  } catch {
    // Node's own message would quote the text, secrets and all.
  }
  throw mistakes(['not a profile: expected one JSON object'], place);
}

function mistakes(messages: readonly string[], place: Place): OperatorErrors {
  return new OperatorErrors(messages.map(message => new OperatorError('bad-profile', message, place)));
}

const text = (expected: string, isGood: (text: string) => boolean) =>
  v.pipe(v.string(expected), v.check(isGood, expected));

const integer = (lowest: number, highest: number) => {
  const expected = `integer ${lowest} to ${highest}`;
  return v.pipe(
    v.number(expected),
    v.check(value => Number.isInteger(value) && value >= lowest && value <= highest, expected),
  );
};

const key = v.pipe(
  text('64 hexadecimal digits', digits => decodeKey(digits) !== undefined && digits.length === 64),
  v.transform(digits => Uint8Array.from(Buffer.from(digits, 'hex'))),
);

const service = text('a service such as "tcp/22"', service => {
  const match = /^(?:tcp|udp)\/([1-9]\d{0,4})$/.exec(service);
  return match !== null && Number(match[1]) <= 65535;
});

const doorName = text('a name of letters, digits, ".", "_" and "-"', name => profileName.test(name));

const doors = (highestCommand: number) =>
  v.pipe(
    v.record(
      doorName,
      v.strictObject(
        {
          command: integer(0, highestCommand),
          services: v.optional(v.array(service, 'a list of services such as ["tcp/22"]'), []),
          single_use: v.optional(v.boolean('true or false'), false),
        },
        'an object with the command of a door',
      ),
      'an object with a name for each door',
    ),
    v.check(doors => Object.keys(doors).length > 0, 'at least one door'),
    v.transform(
      doors =>
        new Map(
          Object.entries(doors).map(([name, { command, services, single_use }]) => [
            name,
            { command, services, singleUse: single_use },
          ]),
        ),
    ),
  );

/** 65536 less the window of a spelling (PROTOCOL.md sections 1.1 and 1.2). */
const highestBasePort = { ordered: 65536 - 256, spread: 65536 - 4096 } as const;

const everyPortSequence = {
  portknock: v.literal(version),
  name: text('a name of at most 63 letters, digits, ".", "_" and "-", and no subcommand', isProfileName),
  host: v.optional(text('a name or an address', host => /^[^\s/]{1,255}$/.test(host))),
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
    const known = Object.keys((isClassic ? classic : sealed).entries);
    throw new OperatorErrors(read.issues.map(issue => explain(issue, known, place)));
  }
  const { name, host, method, base_port: basePort, spelling, doors } = read.output;
  if (basePort > highestBasePort[spelling]) {
    const most = `integer 1 to ${highestBasePort[spelling]} where "spelling" is "${spelling}"`;
    throw mistakes([`"base_port" expected ${most}, got ${basePort}`], place);
  }
  return { name, host, method, basePort, spelling, identity: identityOf(read.output), doors };
}

function identityOf(
  read: v.InferOutput<typeof sealed> | v.InferOutput<typeof classic>,
): SealedIdentity | ClassicIdentity {
  if ('classic_passphrase' in read) return { classicPassphrase: read.classic_passphrase };
  return { clientId: read.client_id, siteKey: read.site_key, key: read.key, address: read.address };
}

const secrets = new Set(['site_key', 'key', 'classic_passphrase']);

function explain(issue: v.BaseIssue<unknown>, known: readonly string[], place: Place): OperatorError {
  const path = issue.path?.map(item => String(item.key)) ?? [];
  const at = `"${path.join('.')}"`;
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const near = closestMatch(
      path.at(-1)!,
      path.length === 1 ? [...known] : ['command', 'services', 'single_use'],
      {
        maxDistance: 3,
      },
    );
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    return new OperatorError('bad-profile', `unknown key ${at}`, { ...place, hint });
  }
  if (issue.input === undefined) return new OperatorError('bad-profile', `${at} is missing`, place);
  const found = secrets.has(path[0]!) ? '' : shown(issue.input);
  return new OperatorError('bad-profile', `${at} expected ${issue.message}${found}`, place);
}

/** What was found, where it is short: a long text may be a secret in the wrong place. */
function shown(input: unknown): string {
  const text = JSON.stringify(input);
  return text.length > 24 ? '' : `, got ${text}`;
}

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
