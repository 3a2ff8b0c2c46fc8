/** What of a configuration cannot change while the daemon runs. */
import { OperatorError } from '../system/error.js';
import { sameCapture } from './capture.js';
import type { Config } from './config.js';
import { Guard } from './guard.js';
import { IpsetGuard } from './ipsetguard.js';
import type { Keeper } from './keeper.js';
import type { Log } from './log.js';
import { hasTable } from './namedsets.js';

/** Without services to guard, a group to be logged to and rules to load, the firewall is somebody else's business. */
export function needsTable(config: Config): boolean {
  if (!hasTable(config)) return false;
  if (config.firewall.rules.length > 0) return true;
  return config.capture.from === 'nflog' || config.doors.some(({ kind }) => kind === 'services');
}

/** What tells the kernel who is let in; undefined where nobody needs it to be told. @throws OperatorError */
export function openKeeper(config: Config, log: Log): Keeper | undefined {
  if (!hasTable(config)) return new IpsetGuard(config, log);
  return needsTable(config) ? new Guard(config, log) : undefined;
}

/** @throws OperatorError where a configuration wants what only a restart can give */
export function requireSamePlace(before: Config, after: Config): void {
  const same =
    sameCapture(before.capture, after.capture) &&
    before.stateDirectory === after.stateDirectory &&
    before.user === after.user &&
    needsTable(before) === needsTable(after) &&
    before.firewall.backend === after.firewall.backend;
  if (same) return;
  throw new OperatorError(
    'needs-restart',
    'capture, user, state_directory and the backend of the firewall cannot change while running',
    {
      file: after.file,
      hint: 'restart portknockd',
    },
  );
}
