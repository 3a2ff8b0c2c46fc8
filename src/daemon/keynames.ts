/** The keys of clients in words: fingerprints as gpg and ssh-keygen -l show them. */
import { sshFingerprint, sshFingerprintHex, sshKeyType } from '../crypto/sshkey.js';
import type { OpenpgpKey, SshKey } from '../methods/challenge/site.js';
import type { ClientSettings, Config, SignerClientSettings } from './config.js';

/** A key, and the key of the configuration that it came by. */
export interface NamedKey {
  readonly name: string;
  readonly from: 'openpgp' | 'ssh_keys';
}

/** Each once, in how many lines of a file it may be. */
export function keysOf({ openpgp, ssh }: Pick<SignerClientSettings, 'openpgp' | 'ssh'>): NamedKey[] {
  const keys: NamedKey[] = [
    ...openpgp.map(key => ({ name: openpgpName(key), from: 'openpgp' as const })),
    ...ssh.map(key => ({ name: sshName(key), from: 'ssh_keys' as const })),
  ];
  return [...new Map(keys.map(key => [key.name, key])).values()];
}

/** A key that two clients have who may use it. */
export interface SharedKey extends NamedKey {
  /** The first of them in the configuration. */
  readonly owner: string;
  readonly client: string;
}

export function sharedKeys(clients: readonly ClientSettings[]): SharedKey[] {
  const first = new Map<string, string>();
  const shared: SharedKey[] = [];
  for (const client of clients) {
    if (client.kind !== 'signer' || client.revoked) continue;
    for (const key of keysOf(client)) {
      const owner = first.get(key.name);
      if (owner === undefined) first.set(key.name, client.name);
      else if (owner !== client.name) shared.push({ ...key, owner, client: client.name });
    }
  }
  return shared;
}

/** Where it is somebody's own file that says so. */
export function describeSharedKey({ name, owner, client }: SharedKey): string {
  return `client "${client}": its key ${name} is that of client "${owner}" too, and counts as that of the first who has the door; see who wrote it there`;
}

function openpgpName({ fingerprint }: OpenpgpKey): string {
  return `OpenPGP ${fingerprint.toUpperCase()}`;
}

function sshName({ blob }: SshKey): string {
  return `${sshKeyType(blob)} ${sshFingerprint(blob)}`;
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

/** The clients, without those keys of one who was taken out that somebody else has now: they are his who may use them. */
export function withOwnKeys(clients: readonly ClientSettings[]): ClientSettings[] {
  const inUse = new Set(
    clients
      .flatMap(client => (client.kind === 'signer' && !client.revoked ? keysOf(client) : []))
      .map(({ name }) => name),
  );
  return clients.map(client => {
    if (client.kind !== 'signer' || !client.revoked) return client;
    const openpgp = client.openpgp.filter(key => !inUse.has(openpgpName(key)));
    return { ...client, openpgp, ssh: client.ssh.filter(key => !inUse.has(sshName(key))) };
  });
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
