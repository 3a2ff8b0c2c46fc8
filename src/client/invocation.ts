/** A command line → what is to be done: one of eleven forms, told apart by their first words. */
import { closestMatch } from 'leven';
import { dashed, integerArgument, isGiven, type Options, readCommandLine } from '../system/command-line.js';
import { OperatorError } from '../system/error.js';

const table = {
  clientId: { kind: 'text' },
  siteKeyFile: { kind: 'text' },
  keyFile: { kind: 'text' },
  classicPassphraseFile: { kind: 'text' },
  spelling: { kind: 'text', short: 's' },
  address: { kind: 'text', short: 'a' },
  wait: { kind: 'text', short: 'w' },
  timeout: { kind: 'text', short: 't' },
  retries: { kind: 'text', short: 'r' },
  udp: { kind: 'flag', short: 'u' },
  oneTimeSequences: { kind: 'text' },
  delay: { kind: 'text', short: 'd' },
  ipv4: { kind: 'flag', short: '4' },
  ipv6: { kind: 'flag', short: '6' },
  raw: { kind: 'flag' },
  dryRun: { kind: 'flag', short: 'n' },
  time: { kind: 'text' },
  json: { kind: 'flag' },
  quiet: { kind: 'flag', short: 'q' },
  verbose: { kind: 'flag', short: 'v' },
  pskFile: { kind: 'text', short: 'p' },
  macPort: { kind: 'text', short: 'R' },
  period: { kind: 'text' },
  tolerance: { kind: 'text' },
  clockOffset: { kind: 'text', short: 'T' },
  socket: { kind: 'text' },
  fdpass: { kind: 'flag' },
  door: { kind: 'text' },
  name: { kind: 'text' },
  host: { kind: 'text' },
  force: { kind: 'flag', short: 'f' },
  for: { kind: 'text' },
  listen: { kind: 'text' },
  profiles: { kind: 'text' },
  port: { kind: 'text' },
  pfx: { kind: 'text' },
  passwordFile: { kind: 'text' },
  serverCertificate: { kind: 'text' },
  knockPort: { kind: 'text' },
  verify: { kind: 'flag' },
  site: { kind: 'text' },
  user: { kind: 'text' },
  ssh: { kind: 'flag' },
  sshKey: { kind: 'text' },
  directory: { kind: 'text' },
  days: { kind: 'text' },
  right: { kind: 'texts' },
  server: { kind: 'text' },
  service: { kind: 'texts' },
  help: { kind: 'flag', short: 'h' },
  version: { kind: 'flag', short: 'V' },
} as const;

/** Every option by its name in camel case; which of them a form takes is checked already. */
export type ClientOptions = Options<typeof table>;
type OptionName = keyof typeof table;

/** What is to be done. */
export type Invocation =
  | { readonly form: 'nothing' | 'help' | 'version' }
  | {
      readonly form: 'direct';
      readonly host: string;
      readonly basePortText: string;
      readonly commandText: string;
      readonly options: ClientOptions;
    }
  | {
      readonly form: 'profile';
      readonly name: string;
      readonly door: string | undefined;
      readonly options: ClientOptions;
    }
  | {
      readonly form: 'sequence';
      readonly host: string;
      /** The ports as they were written; none with one-time sequences. */
      readonly operands: readonly string[];
      readonly options: ClientOptions;
    }
  | {
      readonly form: 'proxy';
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly options: ClientOptions;
    }
  | { readonly form: 'datagram'; readonly host: string; readonly options: ClientOptions }
  | {
      readonly form: 'challenge';
      readonly host: string;
      readonly door: string;
      readonly options: ClientOptions;
    }
  | {
      readonly form: 'connect';
      readonly host: string;
      readonly port: number;
      readonly options: ClientOptions;
    }
  | { readonly form: 'import'; readonly file: string; readonly options: ClientOptions }
  | { readonly form: 'ca'; readonly words: readonly string[]; readonly options: ClientOptions }
  | { readonly form: 'profiles' | 'socket-service'; readonly options: ClientOptions };

const delivering: readonly OptionName[] = [
  'timeout',
  'retries',
  'delay',
  'ipv4',
  'ipv6',
  'raw',
  'quiet',
  'verbose',
];
const sending: readonly OptionName[] = [...delivering, 'address'];
const knocking: readonly OptionName[] = [...sending, 'wait', 'dryRun', 'time', 'json'];
const identity: readonly OptionName[] = ['clientId', 'siteKeyFile', 'keyFile', 'classicPassphraseFile'];

const allowed: Readonly<
  Record<Extract<Invocation, { options: ClientOptions }>['form'], readonly OptionName[]>
> = {
  direct: [...knocking, ...identity, 'spelling'],
  profile: [...knocking, 'passwordFile'],
  sequence: [...delivering, 'udp', 'oneTimeSequences', 'wait', 'dryRun', 'json'],
  datagram: [
    ...['port', 'pfx', 'passwordFile', 'serverCertificate', 'knockPort', 'verify', 'address', 'wait'],
    ...['timeout', 'retries', 'ipv4', 'ipv6', 'dryRun', 'time', 'json', 'quiet', 'verbose'],
  ] as OptionName[],
  challenge: [
    ...['port', 'siteKeyFile', 'site', 'user', 'keyFile', 'passwordFile', 'ssh', 'sshKey', 'wait'],
    ...['timeout', 'retries', 'ipv4', 'ipv6', 'dryRun', 'time', 'json', 'quiet', 'verbose'],
  ] as OptionName[],
  proxy: [...sending, 'passwordFile', 'door', 'clockOffset', 'socket', 'fdpass'],
  connect: [
    ...['pskFile', 'macPort', 'period', 'tolerance', 'clockOffset'],
    ...['socket', 'fdpass', 'timeout', 'ipv4', 'ipv6', 'quiet', 'verbose'],
  ] as OptionName[],
  import: ['name', 'host', 'force', 'quiet', 'for', 'profiles'],
  // Which command takes which of them, ca/main.ts says.
  ca: [
    ...['directory', 'name', 'days', 'right', 'server', 'host', 'service', 'passwordFile', 'force'],
    ...['address', 'json', 'quiet'],
  ] as OptionName[],
  profiles: ['json'],
  'socket-service': ['listen', 'profiles'],
};

const shapes = {
  direct: 'portknock HOST BASE-PORT COMMAND-ID',
  profile: 'portknock PROFILE [DOOR]',
  sequence: 'portknock sequence HOST PORT[:udp]…',
  datagram: 'portknock datagram HOST --port PORT',
  challenge: 'portknock challenge HOST DOOR',
  proxy: 'portknock proxy PROFILE HOST PORT',
  connect: 'portknock connect HOST PORT',
  import: 'portknock import FILE',
  ca: 'portknock ca COMMAND',
  profiles: 'portknock profiles',
  'socket-service': 'portknock socket-service',
};

/** Reads the arguments after the program's name. @throws OperatorError `usage` */
export function readInvocation(argv: readonly string[]): Invocation {
  if (argv.length === 0) return { form: 'nothing' };
  const { input, options } = readCommandLine(joinOffset(argv), table);
  if (options.help || input[0] === 'help') return { form: 'help' };
  if (options.version) return { form: 'version' };
  const dash = input.find(word => word.startsWith('-') && word !== '-');
  if (dash !== undefined) throw new OperatorError('usage', `unknown option ${dash}`, { hint: 'see --help' });
  const invocation = shape(input, options);
  requireAllowed(invocation.form, options);
  return invocation;
}

/** A negative offset stands for itself, not for options. */
function joinOffset(argv: readonly string[]): string[] {
  return argv.flatMap((word, at) => {
    const next = argv[at + 1] ?? '';
    if (isOffset(word) && /^-\d/.test(next)) return [`--clock-offset=${next}`];
    return isOffset(argv[at - 1] ?? '') && /^-\d/.test(word) ? [] : [word];
  });
}

function isOffset(word: string): boolean {
  return word === '-T' || word === '--clock-offset';
}

type Form = keyof typeof allowed;

function shape(input: readonly string[], options: ClientOptions): Extract<Invocation, { form: Form }> {
  const [first = '', second, third, fourth] = input;
  if (first === 'profiles' || first === 'socket-service') {
    requireCount(first, input, 1);
    return { form: first, options };
  }
  if (first === 'import') {
    requireCount('import', input, 2);
    return { form: 'import', file: second!, options };
  }
  if (first === 'ca') return { form: 'ca', words: input.slice(1), options };
  if (first === 'sequence') return sequence(input, options);
  if (first === 'proxy') {
    requireCount('proxy', input, 4);
    return { form: 'proxy', name: second!, host: third!, port: portArgument('PORT', fourth!), options };
  }
  if (first === 'datagram') {
    requireCount('datagram', input, 2);
    return { form: 'datagram', host: second!, options };
  }
  if (first === 'challenge') {
    requireCount('challenge', input, 3);
    return { form: 'challenge', host: second!, door: third!, options };
  }
  if (first === 'connect') {
    requireCount('connect', input, 3);
    return { form: 'connect', host: second!, port: portArgument('PORT', third!), options };
  }
  if (first === '') throw new OperatorError('usage', 'no host and no profile', { hint: 'see --help' });
  if (input.length < 3) return { form: 'profile', name: first, door: second, options };
  const meant = subcommandHint(first);
  requireCount('direct', input, 3, meant);
  if (meant !== undefined && !/^\d+$/.test(second!)) {
    throw new OperatorError('usage', `unknown command "${first}"`, { hint: meant });
  }
  return { form: 'direct', host: first, basePortText: second!, commandText: third!, options };
}

function sequence(input: readonly string[], options: ClientOptions): Extract<Invocation, { form: Form }> {
  const [, host, ...operands] = input;
  if (host === undefined) requireCount('sequence', input, 3);
  if (options.oneTimeSequences !== undefined && operands.length > 0) {
    throw new OperatorError('usage', '--one-time-sequences has the ports in its file', {
      hint: `leave out ${operands.join(' ')}`,
    });
  }
  if (options.oneTimeSequences !== undefined && options.udp) {
    throw new OperatorError('usage', '--udp does not go with --one-time-sequences', {
      hint: 'its lines say which ports are UDP, such as 7000:udp',
    });
  }
  if (options.oneTimeSequences === undefined && operands.length === 0) {
    throw new OperatorError('usage', `no port to knock at on ${host}`, {
      hint: `it is: ${shapes.sequence}, or --one-time-sequences FILE`,
    });
  }
  return { form: 'sequence', host: host!, operands, options };
}

function requireCount(form: Form, input: readonly string[], count: number, hint?: string): void {
  if (input.length === count) return;
  const problem = input.length < count ? 'too few arguments' : `one argument too many: "${input[count]}"`;
  throw new OperatorError('usage', problem, { hint: hint ?? `it is: ${shapes[form]}` });
}

function subcommandHint(word: string): string | undefined {
  const words = [
    ...['proxy', 'connect', 'import', 'profiles', 'sequence', 'datagram', 'challenge', 'ca'],
    'socket-service',
  ];
  const near = closestMatch(word, words, { maxDistance: 2 });
  return near && `did you mean: portknock ${near}?`;
}

function requireAllowed(form: Form, options: ClientOptions): void {
  const given = Object.entries(options).filter(([, value]) => isGiven(value));
  for (const [name] of given as [OptionName, unknown][]) {
    if (allowed[form].includes(name)) continue;
    const home = (Object.keys(allowed) as Form[]).find(other => allowed[other].includes(name));
    throw new OperatorError('usage', `${dashed(name)} has no meaning for: ${shapes[form]}`, {
      hint: home && `it belongs to: ${shapes[home]}`,
    });
  }
  if (form === 'import' && options.profiles !== undefined && options.for === undefined) {
    throw new OperatorError('usage', '--profiles is about the socket service', { hint: 'add --for USER' });
  }
  const waits = form === 'proxy' || form === 'connect' || options.wait !== undefined || options.verify;
  if (!waits && (options.timeout !== undefined || options.retries !== undefined)) {
    throw new OperatorError('usage', '--timeout and --retries are about waiting', {
      hint: form === 'datagram' ? 'add --verify, or --wait PORT' : 'add --wait PORT',
    });
  }
}

/** A port from the command line. @throws OperatorError `usage` */
export function portArgument(name: string, text: string): number {
  return integerArgument(name, text, 1, 65535);
}
