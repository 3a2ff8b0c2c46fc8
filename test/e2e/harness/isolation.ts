/**
 * What the namespaces that scripts/isolate made allow, and so which tests can run in here.
 *
 * It makes no namespaces: a test that was begun without them is skipped, never run on the host's own network.
 */
import { execFileSync, spawnSync } from 'node:child_process';

const {
  PORTKNOCK_ISOLATED: kind,
  PORTKNOCK_SKIP_E2E: skipped = 'not in namespaces: run it with npm test',
  PORTKNOCK_PROJECT: projectFolder = process.cwd(),
} = process.env;

/** Why tests that need namespaces cannot run, or false where they can: `test(name, { skip: notIsolated }, …)`. */
export const notIsolated: string | false = kind === undefined && skipped;

/** Throws where a change to the network would be one to the host's. */
export function requireIsolation(): void {
  if (notIsolated !== false) throw new Error(notIsolated);
}

/** Why a test with these programs cannot run, or false. */
export function missing(...programs: readonly string[]): string | false {
  if (notIsolated !== false) return notIsolated;
  const absent = programs.filter(program => spawnSync('which', [program]).status !== 0);
  return absent.length > 0 && `not installed: ${absent.join(', ')}`;
}

/** Whether processes can run under more than one user id in here. */
export function hasManyUsers(): boolean {
  return kind === 'root' || kind === 'user-many';
}

/** The project's folder under a path that every user may walk, whoever owns the folders above it. */
export const project = projectFolder;

let listener: string | undefined;

/**
 * The user for the daemon's listener: `nobody` where that user exists in here and may read Node and the build (both
 * may lie in a home that is closed to others), else `root`.
 */
export function listenerUser(): 'nobody' | 'root' {
  listener ??= hasManyUsers() && nobodyCanRun() ? 'nobody' : 'root';
  return listener as 'nobody' | 'root';
}

function nobodyCanRun(): boolean {
  const identity = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const entry = `${project}/dist/test/e2e/harness/isolation.js`;
  try {
    execFileSync('setpriv', [
      ...identity,
      process.execPath,
      '-e',
      `fs.readFileSync(${JSON.stringify(entry)})`,
    ]);
    return true;
  } catch {
    return false;
  }
}
