/** Becoming the user who called sudo, when what needed root is done. */
import { OperatorError } from '../system/error.js';

/** Gives up root for good, where sudo was what gave it. @throws OperatorError where that fails */
export function becomeInvoker(environment: NodeJS.ProcessEnv = process.env): void {
  const { SUDO_UID: uid, SUDO_GID: gid } = environment;
  if (process.getuid?.() !== 0 || !isIdentity(uid) || !isIdentity(gid)) return;
  try {
    process.setgroups?.([Number(gid)]);
    process.setgid?.(Number(gid));
    process.setuid?.(Number(uid));
  } catch (error) {
    throw new OperatorError('privileges', `cannot become user ${uid} of group ${gid}: ${String(error)}`, {
      hint: 'SUDO_UID and SUDO_GID are not as sudo sets them',
    });
  }
}

function isIdentity(text: string | undefined): text is string {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text);
}
