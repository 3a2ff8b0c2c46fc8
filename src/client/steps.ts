/**
 * Which period's number the next connection takes (PROTOCOL.md section 7): each number lets in one connection, so none
 * is taken twice by those who share a memory.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  endOfStep,
  type NumberSeries,
  noNumber,
  type Periods,
  stepAt,
  stepsTaken,
} from '../methods/sequence-number/format.js';
import { makeFolders, writeAll } from '../system/durable.js';
import { errorCode } from '../system/error.js';
import { secretName } from './clock.js';
import { stateDirectory } from './folders.js';
import { lockFile } from './lock.js';

/** A step to take, or how long there is none. */
export type Choice = { readonly step: number } | { readonly waitMs: number };

/** What a choice is made of. */
export interface Situation {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly periods: Periods;
  /** Whether a step's number is of no use: taken before, or none that a connection can begin with. */
  readonly isSpent: (step: number) => boolean;
}

/**
 * The next step to take: the current one, which a server takes whose clock is off either way; then the ones around it
 * that it takes if its clock is right.
 */
export function nextStep({ now, periods, isSpent }: Situation): Choice {
  const { first, last } = stepsTaken(now, periods);
  const current = stepAt(now, periods.periodMs);
  for (let distance = 0; distance <= last - first; distance++) {
    for (const step of [current + distance, current - distance]) {
      if (step >= first && step <= last && !isSpent(step)) return { step };
    }
  }
  let next = last + 1;
  while (isSpent(next)) next += 1;
  return { waitMs: next * periods.periodMs - periods.toleranceMs - now };
}

/** The next step of a key whose number was not taken, and is one that a connection can begin with. */
export function nextNumbered(
  series: NumberSeries,
  { taken, ...time }: Omit<Situation, 'isSpent'> & { readonly taken: ReadonlySet<number> },
): Choice {
  return nextStep({ ...time, isSpent: step => taken.has(step) || series.at(step) === noNumber });
}

/** The steps that were taken of one key for one port. */
export interface StepMemory {
  /** Has a choice made, knowing which steps were taken, and keeps it; nobody else's is made meanwhile. */
  take(choose: (taken: ReadonlySet<number>) => Choice): Promise<Choice>;
}

/** What numbers depend on. */
export interface NumberSource {
  readonly psk: Uint8Array;
  /** The port that they are derived for, 1 to 65535. */
  readonly port: number;
  readonly periods: Periods;
}

const takenByProcess = new Map<string, ReadonlySet<number>>();

/** What this process took; chosen at once. */
export function takeInProcess(
  source: NumberSource,
  now: number,
  choose: (taken: ReadonlySet<number>) => Choice,
): Choice {
  const taken = takenHere(source);
  const choice = choose(taken);
  const steps = 'step' in choice ? [...taken, choice.step] : [...taken];
  takenByProcess.set(nameOf(source), new Set(remembered(steps, now, source.periods)));
  return choice;
}

function takenHere(source: NumberSource): ReadonlySet<number> {
  return takenByProcess.get(nameOf(source)) ?? new Set();
}

/**
 * What the processes of this user took, in a file.
 * @param onFailure told why it cannot be kept: the connection is tried all the same
 * @param folder of the files
 */
export function fileStepMemory(
  source: NumberSource,
  onFailure: (why: string) => void,
  folder = stateDirectory(),
): StepMemory {
  const path = join(folder, nameOf(source));
  return {
    async take(choose) {
      const taken: number[] = [];
      const note = (choice: Choice) => {
        if ('step' in choice) taken.push(choice.step);
        return choice;
      };
      const known = (kept: readonly number[]) => new Set([...kept, ...takenHere(source)]);
      try {
        return await withFile(path, source.periods, kept => note(choose(known(kept))));
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        onFailure(`${path}: the numbers that were used cannot be kept (${errorCode(error)})`);
      }
      const now = Date.now();
      // What was chosen but could not be written is not chosen anew.
      const [step] = taken;
      if (step === undefined) return takeInProcess(source, now, choose);
      return takeInProcess(source, now, () => ({ step }));
    },
  };
}

async function withFile(
  path: string,
  periods: Periods,
  choose: (kept: readonly number[]) => Choice,
): Promise<Choice> {
  makeFolders(dirname(path), 0o700);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600);
  try {
    if (!(await lockFile(fd)))
      throw Object.assign(new Error('locked'), { code: 'locked by another program' });
    const kept = parseSteps(readFileSync(fd, 'utf8'));
    const choice = choose(kept);
    if (!('step' in choice)) return choice;
    const steps = remembered([...kept, choice.step], Date.now(), periods);
    const bytes = Buffer.from(steps.map(step => `${step}\n`).join(''));
    writeAll(fd, bytes, 0);
    ftruncateSync(fd, bytes.length);
    return choice;
  } finally {
    closeSync(fd);
  }
}

function parseSteps(text: string): number[] {
  return text
    .split('\n')
    .filter(line => /^\d{1,15}$/.test(line))
    .map(Number);
}

/** A clock that is set back by less than this does not make numbers look new. */
const rememberedMs = 2 * 86_400_000;
/** As many as are good at once with the shortest periods and the most tolerance. */
const mostRemembered = 8192;

function remembered(steps: readonly number[], now: number, periods: Periods): number[] {
  return steps.filter(step => endOfStep(step, periods) > now - rememberedMs).slice(-mostRemembered);
}

function nameOf({ psk, port, periods }: NumberSource): string {
  return secretName(`portknock/steps ${port} ${periods.periodMs} `, psk);
}
