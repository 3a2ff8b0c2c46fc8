/**
 * Who the listener is, and the command that gives up everything else before it starts.
 *
 * setpriv (util-linux) does it before Node runs, for all of its threads; a process can only do it for one.
 */
import { findAccount } from '../system/account.js';
import { OperatorError, type Place } from '../system/error.js';

/** How Debian makes a user for a listener. */
export function addUserCommand(user: string): string {
  return `adduser --system --group --no-create-home --home /nonexistent ${user}`;
}

/**
 * The program and arguments that run a command as `user` with no privilege and no way to gain one, ended with us.
 * @throws OperatorError where there is no such user, or it is not ours to become
 */
export function unprivileged(user: string, command: readonly string[], place: Place): [string, ...string[]] {
  const account = findAccount(user);
  if (account === undefined) {
    throw new OperatorError('no-user', `there is no user "${user}" for the listener`, {
      ...place,
      hint: addUserCommand(user),
    });
  }
  const ours = process.getuid?.() ?? 0;
  if (ours !== 0 && account.uid !== ours) {
    const hint = 'start portknockd as root, or set "user" to the user who starts it';
    throw new OperatorError('not-root', `cannot become "${user}" without being root`, { ...place, hint });
  }
  const identity =
    ours === 0 && account.uid !== 0
      ? [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups']
      : [];
  // Only root may shrink the bounding set; for everyone else no capability survives exec once these two are empty.
  const bounding = ours === 0 ? ['--bounding-set=-all'] : [];
  return [
    'setpriv',
    ...identity,
    ...bounding,
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--no-new-privs',
    '--pdeathsig=TERM',
    '--',
    ...command,
  ];
}
