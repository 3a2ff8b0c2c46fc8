/** The keys of clients in words: fingerprints as gpg and ssh-keygen -l show them. */
import { sshFingerprint, sshFingerprintHex, sshKeyType } from '../crypto/sshkey.js';
import type { Config, SignerClientSettings } from './config.js';

/** A key, and the key of the configuration that it came by. */
export interface NamedKey {
  readonly name: string;
  readonly from: 'openpgp' | 'ssh_keys';
}

export function keysOf({ openpgp, ssh }: Pick<SignerClientSettings, 'openpgp' | 'ssh'>): NamedKey[] {
  return [
    ...openpgp.map(({ fingerprint }) => ({
      name: `OpenPGP ${fingerprint.toUpperCase()}`,
      from: 'openpgp' as const,
    })),
    ...ssh.map(({ blob }) => ({
      name: `${sshKeyType(blob)} ${sshFingerprint(blob)}`,
      from: 'ssh_keys' as const,
    })),
  ];
}

/** Such as `signatures (2 OpenPGP, 1 SSH)`. */
export function describeKeys({ openpgp, ssh }: Pick<SignerClientSettings, 'openpgp' | 'ssh'>): string {
  const counts = [
    ...(openpgp.length === 0 ? [] : [`${openpgp.length} OpenPGP`]),
    ...(ssh.length === 0 ? [] : [`${ssh.length} SSH`]),
  ];
  return `signatures (${counts.join(', ') || 'no key'})`;
}

/** Whose keys are others than before, and which they are now. */
export function describeFreshKeys({ clients }: Config, changed: readonly string[]): string {
  const signers = clients.filter(client => client.kind === 'signer');
  const texts = changed.map(name => {
    const client = signers.find(each => each.name === name);
    const keys = client === undefined ? [] : keysOf(client).map(key => key.name);
    return `${name}: ${keys.slice(0, 5).join(', ') || 'none'}${keys.length > 5 ? `, and ${keys.length - 5} more` : ''}`;
  });
  return `keys read again: ${texts.join('; ')}`;
}

/**
 * How a client's key is called; empty where there is none.
 * @param part the first 20 bytes of its fingerprint, in hexadecimal
 */
export function keyName({ clients }: Pick<Config, 'clients'>, part = ''): string {
  if (part === '') return '';
  const signers = clients.filter(client => client.kind === 'signer');
  const named = signers.flatMap(signer => [
    ...signer.openpgp.map(key => ({ hex: key.fingerprint, of: { openpgp: [key], ssh: [] } })),
    ...signer.ssh.map(key => ({ hex: sshFingerprintHex(key.blob), of: { openpgp: [], ssh: [key] } })),
  ]);
  const found = named.find(({ hex }) => hex.startsWith(part));
  return found === undefined ? `key ${part}` : (keysOf(found.of)[0]?.name ?? '');
}
