/**
 * The JSON document of a profile: what is the same for every method, and what is said about a mistake in one. It shows
 * nothing that may be a secret.
 */
import { closestMatch } from 'leven';
import * as v from 'valibot';
import { OperatorError, OperatorErrors, type Place } from './error.js';

/** The version of the format, the value of its first key. */
export const version = 1;

/** What there is behind a door, whatever it is knocked for with. */
export interface ProfileAccess {
  /** Such as `tcp/22`; none for a door that runs a command, or of which nobody has said. */
  readonly services: readonly string[];
  /** One connection, and the door is closed again. */
  readonly singleUse: boolean;
}

/** What may come out of a file. */
export interface Document {
  readonly portknock?: unknown;
  readonly method?: unknown;
}

/** What a profile or a door may be called. */
const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const subcommands = [
  'import',
  'proxy',
  'profiles',
  'sequence',
  'connect',
  'socket-service',
  'datagram',
  'challenge',
  'ca',
];
const reserved = new Set([...subcommands, 'help']);

/** Whether a profile may have this name: it becomes a file's, and stands where a subcommand could. */
export function isProfileName(name: string): boolean {
  return profileName.test(name) && !reserved.has(name);
}

/** Whether it may be the name or the address of a server. */
export function isHost(text: string): boolean {
  return /^[^\s/]{1,255}$/.test(text);
}

/** @throws OperatorErrors */
export function parseJson(text: string, place: Place): Document {
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

/** Mistakes as what is thrown for them. */
export function mistakes(messages: readonly string[], place: Place): OperatorErrors {
  return new OperatorErrors(messages.map(message => new OperatorError('bad-profile', message, place)));
}

/** A text, by its form. */
export const text = (expected: string, isGood: (text: string) => boolean) =>
  v.pipe(v.string(expected), v.check(isGood, expected));

/** A whole number within bounds. */
export const integer = (lowest: number, highest: number) => {
  const expected = `integer ${lowest} to ${highest}`;
  return v.pipe(
    v.number(expected),
    v.check(value => Number.isInteger(value) && value >= lowest && value <= highest, expected),
  );
};

const service = text('a service such as "tcp/22"', service => {
  const match = /^(?:tcp|udp)\/([1-9]\d{0,4})$/.exec(service);
  return match !== null && Number(match[1]) <= 65535;
});

const doorName = text('a name of letters, digits, ".", "_" and "-"', name => profileName.test(name));

const everyDoor = {
  services: v.optional(v.array(service, 'a list of services such as ["tcp/22"]'), []),
  single_use: v.optional(v.boolean('true or false'), false),
};

/** The doors of a profile. @param entries what its method has for each */
export const doorsWith = <Entries extends v.ObjectEntries>(entries: Entries, expected: string) =>
  v.pipe(
    v.record(
      doorName,
      v.strictObject({ ...entries, ...everyDoor }, expected),
      'an object with a name for each door',
    ),
    v.check(doors => Object.keys(doors).length > 0, 'at least one door'),
  );

/** What every profile has beside its method. */
export const everyProfile = {
  portknock: v.literal(version),
  name: text('a name of at most 63 letters, digits, ".", "_" and "-", and no subcommand', isProfileName),
  host: v.optional(text('a name or an address', isHost)),
};

/** What a schema knows, where a mistake is near: keys of a profile, and those of a door. */
export interface Known {
  readonly keys: readonly string[];
  readonly doorKeys: readonly string[];
  /** Keys whose values are not shown. */
  readonly secrets: readonly string[];
}

/** The mistakes that were found. */
export function explainAll(
  issues: readonly v.BaseIssue<unknown>[],
  known: Known,
  place: Place,
): OperatorErrors {
  return new OperatorErrors(issues.map(issue => explain(issue, known, place)));
}

function explain(
  issue: v.BaseIssue<unknown>,
  { keys, doorKeys, secrets }: Known,
  place: Place,
): OperatorError {
  const path = issue.path?.map(item => String(item.key)) ?? [];
  const at = `"${path.join('.')}"`;
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const near = closestMatch(path.at(-1)!, [...(path.length === 1 ? keys : doorKeys)], { maxDistance: 3 });
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    return new OperatorError('bad-profile', `unknown key ${at}`, { ...place, hint });
  }
  if (issue.input === undefined) return new OperatorError('bad-profile', `${at} is missing`, place);
  const found = path.some(key => secrets.includes(key)) ? '' : shown(issue.input);
  return new OperatorError('bad-profile', `${at} expected ${issue.message}${found}`, place);
}

/** What was found, where it is short: a long text may be a secret in the wrong place. */
function shown(input: unknown): string {
  const text = JSON.stringify(input);
  return text.length > 24 ? '' : `, got ${text}`;
}
