/** Keys made by the real gpg for tests: of several people, in every state that a key can be in. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

const home = mkdtempSync(join(tmpdir(), 'portknock-gpg-'));
after(() => {
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(home, { recursive: true, force: true });
});

function gpg(...args: readonly string[]): Buffer {
  const options = ['--homedir', home, '--batch', '--quiet', '--no-tty', '--passphrase', ''];
  const { status, stdout, stderr } = spawnSync('gpg', [...options, ...args]);
  if (status !== 0) throw new Error(`gpg ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** @returns its fingerprint, lower-case */
function generate(
  userId: string,
  algorithm = 'ed25519',
  expires = 'never',
  ...more: readonly string[]
): string {
  gpg(...more, '--allow-weak-key-signatures', '--quick-gen-key', userId, algorithm, 'sign', expires);
  const lines = gpg('--list-keys', '--with-colons', `=${userId}`).toString().split('\n');
  const found = lines.filter(line => line.startsWith('fpr:')).map(line => line.split(':')[9]!);
  return found.at(-1)!.toLowerCase();
}

/** Fingerprints, lower-case. */
export const fingerprints = {
  john: generate('John Doe <john@doe.com>'),
  jane: generate('Jane Roe (work) <jane@roe.com>', 'rsa3072'),
  twin: generate('Twin <one@twin.org>'),
  otherTwin: generate('Twin <two@twin.org>'),
  old: generate('Old <old@doe.com>', 'ed25519', 'seconds=86400', '--faked-system-time', '20200101T000000'),
  gone: generate('Gone <gone@doe.com>'),
  weak: generate('Weak <weak@doe.com>', 'rsa1024'),
};

const certificate = readFileSync(
  join(home, 'openpgp-revocs.d', `${fingerprints.gone.toUpperCase()}.rev`),
  'utf8',
);
// gpg guards it against use by mistake.
const { status } = spawnSync('gpg', ['--homedir', home, '--batch', '--quiet', '--import'], {
  input: certificate.replace(/^:-/m, '-'),
});
if (status !== 0) throw new Error('gpg does not revoke');

/** The public keys of these user ids or fingerprints, all without any. */
export function exported(names: readonly string[] = [], ...options: readonly string[]): Buffer {
  return gpg(...options, '--export', ...names);
}

export function exportedSecret(name: string): Buffer {
  return gpg('--export-secret-keys', name);
}
