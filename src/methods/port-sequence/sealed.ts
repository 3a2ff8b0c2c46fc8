/**
 * The sealed block, version 1 (PROTOCOL.md section 1.4): fields ⇄ 16 bytes, its keys and its tag.
 *
 * The site key hides, the client key proves. Opening a block proves nothing: what comes out is a `Claim`,
 * and only `hasTag` says whether the client made it. Freshness and replay are the receiver's to check.
 */
import { BlockCipher, blockLength } from '../../crypto/cipher.js';
import { deriveKey } from '../../crypto/derive.js';
import { equalBytes, mac } from '../../crypto/mac.js';

/** The format's zero of time, 2024-01-01T00:00:00Z, in milliseconds since 1970. */
export const sealedEpoch = Date.UTC(2024, 0, 1);
/** The last time that five bytes can say, in milliseconds since 1970 (in the year 2058). */
export const lastSealedTime = sealedEpoch + 2 ** 40 - 1;

/** The address of a client that does not know how the server sees it. */
export const zeroAddress: Uint8Array = new Uint8Array(16);

const headLength = 8;
const tagLength = 8;

/** What a block says before anything has been proved. */
export interface Claim {
  readonly clientId: number;
  readonly commandId: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The whole plaintext, 16 bytes: the head that the tag covers, and the tag. */
  readonly plaintext: Uint8Array;
}

/** The cipher that hides every block of a site; the site key is 32 random bytes. */
export function blockCipher(siteKey: Uint8Array): BlockCipher {
  return new BlockCipher(deriveKey(siteKey, 'portknock/sealed/1 block'));
}

/** The key of a client's tags, 32 bytes; the client key is 32 random bytes. */
export function tagKey(clientKey: Uint8Array): Uint8Array {
  return deriveKey(clientKey, 'portknock/sealed/1 tag');
}

/** What a client says in a block, and for whom it is. */
export interface Statement {
  /** 0 to 65535. */
  readonly clientId: number;
  /** 0 to 255. */
  readonly commandId: number;
  /** Milliseconds since 1970, `sealedEpoch` to `lastSealedTime`. */
  readonly time: number;
  /** First port of the window. */
  readonly basePort: number;
  /** 16 bytes: the client's address as the server sees it, or `zeroAddress`. */
  readonly address: Uint8Array;
}

/** The 16 bytes of a sealed block. @throws RangeError where a field does not fit its place */
export function seal(cipher: BlockCipher, key: Uint8Array, statement: Statement): Uint8Array {
  const { clientId, commandId, time, basePort, address } = statement;
  requireInteger('clientId', clientId, 0, 0xffff);
  requireInteger('commandId', commandId, 0, 0xff);
  requireInteger('time', time, sealedEpoch, lastSealedTime);
  const plaintext = Buffer.alloc(blockLength);
  plaintext.writeUInt16BE(clientId, 0);
  plaintext.writeUInt8(commandId, 2);
  plaintext.writeUIntBE(time - sealedEpoch, 3, 5);
  plaintext.set(tagOf(key, plaintext.subarray(0, headLength), basePort, address), headLength);
  return cipher.encrypt(plaintext);
}

/** What a block claims; every 16 bytes claim something. */
export function unseal(cipher: BlockCipher, block: Uint8Array): Claim {
  const plaintext = cipher.decrypt(block);
  const view = new DataView(plaintext.buffer, plaintext.byteOffset, blockLength);
  return {
    clientId: view.getUint16(0),
    commandId: view.getUint8(2),
    time: sealedEpoch + view.getUint8(3) * 2 ** 32 + view.getUint32(4),
    plaintext,
  };
}

/** Whether a claim's tag was made with this key, for this window and this address (16 bytes). */
export function hasTag(claim: Claim, key: Uint8Array, basePort: number, address: Uint8Array): boolean {
  const head = claim.plaintext.subarray(0, headLength);
  return equalBytes(claim.plaintext.subarray(headLength), tagOf(key, head, basePort, address));
}

function tagOf(key: Uint8Array, head: Uint8Array, basePort: number, address: Uint8Array): Uint8Array {
  if (address.length !== 16) throw new RangeError(`"address" expected 16 bytes, got ${address.length}`);
  const covered = new Uint8Array(headLength + 2 + address.length);
  covered.set(head);
  covered[headLength] = basePort >> 8;
  covered[headLength + 1] = basePort & 0xff;
  covered.set(address, headLength + 2);
  return mac(key, tagLength, covered);
}

export function requireInteger(name: string, value: number, lowest: number, highest: number): void {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new RangeError(`"${name}" expected integer ${lowest} to ${highest}, got ${value}`);
  }
}
