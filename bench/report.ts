/** All that a run found: for programs as JSON, for people as a table. */
import { readFileSync } from 'node:fs';
import { OperatorError } from '../src/system/error.js';
import { formatMachine, type Machine } from './machine.js';
import { type Figure, formatTable } from './table.js';

export interface Report {
  readonly machine: Machine;
  readonly figures: readonly ReportedFigure[];
  /** What has to be known to read the figures: lines. */
  readonly notes: readonly string[];
}

export interface ReportedFigure extends Figure {
  /** By which part of the bench it was measured. */
  readonly part: string;
  /** portknock's share of knockd's. */
  readonly ratio?: number | undefined;
  /** When, if not in the run of the others. */
  readonly date?: string;
}

/** A run, with some parts of it measured again or anew in another. */
export function joinReports(before: Report, after: Report): Report {
  const parts = new Set(after.figures.map(({ part }) => part));
  const { date } = after.machine;
  return {
    machine: before.machine,
    figures: [
      ...before.figures.filter(({ part }) => !parts.has(part)),
      ...after.figures.map(figure => ({ ...figure, date })),
    ],
    notes: after.notes,
  };
}

/** Which parts were measured in a run of their own, a line each. */
export function laterParts({ figures }: Report): string[] {
  const dates = new Map(figures.flatMap(({ part, date }) => (date === undefined ? [] : [[part, date]])));
  return Array.from(dates, ([part, date]) => `${part}: measured in a run of its own, ${date}`);
}

export function encodeReport(report: Report): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}

/** Reads what `encodeReport` wrote. @throws OperatorError */
export function readReport(file: string): Report {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Report>;
    if (Array.isArray(found.figures) && Array.isArray(found.notes)) return found as Report;
  } catch (error) {
    throw new OperatorError('no-report', `${file}: ${error instanceof Error ? error.message : error}`);
  }
  throw new OperatorError('no-report', `${file}: is not what --json writes`);
}

/** Lines without the last newline. */
export function formatReport(report: Report): string {
  const { machine, figures, notes } = report;
  const head = [formatMachine(machine), ...laterParts(report)].join('\n');
  return `${head}\n\n${formatTable(figures)}\n\n${notes.join('\n')}`;
}
