/** Message authentication: HMAC-SHA256 (RFC 2104), cut to the length that a format has room for. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first `length` bytes of HMAC-SHA256 over a message. */
export function mac(key: Uint8Array, length: number, message: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(message).digest().subarray(0, length);
}

/** Whether two byte strings are equal; for equal lengths the time does not depend on where they differ. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
