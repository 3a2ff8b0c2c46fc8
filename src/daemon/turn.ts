/** One-time sequences while the daemon runs: the one that was knocked is marked as used, the next one takes its place. */
import { OperatorError } from '../system/error.js';
import type { Config, SequenceSettings } from './config.js';
import { type Log, messageOf } from './log.js';
import { spendOneTime } from './onetime.js';

/** What a door is knocked with from now on, and why the sequence that was knocked may not open it. */
export interface Turn {
  readonly next: SequenceSettings;
  readonly failure: string | undefined;
}

/** Marks a door's sequence as used, durably. Where that fails it stays the next one. */
export function useSequence(door: string, sequence: SequenceSettings, log: Log): Turn {
  const turn = sequence.turn + 1;
  const warn = (text: string) => log.warn({ event: 'one-time', door }, text);
  try {
    const { wasThere, next = [] } = spendOneTime(sequence.oneTimeFile!, sequence.steps, warn);
    const failure = wasThere ? undefined : `its sequence is no more in ${sequence.oneTimeFile}`;
    return { next: { ...sequence, steps: next, turn }, failure };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return {
      next: { ...sequence, turn },
      failure: `its sequence cannot be marked as used: ${messageOf(error)}`,
    };
  }
}

/** knockd's words. */
export function noSequences(door: string): string {
  return `no more sequences left in the one time sequences file for door ${door} --> disabling the door`;
}

/** The configuration with the next sequence for one door, if that door still has this file. */
export function withSequence(config: Config, name: string, next: SequenceSettings): Config {
  const { steps, turn, oneTimeFile } = next;
  const doors = config.doors.map(door => {
    const { sequence } = door;
    if (door.name !== name || sequence === undefined || sequence.oneTimeFile !== oneTimeFile) return door;
    return { ...door, sequence: { ...sequence, steps, turn } };
  });
  return { ...config, doors };
}
