/**
 * A request in, ports out: the sender of PROTOCOL.md section 1. Sending them is net's business.
 */
import { classicCipher, encodeClassic } from './classic.js';
import { blockCipher, type Statement, seal, tagKey } from './sealed.js';
import { spellOrdered } from './spelling.js';

/** A request that nobody else can make, and nobody can make twice. */
export interface SealedRequest extends Statement {
  /** 32 bytes. */
  readonly siteKey: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** A request in the manner of Kroon's portknock, which anyone who sees it can repeat. */
export interface ClassicRequest {
  readonly passphrase: string;
  /** 0 to 2^32 − 1. */
  readonly commandId: number;
  /** First port of the window. */
  readonly basePort: number;
}

/** The 16 ports of a sealed knock, in order. */
export function composeSealed(request: SealedRequest): number[] {
  const block = seal(blockCipher(request.siteKey), tagKey(request.key), request);
  return spellOrdered(block, request.basePort);
}

/** The 16 ports of a classic knock, in order. */
export function composeClassic(request: ClassicRequest): number[] {
  return spellOrdered(encodeClassic(classicCipher(request.passphrase), request.commandId), request.basePort);
}
