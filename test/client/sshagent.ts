/** ssh-agent and keys of SSH, as their users have them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Program, type Scope } from '../e2e/harness/program.js';

/** A key pair in files. @returns the path of the private one */
export function makeSshKey(
  path: string,
  type = 'ed25519',
  passphrase = '',
  ...more: readonly string[]
): string {
  const args = ['-q', '-t', type, '-N', passphrase, '-C', `${type} of the test`, '-f', path, ...more];
  execFileSync('ssh-keygen', args, { stdio: 'ignore', timeout: 60_000 });
  return path;
}

/** The line of the public half. */
export function publicLine(path: string): string {
  return readFileSync(`${path}.pub`, 'utf8').trim();
}

export class SshAgent {
  readonly environment: { readonly SSH_AUTH_SOCK: string };

  private constructor(path: string) {
    this.environment = { SSH_AUTH_SOCK: path };
  }

  /** @param folder a short path */
  static async start(scope: Scope, folder: string): Promise<SshAgent> {
    const path = `${folder}/agent`;
    // The file is there before it listens; it says so after.
    await new Program(scope, 'ssh-agent', ['-D', '-a', path]).line(/SSH_AUTH_SOCK/);
    return new SshAgent(path);
  }

  add(...args: readonly string[]): void {
    const env = { ...process.env, ...this.environment };
    execFileSync('ssh-add', ['-q', ...args], { env, stdio: 'ignore', timeout: 10_000 });
  }
}
