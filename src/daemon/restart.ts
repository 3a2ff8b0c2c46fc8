/** What of a configuration cannot change while the daemon runs. */
import { OperatorError } from '../system/error.js';
import { sameCapture } from './capture.js';
import type { Config } from './config.js';

/** Without services to guard and a group to be logged to, the firewall is somebody else's business. */
export function needsTable(config: Config): boolean {
  return config.capture.from === 'nflog' || config.doors.some(({ kind }) => kind === 'services');
}

/** @throws OperatorError where a configuration wants what only a restart can give */
export function requireSamePlace(before: Config, after: Config): void {
  const same =
    sameCapture(before.capture, after.capture) &&
    before.stateDirectory === after.stateDirectory &&
    before.user === after.user &&
    needsTable(before) === needsTable(after);
  if (same) return;
  throw new OperatorError('needs-restart', 'capture, user and state_directory cannot change while running', {
    file: after.file,
    hint: 'restart portknockd',
  });
}
