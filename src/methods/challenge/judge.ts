/**
 * Whose a signature is: the last step of a response's check, which needs every client's keys (PROTOCOL.md section 9).
 *
 * It neither knows nor asks which door is meant, or whether the client may use it: that is decided by recognise.ts.
 */
import {
  keyIdsOf,
  type PublicKey,
  readDetachedSignature,
  readPublicKey,
  type SignatureFault,
  verifyDetached,
} from '../../crypto/openpgp.js';
import { sshFingerprintHex } from '../../crypto/sshkey.js';
import { type Presence, readSshSignature, verifySshSignature } from '../../crypto/sshsignature.js';
import { matchesOrigin } from './origin.js';
import type { Claim, Judgement, SignatureFlaw, Signer, SshKey } from './site.js';
import { sshNamespace } from './text.js';

/** What is judged of a response. */
export type Signed = Pick<Claim, 'door' | 'kind' | 'text' | 'signature' | 'source' | 'at'>;

/** Of a fingerprint, as the rest of the daemon carries it. */
const keyDigits = 40;

interface OpenpgpHolder {
  readonly client: string;
  readonly fingerprint: string;
  readonly key: PublicKey;
}

interface SshHolder {
  readonly client: string;
  /** Those that are open to the client. */
  readonly doors: readonly string[];
  readonly key: SshKey;
}

export class Signers {
  /** By the key ids of each key and of its subkeys. */
  readonly #openpgp: Promise<ReadonlyMap<string, readonly OpenpgpHolder[]>>;
  /** By the key itself, Latin-1. */
  readonly #ssh: ReadonlyMap<string, readonly SshHolder[]>;

  constructor(signers: readonly Signer[]) {
    this.#openpgp = indexOpenpgp(signers);
    const holders = signers.flatMap(({ client, doors, revoked, ssh }) =>
      ssh.map(key => ({ client, doors: revoked ? [] : doors, key })),
    );
    this.#ssh = groupBy(holders, ({ key }) => latin1(key.blob));
  }

  /** Never fails: whatever is sent, it is somebody's or it has a flaw. */
  async judge(signed: Signed): Promise<Judgement> {
    const { kind, text, signature, at } = signed;
    return kind === 'ssh' ? this.#judgeSsh(signed) : await this.#judgeOpenpgp(text, signature, at);
  }

  async #judgeOpenpgp(text: Uint8Array, bytes: Uint8Array, at: number): Promise<Judgement> {
    const signature = await readDetachedSignature(bytes);
    if (typeof signature === 'string') return nobody(signature);
    let judgement = nobody('unknown-key');
    for (const { client, fingerprint, key } of (await this.#openpgp).get(signature.keyId) ?? []) {
      const fault = await verifyDetached(signature, text, key, at);
      if (fault === 'good') return { client, key: fingerprint.slice(0, keyDigits) };
      judgement = worst(judgement, fault, client, fingerprint);
    }
    return judgement;
  }

  #judgeSsh({ door, text, signature: bytes, source, at }: Signed): Judgement {
    const signature = readSshSignature(bytes);
    if (signature === undefined || signature.namespace !== sshNamespace) return nobody('malformed');
    const holders = this.#ssh.get(latin1(signature.publicKey));
    if (holders === undefined) return nobody('unknown-key');
    const presence = verifySshSignature(signature, text);
    if (typeof presence === 'string') return nobody(presence === 'unsupported' ? 'unknown-key' : presence);
    const key = sshFingerprintHex(signature.publicKey).slice(0, keyDigits);
    const judge = ({ client, key: line }: SshHolder): Judgement => {
      const flaw = flawOf(line, presence, source, at);
      return flaw === undefined ? { client, key } : { flaw, client, key };
    };
    // A key may be there more than once: sshd too takes the first line that lets it in. Whoever has written somebody
    // else's key into his own file takes no door from him.
    const those = holders.filter(({ doors }) => doors.includes(door));
    const judgements = [...those, ...holders].map(judge);
    return judgements.find(judgement => !('flaw' in judgement)) ?? judgements[0] ?? nobody('unknown-key');
  }
}

async function indexOpenpgp(signers: readonly Signer[]): Promise<Map<string, OpenpgpHolder[]>> {
  const index = new Map<string, OpenpgpHolder[]>();
  for (const { client, openpgp } of signers) {
    for (const { fingerprint, bytes } of openpgp) {
      const key = await readPublicKey(bytes);
      if (key === undefined) continue;
      for (const id of keyIdsOf(key)) append(index, id, { client, fingerprint, key });
    }
  }
  return index;
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) append(groups, keyOf(one), one);
  return groups;
}

function append<T>(groups: Map<string, T[]>, key: string, one: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [one]);
  else group.push(one);
}

/** Of whom nothing has been shown, nothing is said. */
function nobody(flaw: SignatureFlaw): Judgement {
  return { flaw, client: undefined, key: undefined };
}

/** Among keys of one id, that says most which made the signature. */
function worst(before: Judgement, fault: SignatureFault, client: string, fingerprint: string): Judgement {
  if (before.client !== undefined) return before;
  if (fault === 'bad-signature') return nobody(fault);
  return { flaw: fault, client, key: fingerprint.slice(0, keyDigits) };
}

function flawOf(key: SshKey, presence: Presence, source: Uint8Array, at: number): SignatureFlaw | undefined {
  if (key.expiresAt !== undefined && at >= key.expiresAt) return 'key-expired';
  if (key.from !== undefined && !matchesOrigin(key.from, source)) return 'other-source';
  // As with sshd, these are for hardware keys alone.
  if (!presence.isHardware) return undefined;
  if (key.touchRequired && !presence.wasTouched) return 'not-touched';
  return key.verifyRequired && !presence.wasVerified ? 'not-verified' : undefined;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
