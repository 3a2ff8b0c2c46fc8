/**
 * The state directory: made where missing, locked for one daemon, and what is in it opened.
 */
import { openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { libc, SystemError } from '../net/libc.js';
import { makeFolders } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';
import { openFloorFile } from './floor.js';
import { openHeardFile } from './heard.js';
import { Journal } from './journal.js';
import { openLedgerFile } from './ledger.js';

const lockExclusive = 2;
const lockNonBlocking = 4;

export interface State {
  /** Descriptors of the files of the ledger, of the floor and of accepted datagrams. */
  readonly ledger: number;
  readonly floor: number;
  readonly heard: number;
  readonly journal: Journal;
}

/** @throws OperatorError where it cannot be used, or another daemon uses it */
export function openState(directory: string): State {
  prepare(directory);
  lock(directory);
  return {
    ledger: openLedgerFile(join(directory, 'ledger')),
    floor: openFloorFile(join(directory, 'floor')),
    heard: openHeardFile(join(directory, 'datagrams')),
    journal: new Journal(join(directory, 'journal')),
  };
}

function prepare(directory: string): void {
  try {
    makeFolders(directory, 0o700);
    const { mode } = statSync(directory);
    // Whoever may write here may forget knocks for us, or leave us commands to run.
    if ((mode & 0o022) === 0) return;
  } catch (error) {
    throw new OperatorError('no-state', `${directory}: cannot be made (${errorCode(error)})`, {
      hint: 'set "state_directory" to a folder that we can write to',
    });
  }
  throw new OperatorError('open-state', `${directory}: others than its owner may write here`, {
    hint: `chmod go-w ${directory}`,
  });
}

/** Held until the process ends, however it ends. */
function lock(directory: string): void {
  const path = join(directory, 'lock');
  try {
    libc().flock(openSync(path, 'a', 0o600), lockExclusive | lockNonBlocking);
  } catch (error) {
    if (error instanceof SystemError && (error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK')) {
      throw new OperatorError('running', `another portknockd uses ${directory}`, {
        hint: 'see: portknockd status',
      });
    }
    throw new OperatorError('no-state', `${path}: cannot be locked (${errorCode(error)})`, {
      hint: 'run as root, or set "state_directory" to a folder that we can write to',
    });
  }
}
