/** What seqknock's derivation may be, as far as its source could be read: one set of input, and a number for each choice. */
import { readFileSync } from 'node:fs';

interface Candidate {
  readonly kmac128_L32bits?: string;
  readonly u32be?: number;
  readonly u32le?: number;
  readonly kmac128_L256_first4?: string;
  readonly hmac_sha3_256?: string;
  readonly first4_be?: number;
  readonly first4_le?: number;
}

const file = new URL('../../../../test/vectors/seqknock-candidates.json', import.meta.url);

export const candidatesFile = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly psk: string;
  readonly port: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** Seconds. */
  readonly period: number;
  readonly counter: number;
  readonly kmac_custom: string;
  readonly candidates: Readonly<Record<string, Candidate>>;
};

/** The one that PROTOCOL.md section 7.1 says. */
export const chosen = 'v1 u64be(counter)';
