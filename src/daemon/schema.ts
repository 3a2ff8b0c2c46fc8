/**
 * The keys of portknockd.toml and what each may hold. Every message is what was expected; settings.ts says where
 * and what was found. What one key has to do with another is settings.ts's too.
 */
import * as v from 'valibot';
import { longestSequence, parseFlags, parseStep } from '../methods/plain-sequence/format.js';
import { highestBasePort, spellings } from '../methods/port-sequence/spelling.js';
import { longestPeriodMs, longestToleranceMs, shortestPeriodMs } from '../methods/sequence-number/format.js';
import { parseNetwork } from '../net/address.js';
import { tcp, udp } from '../net/packet.js';
import { formatDuration, parseDuration } from '../system/duration.js';
import type { Service } from './config.js';

/** What becomes of TCP and UDP to ports of no door. */
export const policies = ['none', 'reject', 'drop'] as const;

/** How the kernel is told who is let in. */
export const backends = ['nftables', 'ipset'] as const;

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

function leaf<T>(expected: string, read: (input: unknown) => T | undefined) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
}

const integer = (lowest: number, highest: number) =>
  leaf(`an integer from ${lowest} to ${highest}`, input =>
    typeof input === 'number' && Number.isInteger(input) && input >= lowest && input <= highest
      ? input
      : undefined,
  );

const flag = leaf('true or false', input => (typeof input === 'boolean' ? input : undefined));

const path = leaf('a path', input => (typeof input === 'string' && input !== '' ? input : undefined));

const duration = (lowestMs: number, highestMs: number) =>
  leaf(`a duration from "${formatDuration(lowestMs)}" to "${formatDuration(highestMs)}"`, input => {
    const ms = typeof input === 'string' ? parseDuration(input) : undefined;
    return ms !== undefined && ms >= lowestMs && ms <= highestMs ? ms : undefined;
  });

const seconds = (lowest: number, highest: number) =>
  leaf(`whole seconds from "${lowest}s" to "${formatDuration(highest * second)}"`, input => {
    const ms = typeof input === 'string' ? parseDuration(input) : undefined;
    const isWhole = ms !== undefined && ms % second === 0;
    return isWhole && ms >= lowest * second && ms <= highest * second ? ms : undefined;
  });

/** Names stand in the kernel's comments, in frames of fixed length and in logs: short, and nothing to quote. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

const name = leaf('a name of at most 32 letters, digits, ".", "_" and "-"', input =>
  typeof input === 'string' && namePattern.test(input) ? input : undefined,
);

export const defaultStateDirectory = '/var/lib/portknock';

/** The folder of the administrator's own rules. */
export const defaultRules = 'rules.d';

/** Whom the listener runs as. */
export const defaultUser = 'portknock';

const user = leaf('the name of a user', input =>
  typeof input === 'string' && /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(input) ? input : undefined,
);

/** `tcp/22` → { protocol: 6, port: 22 }, or undefined. */
export function parseService(text: string): Service | undefined {
  const match = /^(tcp|udp)\/(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65535) return undefined;
  return { protocol: match[1] === 'tcp' ? tcp : udp, port };
}

/** { protocol: 6, port: 22 } → `tcp/22`. */
export function formatService({ protocol, port }: Service): string {
  return `${protocol === tcp ? 'tcp' : 'udp'}/${port}`;
}

/** As the kernel takes them: at most 15 bytes, no blank and no slash (IFNAMSIZ, dev_valid_name). */
const interfaceName = leaf('the name of a network interface, or "any"', input =>
  typeof input === 'string' && /^[^\s/]{1,15}$/.test(input) ? input : undefined,
);

const service = leaf('a service such as "tcp/22" or "udp/51820"', input =>
  typeof input === 'string' ? parseService(input) : undefined,
);

const step = leaf('a port such as "7000/tcp" or "8000/udp"', input =>
  typeof input === 'string' ? parseStep(input) : undefined,
);

const sequence = v.pipe(
  v.array(step, 'a list of ports such as ["7000/tcp", "8000/udp"]'),
  v.minLength(1, 'at least one port'),
  v.maxLength(longestSequence, `at most ${longestSequence} ports`),
);

const flagNames =
  'a list of "fin", "syn", "rst", "psh", "ack", "urg", each once, with "!" before it where it must not be set';

/** Bits of the TCP flags: those that are looked at, and those of them that must be set. */
const tcpFlags = leaf(flagNames, input =>
  Array.isArray(input) && input.every(name => typeof name === 'string') ? parseFlags(input) : undefined,
);

const spelling = leaf('"spread" or "ordered"', input => spellings.find(known => known === input));

const webSchemes = ['http:', 'https:', 'file:'];

/** Without a name and a password in it, which no request would carry. */
const listUrl = leaf('a URL that begins with "http://", "https://" or "file:///"', input => {
  if (typeof input !== 'string' || !URL.canParse(input)) return undefined;
  const { protocol, username, password, hostname, href } = new URL(input);
  const isHere = protocol !== 'file:' || hostname === '';
  return webSchemes.includes(protocol) && isHere && username + password === '' ? href : undefined;
});

const policy = leaf('"none", "reject" or "drop"', input => policies.find(known => known === input));

const backend = leaf('"nftables" or "ipset"', input => backends.find(known => known === input));

const network = leaf('an address or a network such as "192.0.2.0/24" or "2001:db8::/32"', input =>
  typeof input === 'string' ? parseNetwork(input) : undefined,
);

const argument = leaf('a text', input =>
  typeof input === 'string' && !input.includes('\0') ? input : undefined,
);

const isArgv = (argv: string[]): argv is [string, ...string[]] => argv[0]?.startsWith('/') === true;

const command = v.pipe(
  v.array(argument, 'a list of texts, the program first'),
  v.check(isArgv, 'a list that begins with the full path of a program'),
  v.transform(argv => ({ argv: argv as [string, ...string[]] })),
);

const some = <Item extends v.GenericSchema>(item: Item, expected: string) =>
  v.pipe(v.array(item, expected), v.nonEmpty(expected));

/** The tables of the file; each key's line is found by its place here. */
export const tables = {
  '': v.object({
    state_directory: v.optional(path, defaultStateDirectory),
    user: v.optional(user, defaultUser),
  }),
  capture: v.object({
    from: v.optional(path, 'nflog'),
    interface: v.optional(interfaceName),
    group: v.optional(integer(0, 65535), 5),
  }),
  port_sequence: v.object({
    // What it may be at most depends on the spelling: daemon/settings.ts.
    base_port: integer(1, highestBasePort.ordered),
    spelling: v.optional(spelling, 'ordered'),
    site_key_file: v.optional(path),
    skew: v.optional(duration(second, hour), '60s'),
  }),
  sequence_number: v.object({
    period: v.optional(seconds(shortestPeriodMs / second, longestPeriodMs / second), '30s'),
    tolerance: v.optional(seconds(0, longestToleranceMs / second), '30s'),
    port: v.optional(integer(1, 65535)),
    guesses_per_second: v.optional(integer(1, 100_000), 10),
  }),
  datagram: v.object({
    ca_file: path,
    server_key_file: v.optional(path),
    server_certificate_file: v.optional(path),
    server_pfx_file: v.optional(path),
    server_pfx_password_file: v.optional(path),
    crl_file: v.optional(path),
    crl_url: v.optional(listUrl),
    crl_refresh: v.optional(duration(10 * second, 7 * day), '30m'),
    crl_required: v.optional(flag, false),
    skew: v.optional(duration(second, hour), '30s'),
    open_for: v.optional(duration(100, day), '15s'),
    policy: v.optional(policy, 'none'),
    allow_other_address: v.optional(flag, false),
  }),
  firewall: v.object({
    backend: v.optional(backend, 'nftables'),
    rules: v.optional(path, defaultRules),
  }),
  guard: v.object({
    always_allow: v.optional(v.array(network, 'a list of networks'), []),
  }),
  door: v.object({
    name,
    command: v.optional(integer(0, 0xffffffff)),
    sequence: v.optional(sequence),
    one_time_sequences: v.optional(path),
    sequence_timeout: v.optional(duration(second, hour), '25s'),
    tcp_flags: v.optional(tcpFlags, ['syn', '!ack', '!fin', '!rst']),
    allow_duplicates: v.optional(flag, false),
    scan_guard: v.optional(flag, true),
    sequence_number: v.optional(flag, false),
    // True where there is a section [datagram]: daemon/doors.ts.
    datagram: v.optional(flag),
    services: v.optional(v.array(service, 'a list of services such as ["tcp/22"]')),
    run: v.optional(command),
    close_run: v.optional(command),
    open_for: v.optional(duration(100, day), '30s'),
    single_use: v.optional(flag, false),
    run_as: v.optional(user),
    time_limit: v.optional(duration(100, day), '60s'),
  }),
  client: v.object({
    name,
    id: v.optional(integer(0, 65535)),
    key_file: v.optional(path),
    classic_passphrase_file: v.optional(path),
    psk_file: v.optional(path),
    doors: some(name, 'a list of names of doors'),
    address: v.optional(
      leaf('"required" or "optional"', input =>
        input === 'required' || input === 'optional' ? input : undefined,
      ),
      'required',
    ),
    revoked: v.optional(flag, false),
  }),
} as const;

export type TableName = keyof typeof tables;
export type Table<Name extends TableName> = v.InferOutput<(typeof tables)[Name]>;
