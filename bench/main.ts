/**
 * `npm run bench`: portknock measured against Debian's knockd, in namespaces of their own (scripts/bench makes them).
 *
 * A figure that misses its goal is no failure, for it is this machine's; something that did not work at all is.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine } from '../src/system/command-line.js';
import { OperatorError, report } from '../src/system/error.js';
import { missing, notIsolated, project } from '../test/e2e/harness/isolation.js';
import type { Scope } from '../test/e2e/harness/program.js';
import { measureClientRuns } from './clientrun.js';
import type { Contender } from './contender.js';
import { Floor } from './floor.js';
import { Knockd } from './knockd.js';
import { measureLatency } from './latency.js';
import { describeMachine, formatMachine } from './machine.js';
import { measureMemory } from './memory.js';
import { Portknock } from './portknock.js';
import { attemptEveryMs } from './prober.js';
import { areSeparate } from './processors.js';
import { measureStarts } from './start.js';
import { type Figure, formatTable, toDocument } from './table.js';

interface Counts {
  readonly knocks: number;
  readonly runs: number;
  readonly starts: number;
  readonly sources: number;
}

const fullCounts: Counts = { knocks: 100, runs: 30, starts: 10, sources: 1_000_000 };
const quickCounts: Counts = { knocks: 20, runs: 10, starts: 3, sources: 200_000 };
/** Nothing here needs longer; what does has stuck. */
const mostMs = 600_000;

const help = `usage: npm run bench -- [--quick] [--json] [--only PART]…

  --quick   smaller counts
  --json    the same as JSON
  --only    latency, client, start or memory; may be given more than once
`;

const options = {
  help: { kind: 'flag', short: 'h' },
  quick: { kind: 'flag' },
  json: { kind: 'flag' },
  only: { kind: 'texts' },
} as const;

/** Everything that is compared. */
interface Field {
  readonly ours: Contender;
  readonly theirs: Contender;
  readonly floor: Floor;
}

type Part = (field: Field, counts: Counts) => Promise<Figure[]>;

/** One part, one file: a further row is one more line here. */
const parts: Readonly<Record<string, Part>> = {
  latency: ({ ours, theirs, floor }, { knocks }) =>
    whileRunning([ours, theirs], () => measureLatency(ours, theirs, floor, knocks)),
  client: ({ ours, theirs }, { runs }) =>
    whileRunning([ours, theirs], () => measureClientRuns(ours, theirs, runs)),
  start: ({ ours, theirs }, { starts }) => measureStarts(ours, theirs, starts),
  memory: ({ ours, theirs, floor }, { sources }) => measureMemory(ours, theirs, floor, sources),
};

async function whileRunning<Result>(
  contenders: readonly Contender[],
  measure: () => Promise<Result>,
): Promise<Result> {
  for (const contender of contenders) await contender.start();
  try {
    return await measure();
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { options: given } = readCommandLine(argv, options);
  if (given.help) {
    process.stdout.write(help);
    return 0;
  }
  const names = given.only.length === 0 ? Object.keys(parts) : given.only;
  const unknown = names.find(name => parts[name] === undefined);
  if (unknown !== undefined)
    throw new OperatorError('usage', `there is no part "${unknown}"`, { hint: 'see --help' });
  requirePlace();
  const machine = describeMachine(process.env['PORTKNOCK_ISOLATED'] ?? '');
  const figures = await withScope(scope => measure(scope, names, given.quick ? quickCounts : fullCounts));
  if (given.json) process.stdout.write(`${JSON.stringify(toDocument({ ...machine }, figures), null, 2)}\n`);
  else process.stdout.write(`${formatMachine(machine)}\n\n${formatTable(figures)}\n\n${notes}\n`);
  return 0;
}

function requirePlace(): void {
  if (notIsolated !== false) throw new OperatorError('not-isolated', notIsolated, { hint: 'npm run bench' });
  const absent = missing('knockd', 'knock', 'nft', 'ip');
  if (absent !== false)
    throw new OperatorError('missing', absent, { hint: 'apt install knockd nftables iproute2' });
}

const notes = `From the last SYN: counted from before it is handed to the kernel. An attempt to connect every ${attemptEveryMs * 1000} µs, so
${attemptEveryMs} ms is the resolution; the floor is a knock of 16 ports told apart by nftables alone. ${
  areSeparate
    ? 'The prober has one\nprocessor to itself, the daemons have the others.'
    : 'The prober and the daemons\nshare the only processor: these figures are too high.'
}
knockd adds the source to an nftables set; both doors are shut before each knock, which is checked.
(a–b): the quarters around the median.`;

async function measure(scope: Scope, names: readonly string[], counts: Counts): Promise<Figure[]> {
  const field = {
    ours: await Portknock.create(scope, folderOnDisk(scope)),
    theirs: await Knockd.create(scope),
    floor: await Floor.create(scope),
  };
  const figures: Figure[] = [];
  for (const name of names) {
    process.stderr.write(`bench: ${name}\n`);
    figures.push(...(await parts[name]!(field, counts)));
  }
  return figures;
}

/** A folder that is not in memory, where there is one: what makes a ledger durable is part of the figure. */
function folderOnDisk(scope: Scope): string {
  const folder = mkdtempSync(join(project, 'dist', 'bench-'));
  mkdirSync(join(folder, 'state'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function withScope<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const undone: (() => void | Promise<void>)[] = [];
  try {
    return await work({ after: undo => undone.push(undo) });
  } finally {
    for (const undo of undone.reverse()) await undo();
  }
}

setTimeout(() => {
  process.stderr.write(`bench: error: not done within ${mostMs / 1000} s\n`);
  process.exit(1);
}, mostMs).unref();

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = report('bench', error);
}
