/**
 * Fields ⇄ bytes of a datagram signed by a certificate (PROTOCOL.md section 8.1 and 8.2), as sKnock has them.
 *
 * It neither encrypts nor signs, and does not look into the certificate.
 */
import { addressLength, isIPv4Mapped } from '../../net/address.js';
import { tcp, udp } from '../../net/packet.js';
import type { AskedService } from './site.js';

/** The two versions in the field: 1.0.0 and, older, 0.0.1. */
export type Version = '1.0.0' | '0.0.1';

/** What a datagram begins with: the letter a and its version, as the kernel compares it, and in bytes. */
export const headers: Readonly<Record<Version, number>> = { '1.0.0': 0x61010000, '0.0.1': 0x61000001 };
export const headerLength = 4;

/** An ephemeral public key: a point of P-256, uncompressed (SEC 1 section 2.3.3). */
export const pointLength = 65;
const uncompressed = 0x04;

/** What 0.0.1 has before the point, to make it a SubjectPublicKeyInfo of DER (RFC 5480 section 2). */
export const pointPrefix: Uint8Array = Buffer.from(
  '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  'hex',
);

const blockLength = 16;
export const requestLength = 24;
const addressOffset = 4;
const timeOffset = 20;
/** One byte that says how long the signature is, and room for the longest one. */
export const signatureBlockLength = 73;
const shortestSignature = 8;
const longestSignature = signatureBlockLength - 1;

/** No certificate with a key of P-256, the signature of an authority and a right is shorter. */
const shortestCertificate = 200;

/** What a ciphertext comes to, its padding included (PKCS #7 adds 1 to 16 bytes). */
function ciphertextLength(plaintextLength: number): number {
  return (Math.floor(plaintextLength / blockLength) + 1) * blockLength;
}

/** Lengths of payloads that are looked at; what is longer than the longest is no knock, whatever it holds. */
export const shortestDatagram: number =
  headerLength + ciphertextLength(requestLength + shortestCertificate + signatureBlockLength) + pointLength;
export const longestDatagram = 4096;

/** The parts of a datagram, views of it. */
export interface Envelope {
  readonly version: Version;
  readonly ciphertext: Uint8Array;
  /** 65 bytes, the first of them right; whether the point is on the curve is not known. */
  readonly point: Uint8Array;
}

/** What is asked for, and by whom. */
export interface Request {
  readonly service: AskedService;
  /** 16 bytes as they stand there: IPv6, or IPv4 and twelve zeros. */
  readonly address: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
}

/** A plaintext in its parts; all but the request are views. */
export interface Plaintext {
  readonly request: Request;
  /** What the signature covers: the bytes of the request and the certificate. */
  readonly signed: Uint8Array;
  /** DER, unread. */
  readonly certificate: Uint8Array;
  /** DER, unread; 8 to 72 bytes. */
  readonly signature: Uint8Array;
}

/** Whether a payload has the shape of a datagram; all that can be said of it without computing anything. */
export function isCandidate(payload: Uint8Array): boolean {
  return decodeEnvelope(payload) !== undefined;
}

/** The parts of a payload, or undefined where it has not the shape of a datagram. */
export function decodeEnvelope(payload: Uint8Array): Envelope | undefined {
  if (payload.length < shortestDatagram || payload.length > longestDatagram) return undefined;
  const version = versionOf(payload);
  if (version === undefined) return undefined;
  const prefix = version === '1.0.0' ? 0 : pointPrefix.length;
  const pointAt = payload.length - pointLength;
  const end = pointAt - prefix;
  if ((end - headerLength) % blockLength !== 0 || payload[pointAt] !== uncompressed) return undefined;
  for (let at = 0; at < prefix; at++) if (payload[end + at] !== pointPrefix[at]) return undefined;
  return { version, ciphertext: payload.subarray(headerLength, end), point: payload.subarray(pointAt) };
}

function versionOf(payload: Uint8Array): Version | undefined {
  const header = ((payload[0]! << 24) | (payload[1]! << 16) | (payload[2]! << 8) | payload[3]!) >>> 0;
  if (header === headers['1.0.0']) return '1.0.0';
  return header === headers['0.0.1'] ? '0.0.1' : undefined;
}

/** The datagram of version 1.0.0. @param ciphertext whole blocks @param point 65 bytes */
export function encodeEnvelope(ciphertext: Uint8Array, point: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerLength);
  header.writeUInt32BE(headers['1.0.0']);
  return Buffer.concat([header, ciphertext, point]);
}

/** The parts of a plaintext, its padding taken off, or undefined where it is none. */
export function decodePlaintext(plaintext: Uint8Array): Plaintext | undefined {
  const blockAt = plaintext.length - signatureBlockLength;
  if (blockAt <= requestLength) return undefined;
  const request = decodeRequest(plaintext);
  const signature = decodeSignatureBlock(plaintext.subarray(blockAt));
  if (request === undefined || signature === undefined) return undefined;
  const certificate = plaintext.subarray(requestLength, blockAt);
  return { request, certificate, signature, signed: plaintext.subarray(0, blockAt) };
}

function decodeRequest(bytes: Uint8Array): Request | undefined {
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (bytes[0] !== 0 || bytes[1]! > 1 || port === 0) return undefined;
  const [a, b, c, d] = bytes.subarray(timeOffset, requestLength);
  return {
    service: { protocol: bytes[1] === 1 ? tcp : udp, port },
    address: bytes.subarray(addressOffset, addressOffset + addressLength),
    time: ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0,
  };
}

/** The signature stands at the end, zeros before it. */
function decodeSignatureBlock(block: Uint8Array): Uint8Array | undefined {
  const length = block[0]!;
  if (length < shortestSignature || length > longestSignature) return undefined;
  const at = block.length - length;
  for (let padding = 1; padding < at; padding++) if (block[padding] !== 0) return undefined;
  return block.subarray(at);
}

/** The 24 bytes of a request, which the signature covers with the certificate. @param time seconds, 0 to 2^32 − 1 */
export function encodeRequest(service: AskedService, address: Uint8Array, time: number): Uint8Array {
  const bytes = Buffer.alloc(requestLength);
  bytes[1] = service.protocol === tcp ? 1 : 0;
  bytes.writeUInt16BE(service.port, 2);
  bytes.set(encodeAddress(address), addressOffset);
  bytes.writeUInt32BE(time, timeOffset);
  return bytes;
}

/** @param signature DER, at most 72 bytes, as ECDSA with P-256 makes it */
export function encodeSignatureBlock(signature: Uint8Array): Uint8Array {
  if (signature.length > longestSignature)
    throw new RangeError(`"signature" expected at most ${longestSignature} bytes, got ${signature.length}`);
  const block = Buffer.alloc(signatureBlockLength);
  block[0] = signature.length;
  block.set(signature, signatureBlockLength - signature.length);
  return block;
}

/** An address as it stands in a request. @param address 16 bytes (net/address.ts) */
export function encodeAddress(address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(addressLength);
  bytes.set(isIPv4Mapped(address) ? address.subarray(12) : address);
  return bytes;
}
