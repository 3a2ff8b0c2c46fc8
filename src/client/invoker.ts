/** Becoming the user who called sudo, when what needed root is done. */
import { OperatorError } from '../system/error.js';

/** Gives up root for good, where sudo was what gave it. @throws OperatorError where that fails */
export function becomeInvoker(environment: NodeJS.ProcessEnv = process.env): void {
  const { SUDO_UID: uid, SUDO_GID: gid } = environment;
  // Called by root, it stays root.
  if (process.getuid?.() !== 0 || uid === undefined || uid === '0') return;
  if (!isIdentity(uid) || !isIdentity(gid)) throw cannotBecome(uid, gid, 'no numbers');
  try {
    process.setgroups?.([Number(gid)]);
    process.setgid?.(Number(gid));
    process.setuid?.(Number(uid));
  } catch (error) {
    throw cannotBecome(uid, gid, String(error));
  }
}

function cannotBecome(uid: string, gid: string | undefined, why: string): OperatorError {
  return new OperatorError('privileges', `cannot become user ${uid} of group ${gid}: ${why}`, {
    hint: 'SUDO_UID and SUDO_GID are not as sudo sets them',
  });
}

/** Group 0 may be the caller's own. */
function isIdentity(text: string | undefined): text is string {
  return text !== undefined && /^(?:0|[1-9]\d{0,9})$/.test(text);
}
