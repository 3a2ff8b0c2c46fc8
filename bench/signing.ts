/** Keys that sign challenges in the bench, of OpenPGP and of SSH, made when they are needed. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createMessage, generateKey, readPrivateKey, sign as signMessage } from 'openpgp';
import { encodeSshSignature, signedData } from '../src/crypto/sshsignature.js';
import { encodeString } from '../src/crypto/sshwire.js';
import { sshNamespace } from '../src/methods/challenge/text.js';

/** A private key: of SSH in PEM, of OpenPGP armoured. */
export interface BenchKey {
  readonly kind: 'ssh' | 'openpgp';
  readonly text: string;
}

/** A key and its public half, as a daemon takes it: a line of authorized_keys, or bytes of OpenPGP. */
export interface KeyPair {
  /** Such as `SSH, RSA 4096`. */
  readonly name: string;
  readonly key: BenchKey;
  readonly publicKey: Uint8Array;
}

export type Algorithm = 'Ed25519' | 'RSA 3072' | 'RSA 4096';
export const algorithms: readonly Algorithm[] = ['Ed25519', 'RSA 3072', 'RSA 4096'];

/** In SSH's own form the public key; that is what stands in a line of authorized_keys, in base64. */
export function makeSshKey(algorithm: Algorithm): KeyPair {
  const privateKey = makePrivateKey(algorithm);
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { name: `SSH, ${algorithm}`, key: { kind: 'ssh', text }, publicKey: sshPublicKey(privateKey) };
}

function makePrivateKey(algorithm: Algorithm): KeyObject {
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('rsa', { modulusLength: bitsOf(algorithm) }).privateKey;
}

function bitsOf(algorithm: Exclude<Algorithm, 'Ed25519'>): number {
  return algorithm === 'RSA 3072' ? 3072 : 4096;
}

export async function makeOpenpgpKey(algorithm: Algorithm): Promise<KeyPair> {
  const kind =
    algorithm === 'Ed25519'
      ? ({ type: 'ecc', curve: 'ed25519Legacy' } as const)
      : ({ type: 'rsa', rsaBits: bitsOf(algorithm) } as const);
  const { privateKey, publicKey } = await generateKey({
    ...kind,
    userIDs: [{ name: 'Bench', email: 'bench@example.org' }],
    format: 'object',
  });
  const key = { kind: 'openpgp', text: privateKey.armor() } as const;
  return { name: `OpenPGP, ${algorithm}`, key, publicKey: publicKey.write() };
}

/** A detached signature, binary. */
export async function signWith({ kind, text }: BenchKey, message: Uint8Array): Promise<Uint8Array> {
  return kind === 'ssh' ? signSsh(createPrivateKey(text), message) : signOpenpgp(text, message);
}

async function signOpenpgp(armoredKey: string, message: Uint8Array): Promise<Uint8Array> {
  const signed: unknown = await signMessage({
    message: await createMessage({ binary: message }),
    signingKeys: await readPrivateKey({ armoredKey }),
    detached: true,
    format: 'binary',
  });
  return signed as Uint8Array;
}

function signSsh(key: KeyObject, message: Uint8Array): Uint8Array {
  const isRsa = key.asymmetricKeyType === 'rsa';
  const hashName = 'sha512';
  const blob = sign(isRsa ? hashName : null, signedData(sshNamespace, hashName, message), key);
  const type = isRsa ? 'rsa-sha2-512' : 'ssh-ed25519';
  const signature = Buffer.concat([encodeString(type), encodeString(blob)]);
  return encodeSshSignature({ publicKey: sshPublicKey(key), namespace: sshNamespace, hashName, signature });
}

function sshPublicKey(key: KeyObject): Uint8Array {
  const { n = '', e = '', x = '' } = key.export({ format: 'jwk' });
  const bytes = (text: string) => Buffer.from(text, 'base64url');
  if (key.asymmetricKeyType === 'rsa') {
    return Buffer.concat([encodeString('ssh-rsa'), encodeString(bytes(e)), encodeString(positive(bytes(n)))]);
  }
  return Buffer.concat([encodeString('ssh-ed25519'), encodeString(bytes(x))]);
}

/** A number in SSH has a sign (RFC 4251 section 5). */
function positive(bytes: Buffer): Buffer {
  return bytes[0]! < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
}
