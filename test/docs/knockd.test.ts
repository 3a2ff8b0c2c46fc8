/** That docs/knockd.md names every difference that the scenarios beside the real knockd have. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { read } from './protocol.js';

const scenarios = fileURLToPath(new URL('../../../test/e2e/scenarios/', import.meta.url));

/** The reasons that a source gives for differences. */
function reasonsIn(source: string): string[] {
  return Array.from(source.matchAll(/\bwhy: (['"])(.*)\1,/g), match => match[2]!);
}

test('every difference is in a row of docs/knockd.md', () => {
  const rows = read('docs/knockd.md')
    .split('\n')
    .filter(line => line.startsWith('| '));
  const missingFrom = (these: readonly string[], reasons: readonly string[]) =>
    reasons.filter(why => !these.some(row => row.endsWith(`| ${why} |`)));
  const found = readdirSync(scenarios).flatMap(name => reasonsIn(read(`test/e2e/scenarios/${name}`)));
  assert.ok(found.length > 8);
  assert.deepEqual(missingFrom(rows, found), []);
  for (const why of found) {
    const others = rows.filter(row => !row.endsWith(`| ${why} |`));
    assert.deepEqual(
      new Set(missingFrom(others, found)),
      new Set([why]),
      'without its row it would be missed',
    );
  }
});
