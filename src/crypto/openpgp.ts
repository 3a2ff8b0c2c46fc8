/**
 * Signatures and public keys of OpenPGP (RFC 9580), over OpenPGP.js: detached binary signatures of documents, and what
 * keys are worth at a moment, which is an argument.
 *
 * Everything is judged at the moment at which a signature came, not at the one that it names itself: a key that has
 * expired or was revoked since then is not good any more, whatever its holder writes into the signature.
 */
import {
  type Config,
  createMessage,
  enums,
  type KeyID,
  type PublicKey,
  config as preset,
  readKey,
  readKeys,
  readSignature,
  SignaturePacket,
  type Subkey,
} from 'openpgp';
import { isOneSignaturePacket } from './openpgppacket.js';

export type { PublicKey };

/** What a key is worth at a moment. */
export type KeyState = 'good' | 'expired' | 'revoked' | 'unusable';

/** Why a signature is not good, though there is a key for it. */
export type SignatureFault = 'bad-signature' | 'weak-signature' | 'key-expired' | 'key-revoked';

/** A signature that has been read, and shown nothing yet. */
export interface DetachedSignature {
  readonly packet: SignaturePacket;
  /** 16 hexadecimal digits: which key it says it was made by. */
  readonly keyId: string;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

const config: Config = {
  ...preset,
  minRSABits: 2048,
  ignoreUnsupportedPackets: false,
  ignoreMalformedPackets: false,
  knownNotations: [],
};
/** Other people's keys have packets that nobody here knows; they are left out. */
const lenient: Config = { ...config, ignoreUnsupportedPackets: true, ignoreMalformedPackets: true };

const { hash } = enums;
const strongHashes: ReadonlySet<number> = new Set([
  hash.sha256,
  hash.sha384,
  hash.sha512,
  hash.sha3_256,
  hash.sha3_512,
]);
const versions: ReadonlySet<number> = new Set([4, 6]);

/**
 * Reads a detached signature: exactly one packet, of a binary document, with nothing critical in it that is unknown.
 * @param bytes binary
 */
export async function readDetachedSignature(
  bytes: Uint8Array,
): Promise<DetachedSignature | 'malformed' | 'weak-signature'> {
  if (!isOneSignaturePacket(bytes)) return 'malformed';
  try {
    const { packets } = await readSignature({ binarySignature: bytes, config });
    const [packet] = packets;
    if (!(packet instanceof SignaturePacket) || packets.length !== 1 || !isPlain(packet)) return 'malformed';
    if (!strongHashes.has(Number(packet.hashAlgorithm))) return 'weak-signature';
    return { packet, keyId: packet.issuerKeyID.toHex() };
  } catch {
    return 'malformed';
  }
}

/** RFC 9580 section 5.2.3.7: what is critical and not understood makes a signature bad. */
function isPlain(packet: SignaturePacket): boolean {
  return (
    versions.has(packet.version) &&
    packet.signatureType === enums.signature.binary &&
    !packet.unknownSubpackets.some(({ critical }) => critical) &&
    !packet.rawNotations.some(({ critical }) => critical)
  );
}

/** @param bytes one transferable public key, binary @returns undefined where it is none */
export async function readPublicKey(bytes: Uint8Array): Promise<PublicKey | undefined> {
  try {
    const key = await readKey({ binaryKey: bytes, config: lenient });
    return key.isPrivate() ? undefined : key;
  } catch {
    return undefined;
  }
}

/** Of the primary key and its subkeys, 16 hexadecimal digits each. */
export function keyIdsOf(key: PublicKey): string[] {
  return key.getKeyIDs().map(id => id.toHex());
}

/**
 * Whether a key, or one of its subkeys, made a signature of a text, and may make signatures at that moment.
 * @param at milliseconds since 1970
 */
export async function verifyDetached(
  { packet }: DetachedSignature,
  text: Uint8Array,
  key: PublicKey,
  at: number,
): Promise<'good' | SignatureFault> {
  const makers = (key.getKeys() as (PublicKey | Subkey)[]).filter(each =>
    each.getKeyID().equals(packet.issuerKeyID),
  );
  for (const maker of makers) {
    if (!(await isMadeBy(packet, text, maker))) continue;
    return isInTime(packet, at) ? await faultOf(key, packet.issuerKeyID, at, maker) : 'bad-signature';
  }
  return 'bad-signature';
}

async function isMadeBy(
  packet: SignaturePacket,
  text: Uint8Array,
  maker: PublicKey | Subkey,
): Promise<boolean> {
  const [literal] = (await createMessage({ binary: text })).packets;
  try {
    // Without a date: times are judged below. It fails by throwing.
    const anyTime = null as unknown as Date;
    await packet.verify(maker.keyPacket, enums.signature.binary, literal as object, anyTime, true, config);
    return true;
  } catch {
    return false;
  }
}

/** The signer's clock may be off, and the text shows by itself that it is fresh. */
function isInTime(packet: SignaturePacket, at: number): boolean {
  const created = packet.created?.getTime() ?? 0;
  if (created > at + minuteMs || created < at - dayMs) return false;
  return packet.getExpirationTime().valueOf() > Math.max(at, created);
}

async function faultOf(
  key: PublicKey,
  id: KeyID,
  at: number,
  maker: PublicKey | Subkey,
): Promise<'good' | SignatureFault> {
  try {
    const found = await key.getSigningKey(id, new Date(at), undefined, config);
    return found.keyPacket === maker.keyPacket ? 'good' : 'bad-signature';
  } catch (error) {
    return faults[stateBy(error)];
  }
}

const faults = {
  expired: 'key-expired',
  revoked: 'key-revoked',
  weak: 'weak-signature',
  unusable: 'bad-signature',
} as const;

/** OpenPGP.js tells its errors apart by their words alone. */
function stateBy(error: unknown): keyof typeof faults {
  const message = error instanceof Error ? error.message : '';
  if (/\brevoked\b/.test(message)) return 'revoked';
  if (/\bexpired\b/.test(message)) return 'expired';
  return /too weak|is disabled|insecure/i.test(message) ? 'weak' : 'unusable';
}

/** Whether a key, or any subkey of it, may make signatures at a moment. @param at milliseconds since 1970 */
export async function keyStateAt(key: PublicKey, at: number): Promise<KeyState> {
  try {
    await key.getSigningKey(undefined, new Date(at), undefined, config);
    return 'good';
  } catch (error) {
    const state = stateBy(error);
    return state === 'weak' ? 'unusable' : state;
  }
}

/** The user ids that a key vouches for itself and has not revoked. @param at milliseconds since 1970 */
export async function userIdsAt(key: PublicKey, at: number): Promise<string[]> {
  const found: string[] = [];
  for (const user of key.users) {
    const isValid = await user.verify(new Date(at), config).then(
      () => true,
      () => false,
    );
    if (isValid && user.userID !== null) found.push(user.userID.userID);
  }
  return found;
}

/** The public keys of one block. @param block armoured where it is text, otherwise binary */
export async function readPublicKeys(
  block: Uint8Array | string,
): Promise<PublicKey[] | 'private' | 'malformed'> {
  try {
    const keys = await (typeof block === 'string'
      ? readKeys({ armoredKeys: block, config: lenient })
      : readKeys({ binaryKeys: block, config: lenient }));
    return keys.some(key => key.isPrivate()) ? 'private' : keys;
  } catch {
    return 'malformed';
  }
}

/** The fingerprints of those parts of a key that are RSA of less than 2048 bits. */
export function weakPartsOf(key: PublicKey): string[] {
  return (key.getKeys() as (PublicKey | Subkey)[])
    .filter(part => (part.getAlgorithmInfo().bits ?? config.minRSABits) < config.minRSABits)
    .map(part => part.getFingerprint());
}
