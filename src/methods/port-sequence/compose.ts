/**
 * A request in, ports out: the sender of PROTOCOL.md section 1. Sending them is net's business.
 */
import { classicCipher, encodeClassic } from './classic.js';
import { blockCipher, type Statement, seal, tagKey } from './sealed.js';
import { type Spelling, spell } from './spelling.js';

/** A request that nobody else can make, and nobody can make twice. */
export interface SealedRequest extends Statement {
  /** 32 bytes. */
  readonly siteKey: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly spelling: Spelling;
}

/** A request in the manner of Kroon's portknock, which anyone who sees it can repeat. */
export interface ClassicRequest {
  readonly passphrase: string;
  /** 0 to 2^32 − 1. */
  readonly commandId: number;
  /** First port of the window. */
  readonly basePort: number;
  readonly spelling: Spelling;
}

/** The ports of a sealed knock, in order: 16 of them, or 32 where it is spread. */
export function composeSealed(request: SealedRequest): number[] {
  const block = seal(blockCipher(request.siteKey), tagKey(request.key), request);
  return spell(request.spelling, block, request.basePort);
}

/** The ports of a classic knock, in order: 16 of them, or 32 where it is spread. */
export function composeClassic(request: ClassicRequest): number[] {
  const block = encodeClassic(classicCipher(request.passphrase), request.commandId);
  return spell(request.spelling, block, request.basePort);
}
