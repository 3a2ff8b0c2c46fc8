/** GnuPG as its users run it, with keys of the test's own; its agent ends with the test. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKey } from 'openpgp';
import type { Scope } from '../e2e/harness/program.js';

export class Gnupg {
  /** Short: the agent's socket lies in it. */
  readonly home: string;
  readonly environment: { readonly GNUPGHOME: string };

  constructor(scope: Scope) {
    this.home = mkdtempSync('/tmp/g-');
    this.environment = { GNUPGHOME: this.home };
    this.#configure();
    scope.after(() => {
      this.#spawn('gpgconf', ['--kill', 'all']);
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  /** @param algorithm such as `ed25519` or `rsa3072` */
  generate(user: string, algorithm: string, passphrase = ''): void {
    this.run(...this.#given(passphrase), '--quick-gen-key', user, algorithm, 'sign', '1y');
  }

  run(...args: readonly string[]): Buffer {
    return this.#spawn('gpg', ['--batch', '--quiet', ...args]);
  }

  publicKey(user: string): Uint8Array {
    return this.run('--export', user);
  }

  /** What --export-secret-keys writes, or another export. @returns the path */
  secretKey(user: string, passphrase = '', ...how: readonly string[]): string {
    const path = join(this.home, `secret-${Math.random().toString(36).slice(2)}`);
    const [command = '--export-secret-keys', ...options] = how;
    writeFileSync(path, this.run(...this.#given(passphrase), ...options, command, user), { mode: 0o600 });
    return path;
  }

  /** Has the agent ask through a program that answers each question for a passphrase so, and keeps what it is told in `asked`. */
  answerWith(answer: string): void {
    const path = join(this.home, 'pinentry');
    const script = `#!/bin/sh
echo 'OK ready'
while read -r line; do
  echo "$line" >> ${this.home}/asked
  case "$line" in GETPIN*) printf '${answer}\\n' ;; BYE*) echo OK; exit ;; *) echo OK ;; esac
done
`;
    writeFileSync(path, script, { mode: 0o700 });
    this.askWith(path);
  }

  /** Has the agent ask through this program, and know no passphrase. */
  askWith(pinentry: string): void {
    this.#configure(`pinentry-program ${pinentry}\n`);
    this.forget();
  }

  /** Passphrases are made into keys quickly: half a second each otherwise, here and in OpenPGP.js. */
  #configure(more = ''): void {
    writeFileSync(join(this.home, 'gpg-agent.conf'), `s2k-count 65536\n${more}`);
  }

  /** Ends the agent, and with it what it knows of passphrases. */
  forget(): void {
    this.#spawn('gpgconf', ['--kill', 'all']);
  }

  #given(passphrase: string): string[] {
    return ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
  }

  #spawn(program: string, args: readonly string[]): Buffer {
    const env = { ...process.env, ...this.environment };
    return execFileSync(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  }
}

/** Of a public key, as configurations have it. */
export async function fingerprintOf(binaryKey: Uint8Array): Promise<string> {
  return (await readKey({ binaryKey })).getFingerprint();
}
