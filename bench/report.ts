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
export function formatReport({ machine, figures, notes }: Report): string {
  return `${formatMachine(machine)}\n\n${formatTable(figures)}\n\n${notes.join('\n')}`;
}
