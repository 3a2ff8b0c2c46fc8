/** knockd's configurations on Debian's knockd and on portknockd in its stead: both do the same, but where it says so. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing } from './harness/isolation.js';
import type { Scope } from './harness/program.js';
import { type Outcome, outcomeOf, type Scenario } from './harness/scenario.js';
import { commands } from './scenarios/commands.js';
import { daemon } from './scenarios/daemon.js';
import { flags } from './scenarios/flags.js';
import { matching } from './scenarios/matching.js';
import { onetime } from './scenarios/onetime.js';
import { reloading } from './scenarios/reload.js';
import { sources } from './scenarios/sources.js';
import { wild } from './scenarios/wild.js';

const tables = { wild, sources, matching, commands, onetime, daemon, reloading, flags };

// Most of their time they wait, and the longest comes first.
describe('knockd and ours', { skip: missing('knockd', 'knock', 'iptables'), concurrency: 10 }, () => {
  for (const [title, scenarios] of Object.entries(tables)) {
    for (const scenario of scenarios) test(`${title}: ${scenario.name}`, t => compare(t, scenario));
  }
});

async function compare(scope: Scope, scenario: Scenario): Promise<void> {
  const [knockd, ours] = await Promise.all([
    outcomeOf(scope, 'knockd', scenario),
    outcomeOf(scope, 'portknockd', scenario),
  ]);
  const { differs } = scenario;
  assert.deepEqual(knockd, { ...knockd, ...differs?.knockd, ran: scenario.ran }, 'knockd itself');
  assert.deepEqual(ours, { ...without(differs?.unsaid, knockd), ...differs?.ours });
}

function without(unsaid: RegExp | undefined, knockd: Outcome): Outcome {
  if (unsaid === undefined) return knockd;
  assert.match(knockd.output, new RegExp(unsaid, 'm'), 'knockd itself');
  const output = knockd.output.replaceAll(/^.*\n/gm, line => (unsaid.test(line) ? '' : line));
  return { ...knockd, output };
}
