/** How the key of a client is called, for a person who compares it with what gpg or ssh-keygen shows. */
import { createHash } from 'node:crypto';
import type { Config } from './config.js';

/** Characters that 20 bytes fill in base64; the next has bits of the 21st. */
const wholeCharacters = 26;

/**
 * `OpenPGP 4f03…` or `SSH SHA256:…`, as far as it is known; empty where there is none.
 * @param part the first 20 bytes of its fingerprint, in hexadecimal
 */
export function keyName({ clients }: Config, part = ''): string {
  if (part === '') return '';
  const signers = clients.flatMap(client => (client.kind === 'signer' ? [client] : []));
  const keys = signers.flatMap(({ openpgp }) => openpgp);
  const openpgp = keys.find(({ fingerprint }) => fingerprint.startsWith(part));
  if (openpgp !== undefined) return `OpenPGP ${openpgp.fingerprint}`;
  const isSsh = signers.some(({ ssh }) => ssh.some(({ blob }) => sshFingerprint(blob).startsWith(part)));
  const text = Buffer.from(part, 'hex').toString('base64').slice(0, wholeCharacters);
  return isSsh ? `SSH SHA256:${text}…` : `key ${part}`;
}

function sshFingerprint(blob: Uint8Array): string {
  return createHash('sha256').update(blob).digest('hex');
}
