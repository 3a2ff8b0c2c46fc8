/** `portknock ca list`: what was issued, and what has become of it. */

import { formatRight } from '../../methods/datagram/rights.js';
import { rightsIn } from '../allowed.js';
import { readCertificate } from './authority.js';
import type { Work } from './issue.js';
import { type Issue, readIssues, rightsText, stateOf } from './records.js';
import { dayText, hint } from './told.js';

const heads = ['NAME', 'KIND', 'SERIAL', 'UNTIL', 'STATE', 'RIGHTS'];

/** @throws OperatorError */
export function list({ folder, options, now }: Work): void {
  readCertificate(folder);
  const issues = readIssues(folder);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(issues.map(issue => toDocument(issue, now)))}\n`);
    return;
  }
  if (issues.length === 0) {
    hint('nothing was issued yet: portknock ca server NAME, portknock ca issue NAME --right tcp/22');
    return;
  }
  const rows = [heads, ...issues.map(issue => toRow(issue, now))];
  const widths = heads.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  for (const row of rows) {
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

function toRow(issue: Issue, now: number): string[] {
  const { name, kind, serial, until, certificate } = issue;
  return [name, kind, serial, dayText(until), stateOf(issue, now), rightsText(certificate) || '-'];
}

function toDocument(issue: Issue, now: number): Record<string, unknown> {
  const { name, kind, serial, until, revokedAt, certificate } = issue;
  return {
    name,
    serial,
    kind,
    rights: rightsIn(certificate).map(formatRight),
    until: new Date(until).toISOString(),
    state: stateOf(issue, now),
    ...(revokedAt === undefined ? {} : { revoked: new Date(revokedAt).toISOString() }),
  };
}
