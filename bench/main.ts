/**
 * `npm run bench`: portknock measured against Debian's knockd and fwknopd, in namespaces of their own (scripts/bench
 * makes them).
 *
 * A figure that misses its goal is no failure, for it is this machine's; something that did not work at all is.
 */
import { readCommandLine } from '../src/system/command-line.js';
import { OperatorError, report } from '../src/system/error.js';
import { missing, notIsolated } from '../test/e2e/harness/isolation.js';
import { describeMachine } from './machine.js';
import { notes } from './notes.js';
import { writePage } from './page.js';
import { type Counts, createField, fullCounts, parts, quickCounts } from './parts.js';
import {
  encodeReport,
  formatReport,
  joinReports,
  type Report,
  type ReportedFigure,
  readReport,
} from './report.js';
import { withScope } from './scope.js';
import { ratioOf } from './table.js';

/** Nothing here needs longer; what does has stuck. */
const mostMs = 3_000_000;

const names = Object.keys(parts);

const help = `usage: npm run bench -- [--quick] [--json] [--only PART]… [--from FILE] [--charts FOLDER]

  --quick   smaller counts
  --json    the same as JSON, on standard output; the table then goes to standard error
  --only    ${names.slice(0, 5).join(', ')},
            ${names.slice(5).join(', ')}; may be given more than once
  --from    what an earlier run wrote with --json: measures nothing, or with --only these parts anew
  --charts  also writes a page of charts, bench.md, into this folder
`;

const options = {
  help: { kind: 'flag', short: 'h' },
  quick: { kind: 'flag' },
  json: { kind: 'flag' },
  only: { kind: 'texts' },
  from: { kind: 'text' },
  charts: { kind: 'text' },
} as const;

async function main(argv: readonly string[]): Promise<void> {
  const { options: given } = readCommandLine(argv, options);
  if (given.help) {
    process.stdout.write(help);
    return;
  }
  const unknown = given.only.find(name => parts[name] === undefined);
  if (unknown !== undefined)
    throw new OperatorError('usage', `there is no part "${unknown}"`, { hint: 'see --help' });
  const wanted = given.only.length === 0 ? names : given.only;
  const before = given.from === undefined ? undefined : readReport(given.from);
  const found =
    before !== undefined && given.only.length === 0 ? before : await measureInto(before, wanted, given.quick);
  (given.json ? process.stderr : process.stdout).write(`${formatReport(found)}\n`);
  if (given.json) process.stdout.write(encodeReport(found));
  if (given.charts !== undefined) writePage(given.charts, found);
}

async function measureInto(
  before: Report | undefined,
  wanted: readonly string[],
  isQuick: boolean,
): Promise<Report> {
  const found = await measure(wanted, isQuick ? quickCounts : fullCounts);
  return before === undefined ? found : joinReports(before, found);
}

/** A part that fails does not take the others' figures with it; the run has failed all the same. */
async function measure(wanted: readonly string[], counts: Counts): Promise<Report> {
  requirePlace();
  const machine = describeMachine(process.env['PORTKNOCK_ISOLATED'] ?? '');
  const figures = await withScope(async scope => {
    const field = await createField(scope);
    const all: ReportedFigure[] = [];
    for (const part of wanted) {
      process.stderr.write(`bench: ${part}\n`);
      try {
        const some = await parts[part]!(field, counts);
        all.push(...some.map(figure => ({ part, ...figure, ratio: ratioOf(figure) })));
      } catch (error) {
        process.exitCode = report('bench', error);
      }
    }
    return all;
  });
  return { machine, figures, notes };
}

function requirePlace(): void {
  if (notIsolated !== false) throw new OperatorError('not-isolated', notIsolated, { hint: 'npm run bench' });
  const absent = missing('knockd', 'knock', 'fwknopd', 'fwknop', 'iptables-nft', 'nft', 'ip');
  if (absent !== false)
    throw new OperatorError('missing', absent, {
      hint: 'apt install knockd fwknop-server fwknop-client iptables nftables iproute2',
    });
}

setTimeout(() => {
  process.stderr.write(`bench: error: not done within ${mostMs / 1000} s\n`);
  process.exit(1);
}, mostMs).unref();

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = report('bench', error);
}
