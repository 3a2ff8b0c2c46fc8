/** A piece of work that leaves nothing behind: what it has made is undone at its end, the last first. */
import type { Scope } from '../test/e2e/harness/program.js';

export async function withScope<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const undone: (() => void | Promise<void>)[] = [];
  try {
    return await work({ after: undo => undone.push(undo) });
  } finally {
    for (const undo of undone.reverse()) await undo();
  }
}
