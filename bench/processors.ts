/**
 * Who runs where: the prober has the last processor to itself and daemons have the others, as if each were a machine of
 * its own. Otherwise the kernel wakes a daemon on the very processor on which the prober keeps busy.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

const count = availableParallelism();

/** Whether there are enough of them to keep the two apart. */
export const areSeparate = count > 1;

/** What a prober is started with. */
export const proberPrefix: readonly string[] = areSeparate
  ? ['taskset', '--cpu-list', String(count - 1)]
  : [];

/** Keeps processes and what they start off the prober's processor. */
export function pinDaemon(pids: readonly number[]): void {
  if (!areSeparate) return;
  const others = count === 2 ? '0' : `0-${count - 2}`;
  for (const pid of pids) {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', others, String(pid)], { stdio: 'ignore' });
  }
}
