/**
 * Signatures of SSH over any message (OpenSSH's PROTOCOL.sshsig), as `ssh-keygen -Y sign` and ssh-agent make them: read,
 * verified, composed. The armour is not our business.
 */
import { createHash, verify } from 'node:crypto';
import { readSshKey, type SshPublicKey } from './sshkey.js';
import { concatenate, encodeString, encodeUint32, WireReader } from './sshwire.js';

const magic = Buffer.from('SSHSIG');
const version = 1;

/** What a message is hashed with before it is signed. */
export type SshHash = 'sha256' | 'sha512';

export interface SshSignature {
  /** In SSH's own form. */
  readonly publicKey: Uint8Array;
  readonly namespace: string;
  readonly hashName: SshHash;
  /** In SSH's own form, which begins with its type. */
  readonly signature: Uint8Array;
}

/** What the holder of a hardware key did; of other keys nothing is known. */
export interface Presence {
  readonly isHardware: boolean;
  readonly wasTouched: boolean;
  /** Whether it asked for a PIN or a finger. */
  readonly wasVerified: boolean;
}

/** The bits of the flags that a hardware key signs (OpenSSH's PROTOCOL.u2f). */
const touched = 0x01;
const verified = 0x04;

/** @returns undefined where the bytes are no such signature, whole */
export function readSshSignature(bytes: Uint8Array): SshSignature | undefined {
  const reader = new WireReader(bytes);
  if (!magic.equals(reader.take(magic.length) ?? new Uint8Array()) || reader.uint32() !== version) {
    return undefined;
  }
  const [publicKey, namespace, reserved] = [reader.string(), reader.name(), reader.string()];
  const [hashName, signature] = [reader.name(), reader.string()];
  if (!reader.isDone || publicKey === undefined || namespace === undefined || signature === undefined) {
    return undefined;
  }
  if (reserved?.length !== 0 || (hashName !== 'sha256' && hashName !== 'sha512')) return undefined;
  return { publicKey, namespace, hashName, signature };
}

/** What a key signs in the place of a message: what an agent is given. */
export function signedData(namespace: string, hashName: SshHash, message: Uint8Array): Uint8Array {
  const digest = createHash(hashName).update(message).digest();
  const names = [encodeString(namespace), encodeString(''), encodeString(hashName)];
  return concatenate(magic, ...names, encodeString(digest));
}

/**
 * The envelope around a signature.
 * @param publicKey in SSH's own form @param signature of `signedData`, as an agent returns it
 */
export function encodeSshSignature({ publicKey, namespace, hashName, signature }: SshSignature): Uint8Array {
  const names = [encodeString(namespace), encodeString(''), encodeString(hashName)];
  return concatenate(
    magic,
    encodeUint32(version),
    encodeString(publicKey),
    ...names,
    encodeString(signature),
  );
}

/**
 * Verifies a signature under the key that it names.
 * @returns what a hardware key says of its holder, or why the signature is not good
 */
export function verifySshSignature(
  { publicKey, namespace, hashName, signature }: SshSignature,
  message: Uint8Array,
): Presence | 'bad-signature' | 'weak-signature' | 'unsupported' {
  const key = readSshKey(publicKey);
  if (key === undefined) return 'unsupported';
  const reader = new WireReader(signature);
  const [type, blob] = [reader.name(), reader.string()];
  const attested = key.application === undefined ? undefined : readAttested(reader);
  if (!reader.isDone || type === undefined || blob === undefined) return 'bad-signature';
  const hash = hashFor(key, type);
  if (hash === undefined) return type === 'ssh-rsa' ? 'weak-signature' : 'bad-signature';
  const data = signedData(namespace, hashName, message);
  if (!isSigned(key, hash, attested === undefined ? data : wrap(key, attested, data), blob)) {
    return 'bad-signature';
  }
  const flags = attested?.flags ?? 0;
  return {
    isHardware: attested !== undefined,
    wasTouched: (flags & touched) !== 0,
    wasVerified: (flags & verified) !== 0,
  };
}

/** What a hardware key says beside its signature. */
interface Attested {
  readonly flags: number;
  readonly counter: number;
}

function readAttested(reader: WireReader): Attested | undefined {
  const [flags, counter] = [reader.byte(), reader.uint32()];
  return flags === undefined || counter === undefined ? undefined : { flags, counter };
}

/** What a hardware key signs in the place of `data`. */
function wrap({ application }: SshPublicKey, { flags, counter }: Attested, data: Uint8Array): Uint8Array {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const said = concatenate(Uint8Array.of(flags), encodeUint32(counter));
  return concatenate(sha256(application ?? new Uint8Array()), said, sha256(data));
}

const rsaHashes: ReadonlyMap<string, SshHash> = new Map([
  ['rsa-sha2-256', 'sha256'],
  ['rsa-sha2-512', 'sha512'],
]);

/** What a signature of that type hashes with; null: with what belongs to it; undefined: it is not one of that key's. */
function hashFor({ type, kind, hash }: SshPublicKey, signatureType: string): string | null | undefined {
  if (kind === 'rsa') return rsaHashes.get(signatureType);
  return signatureType === type ? (hash ?? null) : undefined;
}

function isSigned(key: SshPublicKey, hash: string | null, data: Uint8Array, blob: Uint8Array): boolean {
  const signature = signatureFor(key, blob);
  if (signature === undefined) return false;
  try {
    return verify(hash, data, { key: key.key, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false;
  }
}

const ed25519SignatureLength = 64;

/** As OpenSSL takes it. */
function signatureFor({ kind, size }: SshPublicKey, blob: Uint8Array): Uint8Array | undefined {
  if (kind === 'ecdsa') return readPair(blob, size);
  // Some agents leave the leading zeros of a number out; sshd puts them back too.
  if (kind === 'rsa') return padded(blob, size);
  return blob.length === ed25519SignatureLength ? blob : undefined;
}

function padded(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length > length) return undefined;
  const all = new Uint8Array(length);
  all.set(bytes, length - bytes.length);
  return all;
}

/** RFC 5656 section 3.1.2: r and s. */
function readPair(blob: Uint8Array, size: number): Uint8Array | undefined {
  const reader = new WireReader(blob);
  const [r, s] = [reader.mpint(), reader.mpint()];
  if (!reader.isDone || r === undefined || s === undefined) return undefined;
  const [first, second] = [padded(r, size), padded(s, size)];
  return first && second && concatenate(first, second);
}
