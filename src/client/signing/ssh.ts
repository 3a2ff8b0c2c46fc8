/** Signatures by SSH keys: through ssh-agent where it has the key, else through ssh-keygen, which asks for a passphrase. */

import { readSshKey, sshFingerprint, sshKeyType } from '../../crypto/sshkey.js';
import { encodeSshSignature, signedData } from '../../crypto/sshsignature.js';
import { WireReader } from '../../crypto/sshwire.js';
import { sshNamespace as namespace } from '../../methods/challenge/text.js';
import { KnockError } from '../failure.js';
import { Agent, type AgentKey } from './agent.js';
import { notSigned, type OpenedKey, type Tell } from './key.js';
import { signByKeygen } from './keygen.js';
import { findSshKey, isLocked } from './sshfile.js';

const hashName = 'sha512';

/** @param which `agent`, or the path of a key @throws KnockError `not-signed`; OperatorError for a file */
export function openSsh(which: string, tell: Tell, signal: AbortSignal | undefined): Promise<OpenedKey> {
  return which === 'agent' ? firstOfAgent(tell, signal) : openPath(which, tell, signal);
}

async function firstOfAgent(tell: Tell, signal: AbortSignal | undefined): Promise<OpenedKey> {
  const agent = new Agent();
  const keys = await agent.list(signal);
  const usable = keys.filter(({ blob }) => readSshKey(blob) !== undefined);
  const [first] = usable;
  if (first === undefined) throw nothingUsable(keys);
  const opened = byAgent(agent, first);
  if (usable.length > 1) {
    tell.say(
      `signing with the first of the agent's ${usable.length} keys, ${opened.name}; another: --ssh-key FILE.pub`,
    );
  }
  return opened;
}

function nothingUsable(keys: readonly AgentKey[]): KnockError {
  if (keys.length === 0)
    return notSigned('ssh-agent has no key', 'add one: ssh-add; or give one: --ssh-key FILE');
  const types = [...new Set(keys.map(({ blob }) => shownType(blob)))].join(', ');
  return notSigned(
    `ssh-agent has no key that can be used, only ${types}`,
    'Ed25519, ECDSA and RSA of 2048 bits and more can be used, also of hardware; certificates cannot',
  );
}

async function openPath(path: string, tell: Tell, signal: AbortSignal | undefined): Promise<OpenedKey> {
  const { blob, privatePath } = findSshKey(path);
  if (blob !== undefined) requireUsable(path, blob);
  const held = blob === undefined ? undefined : await heldByAgent(blob, privatePath, tell, signal);
  if (held !== undefined) return held;
  if (privatePath === undefined) {
    throw notSigned(
      `${path}: ssh-agent has no such key, and there is no private key file beside it`,
      'add it: ssh-add',
    );
  }
  const isAsked = isLocked(privatePath);
  const name = blob === undefined ? privatePath : nameOf(blob, privatePath);
  return {
    ...{ name, asks: blob !== undefined && isHardware(blob) ? 'touch' : isAsked ? 'itself' : 'maybe' },
    sign: async (text, signal) => {
      // Its own question does not name the key.
      if (isAsked) tell.say(`ssh-keygen asks for the passphrase of ${privatePath}`);
      return { kind: 'ssh', signature: await signByKeygen(privatePath, { namespace, text }, signal) };
    },
  };
}

function requireUsable(path: string, blob: Uint8Array): void {
  if (readSshKey(blob) !== undefined) return;
  const type = shownType(blob);
  const hint = type.includes('-cert-')
    ? 'a certificate cannot be used: give the key that it is for'
    : 'Ed25519, ECDSA and RSA of 2048 bits and more can be used';
  throw notSigned(`${path}: a key of type ${type} cannot be used`, hint);
}

/** Where there is a file too, an agent that cannot be asked is no reason to stop. */
async function heldByAgent(
  blob: Uint8Array,
  privatePath: string | undefined,
  tell: Tell,
  signal: AbortSignal | undefined,
): Promise<OpenedKey | undefined> {
  try {
    const agent = new Agent();
    const key = (await agent.list(signal)).find(key => Buffer.compare(key.blob, blob) === 0);
    return key && byAgent(agent, key);
  } catch (error) {
    if (privatePath === undefined || !(error instanceof KnockError)) throw error;
    tell.note(error.message);
    return undefined;
  }
}

function byAgent(agent: Agent, { blob, comment }: AgentKey): OpenedKey {
  const name = nameOf(blob, comment);
  return {
    ...{ name, asks: isHardware(blob) ? 'touch' : 'maybe' },
    sign: async (text, signal) => {
      const signature = await agent.sign({ blob, name }, signedData(namespace, hashName, text), signal);
      requireStrong(signature, name);
      const envelope = { publicKey: blob, namespace, hashName, signature } as const;
      return { kind: 'ssh', signature: encodeSshSignature(envelope) };
    },
  };
}

/** Agents that do not know the flag sign with SHA-1, which no server takes. */
function requireStrong(signature: Uint8Array, name: string): void {
  if (new WireReader(signature).name() !== 'ssh-rsa') return;
  throw notSigned(
    `ssh-agent signed with ${name} by SHA-1, which is not taken`,
    'use another agent, or an Ed25519 key',
  );
}

function nameOf(blob: Uint8Array, comment: string): string {
  const type = shownType(blob).replace('@openssh.com', '');
  return `${type} key ${sshFingerprint(blob)}${comment === '' ? '' : ` (${comment})`}`;
}

function shownType(blob: Uint8Array): string {
  return (sshKeyType(blob) ?? '?').replace(/[^\x21-\x7e]/g, '?').slice(0, 60);
}

function isHardware(blob: Uint8Array): boolean {
  return shownType(blob).startsWith('sk-');
}
