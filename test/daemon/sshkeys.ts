/** Keys made by the real ssh-keygen for tests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new key of SSH. @returns the line of its .pub file, and the fingerprint that ssh-keygen -l shows */
export function sshKey(
  type = 'ed25519',
  ...more: readonly string[]
): { readonly line: string; readonly fingerprint: string } {
  const folder = mkdtempSync(join(tmpdir(), 'portknock-ssh-'));
  try {
    const path = join(folder, 'id');
    spawnSync('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-C', 'a comment', '-f', path]);
    const [, fingerprint = ''] = spawnSync('ssh-keygen', ['-lf', path], { encoding: 'utf8' }).stdout.split(
      ' ',
    );
    return { line: readFileSync(`${path}.pub`, 'utf8').trim(), fingerprint };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
