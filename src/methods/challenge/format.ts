/**
 * Fields ⇄ bytes of hello, challenge and response, before they are sealed (PROTOCOL.md section 9.1 to 9.3).
 *
 * It neither seals nor signs, and does not look into signatures. What it decodes are views.
 */
import { overheadLength } from '../../crypto/aead.js';
import { addressLength } from '../../net/address.js';
import { type SignatureKind, signatureKinds } from './site.js';

const version = 1;
/** Version and seven zeros, with which a hello and a challenge begin. */
const headLength = 8;
const timeLength = 8;
export const exchangeLength = 16;
export const nonceLength = 16;
export const macLength = 16;
const doorLength = 32;

const helloRoom = 36;
const helloPlaintextLength = headLength + timeLength + exchangeLength + doorLength + helloRoom;
const challengePlaintextLength =
  headLength + timeLength + exchangeLength + addressLength + nonceLength + macLength;
const responseHeadLength = 2 + timeLength + nonceLength + macLength + addressLength + doorLength;

/** No signature of a kind that is taken is shorter. */
export const shortestSignature = 64;
/** Lengths of whole datagrams. The longest fits any network of IPv6: 1280 bytes less two headers (RFC 8200 section 5). */
export const helloLength: number = overheadLength + helloPlaintextLength;
export const challengeLength: number = overheadLength + challengePlaintextLength;
export const shortestResponse: number = overheadLength + responseHeadLength + shortestSignature;
export const longestResponse = 1232;
export const longestSignature: number = longestResponse - overheadLength - responseHeadLength;

/** How long a challenge may be answered. */
export const challengeLifeMs = 30_000;

/** The last time that is read, 9999-12-31T23:59:59.999Z: those after it have a text of another length. */
const lastTime = 253_402_300_799_999;
/** As names of doors are in a configuration. */
const doorPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

export interface Hello {
  /** Milliseconds since 1970, as are all times here. */
  readonly time: number;
  /** 16 bytes, of which the challenge is known as the answer to this. */
  readonly exchange: Uint8Array;
  readonly door: string;
}

/** What of a challenge its answer brings back. */
export interface Question {
  readonly expires: number;
  /** The client's address as the server saw it, 16 bytes (net/address.ts). */
  readonly source: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** 16 bytes. */
  readonly mac: Uint8Array;
}

export interface ChallengeMessage extends Question {
  readonly exchange: Uint8Array;
}

export interface Response extends Question {
  readonly kind: SignatureKind;
  readonly door: string;
  /** 64 to 1114 bytes. */
  readonly signature: Uint8Array;
}

/** What a payload may be, by its length alone. */
export function shapeOf(payload: Uint8Array): 'hello' | 'response' | undefined {
  if (payload.length === helloLength) return 'hello';
  return payload.length >= shortestResponse && payload.length <= longestResponse ? 'response' : undefined;
}

/** @throws RangeError where a field does not fit its place */
export function encodeHello({ time, exchange, door }: Hello): Uint8Array {
  return Buffer.concat(
    [head(), encodeTime(time), fixed('exchange', exchange, exchangeLength), encodeDoor(door)],
    helloPlaintextLength,
  );
}

export function decodeHello(plaintext: Uint8Array): Hello | undefined {
  const read = reader(plaintext);
  const isRight = plaintext.length === helloPlaintextLength && isHead(read(headLength));
  const time = decodeTime(read(timeLength));
  const exchange = read(exchangeLength);
  const door = decodeDoor(read(doorLength));
  if (!isRight || time === undefined || door === undefined || !isZero(read(helloRoom))) return undefined;
  return { time, exchange, door };
}

/** @throws RangeError where a field does not fit its place */
export function encodeChallenge({ expires, exchange, source, nonce, mac }: ChallengeMessage): Uint8Array {
  const own = fixed('exchange', exchange, exchangeLength);
  const { address, ...question } = fields({ expires, source, nonce, mac });
  return Buffer.concat([head(), question.time, own, address, question.nonce, question.mac]);
}

export function decodeChallenge(plaintext: Uint8Array): ChallengeMessage | undefined {
  const read = reader(plaintext);
  const isRight = plaintext.length === challengePlaintextLength && isHead(read(headLength));
  const expires = decodeTime(read(timeLength));
  const exchange = read(exchangeLength);
  const [source, nonce, mac] = [read(addressLength), read(nonceLength), read(macLength)];
  return isRight && expires !== undefined ? { expires, exchange, source, nonce, mac } : undefined;
}

/** @throws RangeError where a field does not fit its place, a signature that is too long among them */
export function encodeResponse(response: Response): Uint8Array {
  const { kind, door, signature } = response;
  if (signature.length < shortestSignature || signature.length > longestSignature) {
    const range = `${shortestSignature} to ${longestSignature}`;
    throw new RangeError(`"signature" expected ${range} bytes, got ${signature.length}`);
  }
  const { time, nonce, mac, address } = fields(response);
  const code = Uint8Array.of(version, signatureKinds.indexOf(kind) + 1);
  return Buffer.concat([code, time, nonce, mac, address, encodeDoor(door), signature]);
}

export function decodeResponse(plaintext: Uint8Array): Response | undefined {
  if (plaintext.length < responseHeadLength + shortestSignature) return undefined;
  const read = reader(plaintext);
  const [readVersion, code] = read(2);
  const kind = signatureKinds[code! - 1];
  const expires = decodeTime(read(timeLength));
  const [nonce, mac, source] = [read(nonceLength), read(macLength), read(addressLength)];
  const door = decodeDoor(read(doorLength));
  if (readVersion !== version || !kind || expires === undefined || door === undefined) return undefined;
  return { kind, expires, nonce, mac, source, door, signature: plaintext.subarray(responseHeadLength) };
}

/** Eight bytes. @throws RangeError where it is no time */
export function encodeTime(time: number): Uint8Array {
  if (!Number.isSafeInteger(time) || time < 0) {
    throw new RangeError(`"time" expected integer from 0, got ${time}`);
  }
  const bytes = Buffer.alloc(timeLength);
  bytes.writeBigUInt64BE(BigInt(time));
  return bytes;
}

function decodeTime(bytes: Uint8Array): number | undefined {
  if (bytes.length !== timeLength) return undefined;
  const time = Number(new DataView(bytes.buffer, bytes.byteOffset, timeLength).getBigUint64(0));
  return time <= lastTime ? time : undefined;
}

/** 32 bytes: ASCII, then zeros. @throws RangeError where it is no name of a door */
export function encodeDoor(door: string): Uint8Array {
  if (!doorPattern.test(door)) throw new RangeError(`"door" expected a name of a door, got "${door}"`);
  const bytes = Buffer.alloc(doorLength);
  bytes.write(door, 'latin1');
  return bytes;
}

function decodeDoor(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1').replace(/\0+$/, '');
  return doorPattern.test(text) ? text : undefined;
}

function head(): Uint8Array {
  const bytes = new Uint8Array(headLength);
  bytes[0] = version;
  return bytes;
}

function isHead(bytes: Uint8Array): boolean {
  return bytes[0] === version && isZero(bytes.subarray(1));
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0);
}

function fields({ expires, source, nonce, mac }: Question) {
  return {
    time: encodeTime(expires),
    address: fixed('source', source, addressLength),
    nonce: fixed('nonce', nonce, nonceLength),
    mac: fixed('mac', mac, macLength),
  };
}

function fixed(name: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) {
    throw new RangeError(`"${name}" expected ${length} bytes, got ${bytes.length}`);
  }
  return bytes;
}

/** Takes one field after another; past the end they are short. */
function reader(bytes: Uint8Array): (length: number) => Uint8Array {
  let at = 0;
  return length => {
    at += length;
    return bytes.subarray(at - length, at);
  };
}
