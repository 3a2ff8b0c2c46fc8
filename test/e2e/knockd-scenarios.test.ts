/** knockd's configurations on Debian's knockd and on portknockd in its stead: both do the same, but where it says so. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missing } from './harness/isolation.js';
import { outcomeOf, type Scenario } from './harness/scenario.js';
import { commands } from './scenarios/commands.js';
import { daemon } from './scenarios/daemon.js';
import { flags } from './scenarios/flags.js';
import { matching } from './scenarios/matching.js';
import { onetime } from './scenarios/onetime.js';

const alone = process.env['ALONE'] !== undefined;

for (const [title, scenarios] of Object.entries({ matching, flags, commands, onetime, daemon })) {
  describe(`knockd and ours: ${title}`, { skip: missing('knockd', 'knock'), concurrency: 6 }, () => {
    for (const scenario of scenarios) test(scenario.name, t => compare(t, scenario));
  });
}

async function compare(scope: { after(undo: () => Promise<void>): void }, scenario: Scenario): Promise<void> {
  const [knockd, ours] = await Promise.all([
    outcomeOf(scope, 'knockd', scenario),
    alone ? undefined : outcomeOf(scope, 'portknockd', scenario),
  ]);
  if (process.env['SHOW'] !== undefined) console.log(scenario.name, knockd);
  assert.deepEqual({ ...knockd, ...scenario.differs?.knockd, ran: scenario.ran }, knockd);
  if (ours === undefined) return;
  assert.deepEqual(ours, { ...knockd, ...scenario.differs?.ours });
}
