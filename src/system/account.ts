/** The users of this machine, by name. */
import { execFileSync } from 'node:child_process';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A user by name, from wherever this system keeps them; undefined where there is none. */
export function findAccount(name: string): Account | undefined {
  try {
    const id = (option: string) =>
      Number(
        execFileSync('id', [option, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
