/** The page of a run: charts, the table and how to read them, written into a folder; and the figures, to make it again. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawChart } from './chart.js';
import { chartsOf } from './charts.js';
import { encodeReport, formatReport, type Report } from './report.js';

/** Writes bench.md, bench.json and bench-….svg. */
export function writePage(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, chart } of chartsOf(report))
    writeFileSync(join(folder, `bench-${name}.svg`), drawChart(chart));
  writeFileSync(join(folder, 'bench.json'), encodeReport(report));
  writeFileSync(join(folder, 'bench.md'), pageOf(report));
}

/** The text of bench.md. */
export function pageOf(report: Report): string {
  const charts = chartsOf(report).map(
    ({ name, words, chart }) => `## ${chart.title}\n\n${words}\n\n![${chart.title}](bench-${name}.svg)\n`,
  );
  return `# Measured

Made by \`npm run bench -- --charts docs\`, all in one run on one machine but where it is said; your figures will differ,
so run it. The same figures for programs are in [bench.json](bench.json), from which
\`npm run bench -- --from docs/bench.json --charts docs\` draws this page again.

${charts.join('\n')}
## All figures

\`\`\`
${formatReport(report)}
\`\`\`
`;
}
