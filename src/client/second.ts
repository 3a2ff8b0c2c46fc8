/**
 * Which second a datagram says. A server hears each datagram once, and tells them apart by what is signed: two of one second,
 * from one address for one service, would be one. So who knocks takes a second that nobody else of this user took.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders } from '../system/durable.js';
import { errorCode } from '../system/error.js';
import { stateDirectory } from './folders.js';

/** No further ahead than this of the clock: servers of sKnock's take what is off by 7. */
const mostAhead = 5;
/** What is older is taken away; a clock that is set back by less does not make seconds look free. */
const remembered = 60;

/** The seconds that were taken. */
export interface SecondMemory {
  /** A second since 1970 that was not taken under this name, the present one if it can be. */
  take(name: string, now: number): number;
}

/** One name for all knocks that would be the same datagram in the same second. */
export function nameOfKnock(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function nextSecond(now: number, take: (second: number) => boolean): number {
  for (let second = now; second <= now + mostAhead; second++) {
    if (take(second)) return second;
  }
  return now;
}

/** What is taken by whoever has this alone. */
export function ownSeconds(): SecondMemory {
  const last = new Map<string, number>();
  return {
    take(name, now) {
      const before = last.get(name) ?? 0;
      // Further ahead, it came of a clock that was wrong.
      const second = nextSecond(now, second => before > now + mostAhead || second > before);
      last.set(name, second);
      return second;
    },
  };
}

/** What this process took. */
export const secondsOfProcess = ownSeconds();

/**
 * What the processes of this user took: a file for each, which one of them alone can make.
 * @param onFailure told why it cannot be kept: the knock goes out all the same
 */
export function fileSeconds(onFailure: (why: string) => void): SecondMemory {
  const folder = join(stateDirectory(), 'seconds');
  return {
    take(name, now) {
      try {
        makeFolders(folder, 0o700);
        forget(folder, now);
        return nextSecond(now, second => isMade(join(folder, `${name}-${second}`)));
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        onFailure(`${folder}: the time of the knock cannot be kept (${errorCode(error)})`);
        return secondsOfProcess.take(name, now);
      }
    },
  };
}

function isMade(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function forget(folder: string, now: number): void {
  for (const file of readdirSync(folder)) {
    const second = Number(/^[0-9a-f]{32}-(\d+)$/.exec(file)?.[1] ?? now);
    // From the future: of a clock that was wrong.
    if (second < now - remembered || second > now + remembered) rmSync(join(folder, file), { force: true });
  }
}
