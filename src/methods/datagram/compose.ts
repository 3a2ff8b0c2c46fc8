/**
 * A request in, a datagram out: the sender of PROTOCOL.md section 8.3, in version 1.0.0. Sending it is net's business.
 */
import { type KeyObject, sign } from 'node:crypto';
import { Agreement, isPoint } from '../../crypto/agreement.js';
import { encryptCbc } from '../../crypto/cbc.js';
import { deriveCipherKey } from './derive.js';
import { encodeEnvelope, encodeRequest, encodeSignatureBlock } from './format.js';
import type { AskedService } from './site.js';

/** What a datagram is made of. */
export interface DatagramRequest {
  /** The server's public key: the point of its certificate, 65 bytes (`pointOf` of crypto/agreement.ts). */
  readonly serverKey: Uint8Array;
  readonly service: AskedService;
  /** The address that it will come from, 16 bytes (net/address.ts). */
  readonly address: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
  /** The client's, DER. */
  readonly certificate: Uint8Array;
  /** The certificate's private key, of P-256. */
  readonly key: KeyObject;
  /** 32 random bytes, for this datagram alone. */
  readonly ephemeral: Uint8Array;
}

/**
 * The bytes of a datagram.
 * @throws RangeError where the server's key is no point; Error where the random bytes are no private key, one time in 2^32
 */
export function composeDatagram(request: DatagramRequest): Uint8Array {
  const { serverKey, service, address, time, certificate, key, ephemeral } = request;
  if (!isPoint(serverKey)) throw new RangeError('"serverKey" expected 65 bytes, a point of P-256');
  const signed = Buffer.concat([encodeRequest(service, address, time), certificate]);
  const signature = sign('sha256', signed, key);
  const agreement = new Agreement(ephemeral);
  const cipher = deriveCipherKey('1.0.0', agreement.secretWith(serverKey));
  const plaintext = Buffer.concat([signed, encodeSignatureBlock(signature)]);
  return encodeEnvelope(encryptCbc(cipher.key, cipher.iv, plaintext), agreement.point);
}
