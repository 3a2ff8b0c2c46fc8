/**
 * The times that knocks carry (PROTOCOL.md section 1.4): a server takes each client's only once and only in order, so
 * no two knocks of a key may carry the same one, also where the clock stands still or was set back.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../system/error.js';
import { replaceFile } from './files.js';
import { stateDirectory } from './folders.js';

/** Further ahead than this, the last time came of a clock that was wrong. */
const mostAheadMs = 120_000;

/** Where the last time of a key is kept, in milliseconds since 1970. */
export interface TimeMemory {
  /** Undefined: none yet. */
  read(): number | undefined;
  write(time: number): void;
}

/** Hands out times, each of them once. */
export interface Clock {
  /** So many times, rising, none of them handed out before for this key. */
  take(count: number): number[];
}

/** The time for the next knock of a key that knocked at `last`. */
export function nextKnockTime(now: number, last: number | undefined): number {
  if (last === undefined || last > now + mostAheadMs) return now;
  return Math.max(now, last + 1);
}

/** A clock that remembers what it handed out. @param now milliseconds since 1970 */
export function clockWith(memory: TimeMemory, now: () => number = Date.now): Clock {
  return {
    take(count) {
      const first = nextKnockTime(now(), memory.read());
      memory.write(first + count - 1);
      return Array.from({ length: count }, (_, index) => first + index);
    },
  };
}

const lastOfProcess = new Map<string, number>();

/** What this process knocked at last with a key. */
export function processMemory(key: Uint8Array): TimeMemory {
  const name = nameOf(key);
  return {
    read: () => lastOfProcess.get(name),
    write: time => lastOfProcess.set(name, time),
  };
}

/** A memory of nothing but itself: for a clock that was set by hand. */
export function ownMemory(): TimeMemory {
  let last: number | undefined;
  return {
    read: () => last,
    write: time => {
      last = time;
    },
  };
}

/**
 * What this user knocked at last with a key, in a file.
 * @param onFailure told why the file cannot be kept: the knock goes out all the same
 */
export function fileMemory(key: Uint8Array, onFailure: (why: string) => void): TimeMemory {
  const path = join(stateDirectory(), nameOf(key));
  const fallback = ownMemory();
  return {
    read: () => fallback.read() ?? readTime(path),
    write: time => {
      fallback.write(time);
      try {
        replaceFile(path, `${time}\n`);
      } catch (error) {
        onFailure(`${path}: the time of the knock cannot be kept (${errorCode(error)})`);
      }
    },
  };
}

function readTime(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return /^\d{1,15}\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(key: Uint8Array): string {
  return secretName('portknock/last', key);
}

/** A name for what is remembered of a key: it tells nothing of the key. @param label one for each use */
export function secretName(label: string, key: Uint8Array): string {
  return createHash('sha256').update(label).update(key).digest('hex').slice(0, 32);
}
