/** Why a knock came to nothing. */
import { OperatorError, type Place } from '../system/error.js';
import type { KnockResult } from './result.js';

/**
 * What a knock can fail of:
 *
 * - `no-address`: the host does not resolve, or has no address of the wanted family
 * - `unreachable`: no address of the host can be reached from here
 * - `not-permitted`: raw packets, or the choice of a sequence number, need a privilege that is not there
 * - `used-up`: no sequence for one use is left in the file, or every sequence number that is good now was used
 * - `sequence-file`: the file of sequences for one use cannot be used
 * - `certificate`: a certificate or its key cannot be used, or does not allow what is asked for
 * - `no-answer`: the server sent no challenge, as one does that is asked with the wrong site key
 * - `not-signed`: the challenge was not signed: the key is not there, or whoever holds it refused
 * - `clock`: the clock of this machine cannot be right
 * - `nothing-listens`: the port is reached, and nobody listens there
 * - `not-open`: the port did not open in time
 */
export type KnockFailure = (typeof failures)[number];

const failures = [
  'no-address',
  'unreachable',
  'not-permitted',
  'used-up',
  'sequence-file',
  'certificate',
  'no-answer',
  'not-signed',
  'clock',
  'nothing-listens',
  'not-open',
] as const;

/** Whether a word is one of these. */
export function isKnockFailure(code: string): code is KnockFailure {
  return failures.some(failure => failure === code);
}

/** A knock that came to nothing: `code` says why, `message` and `hint` are for people. */
export class KnockError extends OperatorError {
  declare readonly code: KnockFailure;
  /** What came of the knock until then, where it was sent at all. */
  readonly result: KnockResult | undefined;

  constructor(code: KnockFailure, message: string, place: Place = {}, result?: KnockResult) {
    super(code, message, place);
    this.name = 'KnockError';
    this.result = result;
  }
}
