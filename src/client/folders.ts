/** Where a user's profiles and state live (XDG Base Directory Specification; on Windows the user's AppData). */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where the socket service is asked for connections. */
export const defaultServicePath = '/run/portknock/sockets';

/** The folder of the profiles. */
export function profilesDirectory(): string {
  return join(base('XDG_CONFIG_HOME', 'APPDATA', '.config'), 'portknock', 'profiles');
}

/** The folder of what the client remembers. */
export function stateDirectory(): string {
  return join(base('XDG_STATE_HOME', 'LOCALAPPDATA', '.local/state'), 'portknock');
}

function base(variable: string, windowsVariable: string, fallback: string): string {
  const names = process.platform === 'win32' ? [variable, windowsVariable] : [variable];
  // The specification has paths that are not absolute ignored.
  const set = names.map(name => process.env[name]).find(path => path !== undefined && isAbsolute(path));
  return set ?? join(homedir(), fallback);
}
