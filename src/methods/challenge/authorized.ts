/**
 * Lines of authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): public keys, and what their options say of who may
 * use them here.
 *
 * Where sshd would not take a line, neither do we. Options of sshd's own business (`command=`, `restrict`…) mean nothing
 * here: what a door opens is for the one who logs in behind it to be judged again.
 */
import { readSshKey, sshKeyType } from '../../crypto/sshkey.js';
import type { SshKey } from './site.js';

/** A line that is left out, and why. */
export interface OddLine {
  /** Counted from 1. */
  readonly line: number;
  readonly why: string;
}

export interface AuthorizedKeys {
  readonly keys: readonly SshKey[];
  readonly odd: readonly OddLine[];
}

/** sshd reads no longer lines. */
const longestLine = 8192;
/** Of one file, good or bad: whose file it is may write what he likes, and others wait while it is read. */
const mostKeys = 1000;

/** The keys of a whole file, the first 1,000 lines with one. @param text of an authorized_keys or .pub file */
export function readAuthorizedKeys(text: string): AuthorizedKeys {
  const keys: SshKey[] = [];
  const odd: OddLine[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (keys.length + odd.length === mostKeys) {
      odd.push({ line: at + 1, why: `more than ${mostKeys} keys: this line and those below are left out` });
      break;
    }
    const found = readAuthorizedKey(line);
    if (typeof found === 'string') odd.push({ line: at + 1, why: found });
    else if (found !== undefined) keys.push(found);
  }
  return { keys, odd };
}

/** The key of one line; undefined where it is empty or a comment; text: why it is left out. */
export function readAuthorizedKey(written: string): SshKey | string | undefined {
  const line = trimmed(written);
  if (line === '' || line.startsWith('#')) return undefined;
  if (line.length > longestLine) return `longer than ${longestLine} characters`;
  // As sshd does: a line without options is tried first.
  const bare = readKey(line);
  if (bare !== undefined) return typeof bare === 'string' ? bare : { ...noOptions, blob: bare };
  const split = splitOptions(line);
  if (split === undefined) return 'a quote that does not end';
  const options = readOptions(split.options);
  if (typeof options === 'string') return options;
  const blob = readKey(split.rest.replace(/^[ \t]+/, ''));
  if (blob === undefined) return 'no public key of a known type';
  return typeof blob === 'string' ? blob : { ...options, blob };
}

/** Without blanks before it and ends of lines behind it. In one pass, however long it is. */
function trimmed(line: string): string {
  let [start, end] = [0, line.length];
  while (start < end && (line[start] === ' ' || line[start] === '\t')) start++;
  while (end > start && (line[end - 1] === '\r' || line[end - 1] === '\n')) end--;
  return line.slice(start, end);
}

type Options = Omit<SshKey, 'blob'>;
const noOptions: Options = {
  from: undefined,
  expiresAt: undefined,
  touchRequired: true,
  verifyRequired: false,
};

/** Types that sshd takes and we do not. */
const unsupported = /^(?:ssh-dss|ssh-xmss@openssh\.com|[^ \t]+-cert-v0[01]@openssh\.com)$/;
const keyType = /^(?:ssh-|ecdsa-|sk-)/;

/** What begins with a type; undefined where that is none; text: why it is no key. */
function readKey(text: string): Uint8Array | string | undefined {
  const [type = '', base64 = ''] = text.split(/[ \t]+/, 2);
  if (!keyType.test(type)) return undefined;
  if (unsupported.test(type)) return `keys of type ${type} are not supported`;
  const blob = new Uint8Array(Buffer.from(base64, 'base64'));
  const whole = Buffer.from(blob).toString('base64');
  const isWhole = base64 === whole || base64 === whole.replace(/={1,2}$/, '');
  if (!isWhole || sshKeyType(blob) !== type) return 'a damaged public key';
  if (readSshKey(blob) !== undefined) return blob;
  return type === 'ssh-rsa'
    ? 'an RSA key that is damaged or has less than 2048 bits'
    : 'a damaged public key';
}

/** The options and what stands behind their blank; undefined where a quote does not end. */
function splitOptions(line: string): { readonly options: string[]; readonly rest: string } | undefined {
  const options: string[] = [];
  let [start, isQuoted] = [0, false];
  for (let at = 0; at <= line.length; at++) {
    const letter = line[at] ?? ' ';
    if (letter === '\\' && line[at + 1] === '"') at++;
    else if (letter === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /[, \t]/.test(letter)) {
      options.push(line.slice(start, at));
      start = at + 1;
      if (letter !== ',') return { options, rest: line.slice(at) };
    }
  }
  return undefined;
}

/** Options without a value; of them only those of hardware keys concern us. */
const flags =
  /^(?:(?:no-)?(?:agent-forwarding|port-forwarding|x11-forwarding|pty|user-rc)|(?:no-)?touch-required|(?:no-)?verify-required|restrict)$/i;
/** Options with a value, and what sshd takes for one. */
const settings: ReadonlyMap<string, RegExp> = new Map([
  ['command', /^/],
  ['environment', /^\w+=/],
  ['permitopen', /^(?:\[[^\]]+\]|[^:[\]]+):[\w*-]+$/],
  ['permitlisten', /^(?:(?:\[[^\]]+\]|[^:[\]]*):)?[\w*-]+$/],
  ['tunnel', /^(?:any|\d+)$/],
  ['from', /^/],
  ['expiry-time', /^/],
]);

function readOptions(written: readonly string[]): Options | string {
  for (const name of ['command=', 'from=']) {
    const count = written.filter(option => option.toLowerCase().startsWith(name)).length;
    if (count > 1) return `more than one ${name}`;
  }
  let options = noOptions;
  for (const option of written) {
    const next = withOption(options, option);
    if (typeof next === 'string') return next;
    options = next;
  }
  return options;
}

function withOption(options: Options, option: string): Options | string {
  const name = /^[^=]*/.exec(option)?.[0].toLowerCase() ?? '';
  if (name === 'cert-authority') return 'certificates are not supported (cert-authority)';
  if (option.length === name.length && flags.test(name)) {
    if (name.endsWith('touch-required')) return { ...options, touchRequired: name === 'touch-required' };
    if (name.endsWith('verify-required')) return { ...options, verifyRequired: name === 'verify-required' };
    return options;
  }
  if (option === '') return 'an empty option';
  const inner = option.slice(name.length + 2, -1);
  const isQuoted = /^="/.test(option.slice(name.length)) && option.endsWith('"');
  const value = inner.replaceAll('\\"', '"');
  if (!isQuoted || inner.replaceAll('\\"', '').includes('"') || !settings.get(name)?.test(value)) {
    // The file may be a link to one that its owner cannot read himself: nothing else of it is told.
    return `an option that sshd does not take${/^[a-z-]{1,32}$/.test(name) ? `: ${name}` : ''}`;
  }
  if (name === 'from') return { ...options, from: value };
  return name === 'expiry-time' ? withExpiry(options, value) : options;
}

/** Of several the earliest counts. */
function withExpiry(options: Options, value: string): Options | string {
  const time = readTime(value);
  if (time === undefined) return 'an expiry-time that is no time';
  return { ...options, expiresAt: Math.min(time, options.expiresAt ?? time) };
}

/** YYYYMMDD[HHMM[SS]][Z]: without Z in the time zone of this system. */
function readTime(text: string): number | undefined {
  const [match, year, month, day, hour = 0, minute = 0, second = 0, zone] =
    /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/.exec(text) ?? [];
  if (match === undefined) return undefined;
  const parts = [year, month, day, hour, minute, second].map(Number) as Six;
  const [y, m, d, h, min, s] = parts;
  const utc = Date.UTC(y, m - 1, d, h, min, s);
  const isDate = new Date(utc).toISOString().replace(/\D/g, '').slice(0, 14) === parts.map(pad).join('');
  if (!isDate) return undefined;
  return zone === undefined ? new Date(y, m - 1, d, h, min, s).getTime() : utc;
}

type Six = [number, number, number, number, number, number];

function pad(part: number, place: number): string {
  return String(part).padStart(place === 0 ? 4 : 2, '0');
}
