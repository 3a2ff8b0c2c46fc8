/**
 * A scenario: what a configuration and some packets lead to, on knockd and on portknockd in its stead.
 *
 * A door of its own ends each, the fence: packets are handled in their order, so when it has opened, all before it have
 * been.
 */
import { eventually } from './eventually.js';
import { fence, fenceDoor, type Kind, type Step, Trial } from './knockd.js';
import type { Scope } from './program.js';
import { knock } from './steps.js';

export interface Scenario {
  readonly name: string;
  /** The file as it stands; a door for the fence is added, unless `bare`. */
  readonly configuration: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Beside the configuration's place and the log file's; `-i eth0` by default. */
  readonly options?: readonly string[];
  /** Nothing is added to the configuration, and its log is where it says. */
  readonly bare?: { readonly log: string };
  readonly steps: readonly Step[];
  /** The lines that knockd's commands write into /mnt/ran. */
  readonly ran: readonly string[];
  /** Where commands run at the same time, their order is nobody's. */
  readonly unordered?: boolean;
  /** Something listens at /dev/log. */
  readonly syslog?: boolean;
  /** What it prints is compared as well. */
  readonly output?: boolean;
  /** Where ours does something else on purpose: both are asserted. */
  readonly differs?: {
    readonly why: string;
    /** Of what knockd prints, ours does without these lines. */
    readonly unsaid?: RegExp;
    readonly knockd: Partial<Outcome>;
    readonly ours: Partial<Outcome>;
  };
}

export interface Outcome {
  readonly ran: readonly string[];
  /** The log's lines on knocks and on the daemon, and those on commands, which other processes write. */
  readonly matching: readonly string[];
  readonly commands: readonly string[];
  readonly status: number | string | null;
  readonly notes: readonly string[];
  readonly output: string;
}

const deadlineMs = 12_000;

/** Runs it once. */
export async function outcomeOf(scope: Scope, kind: Kind, scenario: Scenario): Promise<Outcome> {
  const { bare, files = {}, options = ['-i', 'eth0'] } = scenario;
  const configuration =
    bare === undefined ? `${scenario.configuration}\n${fenceDoor}` : scenario.configuration;
  const trial = await Trial.create(scope, kind, { configuration, files });
  const log = bare?.log ?? '/mnt/log';
  if (scenario.syslog) await trial.startSyslog();
  const daemon = trial.start([...options, '-c', '/mnt/knockd.conf', '-g', '/mnt/log']);
  await eventually(
    `${kind} listens, or ends`,
    () => trial.read(log).includes('starting up, listening') || daemon.ending !== undefined,
    deadlineMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${daemon.output}`);
  });
  for (const step of scenario.steps) await step(trial);
  await settle(trial, expectedRan(scenario, kind), bare === undefined);
  daemon.signal('SIGTERM');
  const { status, signal } = await daemon.end(deadlineMs);
  return {
    ...readLog(trial.read(log), scenario),
    ran: ran(trial, scenario),
    status: status ?? signal,
    ...printed(trial, scenario),
  };
}

function expectedRan({ ran, differs }: Scenario, kind: Kind): readonly string[] {
  return (kind === 'portknockd' ? differs?.ours.ran : undefined) ?? ran;
}

/** Waits for what is to run, in vain where it does not: the comparison shows it. */
async function settle(trial: Trial, expected: readonly string[], fenced: boolean): Promise<void> {
  await eventually(
    'all ran',
    () => lines(trial.read('/mnt/ran')).length >= expected.length,
    deadlineMs,
  ).catch(() => {});
  if (!fenced || trial.daemon?.ending !== undefined) return;
  await knock([9], { way: fence, options: ['-u'] })(trial);
  await eventually('the fence opens', () => trial.read('/mnt/fenced') !== '', deadlineMs).catch(() => {});
}

function ran(trial: Trial, { unordered = false }: Scenario): string[] {
  const written = lines(trial.read('/mnt/ran'));
  return unordered ? written.sort() : written;
}

function printed(trial: Trial, { output = false }: Scenario): Pick<Outcome, 'notes' | 'output'> {
  return { notes: trial.notes, output: output ? withoutChance(trial.daemon?.stdout ?? '') : '' };
}

/** What is another at each run: source ports, and when it was. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/gm, 'STAMP')
    .replaceAll(/(?<=(?:tcp|udp): \S+):\d+(?= -> )/g, ':PORT');
}

/** What portknockd says of its configuration and its interface, and knockd does not. */
export const ofOurs =
  /^scan_guard is off|^doors? ".*"|^the interface |^\/mnt\/\S+:\d+: (?!no more)|^the configuration was not/;
const ofCommands = /running command|returned non-zero|command timeout|truncated|fork failed/;

/** @returns its lines without their stamps; ⏎ stands for an empty line after one */
function readLog(text: string, { unordered = false }: Scenario): Pick<Outcome, 'matching' | 'commands'> {
  const all = text
    .replaceAll(/\n(?=\n)/g, '⏎')
    .split('\n')
    .filter(line => line !== '' && !line.includes(fence.client) && !line.includes('fence: running'))
    .map(line => line.replace(/^⏎?\[\d{4}-\d\d-\d\d \d\d:\d\d\] /, ''))
    .filter(line => !ofOurs.test(line));
  const commands = all.filter(line => ofCommands.test(line));
  return {
    matching: all.filter(line => !ofCommands.test(line)),
    commands: unordered ? commands.sort() : commands,
  };
}

export function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '');
}
