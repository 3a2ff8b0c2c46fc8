/** Keys and signatures as the real gpg makes them, in a home of the test's own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '../e2e/harness/program.js';

/** A key of gpg's. */
export interface GnupgKey {
  /** Of the primary key, lower-case. */
  readonly fingerprint: string;
  readonly userId: string;
}

export interface Making {
  /** Of gpg's algorithms: `ed25519`, `rsa3072`. */
  readonly algorithm?: string;
  readonly usage?: 'sign' | 'cert';
  /** `never`, `30d`, `seconds=3600`. */
  readonly expires?: string;
  /** Hours before now that it is made. */
  readonly hoursAgo?: number;
}

const unattended = ['--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', ''];

/** gpg, with a home of its own; its agent ends with the test. */
export class Gnupg {
  readonly home: string;

  constructor(scope: Scope) {
    // The path of the agent's socket has room for 108 bytes.
    this.home = mkdtempSync('/tmp/gpg-');
    scope.after(() => {
      spawnSync('gpgconf', ['--homedir', this.home, '--kill', 'all'], { timeout: 10_000 });
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  run(argv: readonly string[], input?: Uint8Array | string): Buffer {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', GNUPGHOME: this.home };
    const options = { stdio: 'pipe', timeout: 60_000, env, input: input ?? '' } as const;
    return execFileSync('gpg', [...unattended, ...argv], options);
  }

  make(userId: string, { algorithm = 'ed25519', usage = 'sign', expires, hoursAgo }: Making = {}): GnupgKey {
    const key = [userId, algorithm, usage, expires ?? 'never'];
    this.run([...at(hoursAgo), '--quick-generate-key', ...key]);
    const [, fingerprint = ''] = /^fpr:+([0-9A-F]+):/m.exec(this.list(`=${userId}`)) ?? [];
    return { fingerprint: fingerprint.toLowerCase(), userId };
  }

  addSubkey({ fingerprint }: GnupgKey, { algorithm = 'ed25519', expires, hoursAgo }: Making = {}): void {
    const key = [fingerprint, algorithm, 'sign', expires ?? 'never'];
    this.run([...at(hoursAgo), '--quick-add-key', ...key]);
  }

  addUserId({ fingerprint }: GnupgKey, userId: string, hoursAgo?: number): void {
    this.run([...at(hoursAgo), '--quick-add-uid', fingerprint, userId]);
  }

  revokeUserId({ fingerprint }: GnupgKey, userId: string, hoursAgo?: number): void {
    this.run([...at(hoursAgo), '--quick-revoke-uid', fingerprint, userId]);
  }

  /** With the certificate that gpg makes beside each key. */
  revoke({ fingerprint }: GnupgKey): void {
    const path = join(this.home, 'openpgp-revocs.d', `${fingerprint.toUpperCase()}.rev`);
    const text = execFileSync('sed', ['s/^:---/---/', path], { timeout: 10_000 });
    this.run(['--import'], text);
  }

  revokeSubkey({ fingerprint }: GnupgKey): void {
    this.run(['--command-fd', '0', '--edit-key', fingerprint], 'key 1\nrevkey\ny\n0\n\ny\nsave\n');
  }

  list(wanted: string): string {
    return this.run(['--with-colons', '--list-keys', wanted]).toString();
  }

  /** One transferable public key, binary. @param options such as `--armor` */
  export({ fingerprint }: GnupgKey, ...options: readonly string[]): Buffer {
    return this.run([...options, '--export', fingerprint]);
  }

  /** A detached signature. @param options such as `--digest-algo` */
  sign(
    { fingerprint }: GnupgKey,
    text: Uint8Array,
    options: readonly string[] = [],
    hoursAgo?: number,
  ): Buffer {
    return this.run([...at(hoursAgo), ...options, '--local-user', fingerprint, '--detach-sign'], text);
  }

  /** Whether gpg finds a signature good. */
  verifies(signature: Uint8Array, text: Uint8Array): boolean {
    const path = join(this.home, 'signature');
    writeFileSync(path, signature);
    try {
      this.run(['--verify', path, '-'], text);
      return true;
    } catch {
      return false;
    }
  }
}

/** gpg at another moment, at which its clock stands. */
function at(hoursAgo: number | undefined): string[] {
  if (hoursAgo === undefined) return [];
  const time = new Date(Date.now() - hoursAgo * 3_600_000).toISOString().replace(/[-:]|\.\d+Z/g, '');
  return ['--faked-system-time', `${time}!`];
}
