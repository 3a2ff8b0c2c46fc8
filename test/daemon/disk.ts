/** A disk that fills up, for tests: no file of ours can grow past a length for as long as something is done. */
import { execFileSync } from 'node:child_process';

/** The first write past the length is cut short, as on a full disk; the next one fails (with EFBIG). */
export function withoutRoom<T>(pastLength: number, action: () => T): T {
  limit(String(pastLength));
  try {
    return action();
  } finally {
    limit('unlimited');
  }
}

function limit(length: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${length}:`]);
}

/** The same for what takes its time. */
export async function whileWithoutRoom<T>(pastLength: number, action: () => Promise<T>): Promise<T> {
  limit(String(pastLength));
  try {
    return await action();
  } finally {
    limit('unlimited');
  }
}
