/**
 * Public keys of SSH in its own form (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f): what they are,
 * and as keys of Node's.
 *
 * There are no certificates, no DSA, and no RSA of less than 2048 bits.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { WireReader } from './sshwire.js';

/** What a public key is used with. */
export type SshKeyKind = 'ed25519' | 'rsa' | 'ecdsa';

export interface SshPublicKey {
  /** As its form begins: `ssh-ed25519`. */
  readonly type: string;
  readonly kind: SshKeyKind;
  readonly key: KeyObject;
  /** Of RSA: of its modulus, in bytes; of ECDSA: of one coordinate. */
  readonly size: number;
  /** Of ECDSA: what messages are hashed with. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | undefined;
  /** Of a hardware key: what it is for, mostly `ssh:`. */
  readonly application: Uint8Array | undefined;
}

const shortestModulus = 2048;
/** sshd takes no longer ones. */
const longestModulus = 16384;
const ed25519Length = 32;

/** Each with what stands before a point in a SubjectPublicKeyInfo (RFC 5480 section 2). */
const curves = {
  nistp256: {
    size: 32,
    hash: 'sha256',
    head: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  },
  nistp384: { size: 48, hash: 'sha384', head: '3076301006072a8648ce3d020106052b81040022036200' },
  nistp521: { size: 66, hash: 'sha512', head: '30819b301006072a8648ce3d020106052b8104002303818600' },
} as const;
type Curve = keyof typeof curves;

type Reading = (reader: WireReader, type: string) => SshPublicKey | undefined;
const readings: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ['ssh-ed25519', (reader, type) => readEd25519(reader, type, false)],
  ['sk-ssh-ed25519@openssh.com', (reader, type) => readEd25519(reader, type, true)],
  ['ssh-rsa', readRsa],
  ...(Object.keys(curves) as Curve[]).map((curve): [string, Reading] => [
    `ecdsa-sha2-${curve}`,
    (reader, type) => readEcdsa(reader, type, curve, false),
  ]),
  ['sk-ecdsa-sha2-nistp256@openssh.com', (reader, type) => readEcdsa(reader, type, 'nistp256', true)],
]);

/** @returns undefined where the bytes are no public key, or one that is not supported */
export function readSshKey(blob: Uint8Array): SshPublicKey | undefined {
  const reader = new WireReader(blob);
  const type = reader.name() ?? '';
  try {
    return readings.get(type)?.(reader, type);
  } catch {
    // OpenSSL's word for a point that is on no curve.
    return undefined;
  }
}

/** The type that a public key says it is of, supported or not. */
export function sshKeyType(blob: Uint8Array): string | undefined {
  return new WireReader(blob).name();
}

/** As ssh-keygen -l shows it: `SHA256:…`. */
export function sshFingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The 32 bytes of that fingerprint, in hexadecimal. */
export function sshFingerprintHex(blob: Uint8Array): string {
  return createHash('sha256').update(blob).digest('hex');
}

function readEd25519(reader: WireReader, type: string, isHardware: boolean): SshPublicKey | undefined {
  const point = reader.string();
  const application = isHardware ? reader.string() : undefined;
  if (!reader.isDone || point?.length !== ed25519Length) return undefined;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: base64url(point) },
    format: 'jwk',
  });
  return { type, kind: 'ed25519', key, size: ed25519Length, hash: undefined, application };
}

function readRsa(reader: WireReader, type: string): SshPublicKey | undefined {
  const [exponent, modulus] = [reader.mpint(), reader.mpint()];
  if (!reader.isDone || exponent === undefined || modulus === undefined) return undefined;
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < shortestModulus || bits > longestModulus) return undefined;
  const key = createPublicKey({
    key: { kty: 'RSA', n: base64url(modulus), e: base64url(exponent) },
    format: 'jwk',
  });
  return { type, kind: 'rsa', key, size: modulus.length, hash: undefined, application: undefined };
}

function readEcdsa(
  reader: WireReader,
  type: string,
  curve: Curve,
  isHardware: boolean,
): SshPublicKey | undefined {
  const [name, point] = [reader.name(), reader.string()];
  const application = isHardware ? reader.string() : undefined;
  const { size, hash, head } = curves[curve];
  // RFC 5656 section 3.1 allows compressed points; no program writes them.
  const isWhole = point?.length === 1 + 2 * size && point[0] === 4;
  if (!reader.isDone || name !== curve || point === undefined || !isWhole) return undefined;
  // As a JWK it would be multiplied by the order of the curve, a millisecond each; all of its points have that order.
  const spki = Buffer.concat([Buffer.from(head, 'hex'), point]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return { type, kind: 'ecdsa', key, size, hash, application };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}
