/** Files that one program at a time works on. */
import { setTimeout as pause } from 'node:timers/promises';
import { errorCode } from '../system/error.js';

const lockExclusively = 2;
const doNotWait = 4;
const lockTries = 100;
const betweenTriesMs = 50;

/** Keeps others who lock it away until the file is closed. @returns false where another one does not let go of it */
export async function lockFile(fd: number): Promise<boolean> {
  // Node knows no locks; elsewhere there is nobody to ask for one.
  if (process.platform !== 'linux') return true;
  const { libc } = await import('../net/libc.js');
  for (let tries = 0; tries < lockTries; tries++) {
    try {
      libc().flock(fd, lockExclusively | doNotWait);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN' && errorCode(error) !== 'EWOULDBLOCK') throw error;
    }
    await pause(betweenTriesMs);
  }
  return false;
}
