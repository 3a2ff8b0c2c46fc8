/** Where a user's profiles and state live (XDG Base Directory Specification; on Windows the user's AppData). */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where the socket service is asked for connections. */
export const defaultServicePath = '/run/portknock/sockets';

/** The folder of what the user keeps. */
export function configurationDirectory(): string {
  return join(base('XDG_CONFIG_HOME', 'APPDATA') ?? join(homedir(), '.config'), 'portknock');
}

/** The folder of the profiles. */
export function profilesDirectory(): string {
  return join(configurationDirectory(), 'profiles');
}

/** The folder of what the client remembers. */
export function stateDirectory(): string {
  return join(base('XDG_STATE_HOME', 'LOCALAPPDATA') ?? join(writableHome(), '.local/state'), 'portknock');
}

/**
 * sudo may leave root with the HOME of its caller: who could not use what root makes there, and could lead it elsewhere.
 */
function writableHome(): string {
  const isBySudo = process.geteuid?.() === 0 && process.env['SUDO_UID'] !== undefined;
  return isBySudo ? userInfo().homedir : homedir();
}

function base(variable: string, windowsVariable: string): string | undefined {
  const names = process.platform === 'win32' ? [variable, windowsVariable] : [variable];
  // The specification has paths that are not absolute ignored.
  return names.map(name => process.env[name]).find(path => path !== undefined && isAbsolute(path));
}
