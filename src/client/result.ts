/** What came of a knock. */

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** One address that was knocked at, or could not be. */
export interface KnockedAddress {
  readonly family: Family;
  /** Where the packets went, with its zone where it has one. */
  readonly address: string;
  /** The own address that the knock is bound to; undefined for none. */
  readonly bound: string | undefined;
  /** The time in the knock, in milliseconds since 1970; undefined where its method has none. */
  readonly time: number | undefined;
  /** How many packets went out, each to a port. */
  readonly ports: number;
  /** The system's word for why nothing could be sent, such as ENETUNREACH; undefined where it was. */
  readonly failure: string | undefined;
}

/** What came of a knock. That it was sent does not say that it was heard: only `opened` does. */
export interface KnockResult {
  readonly host: string;
  /** Of the last knock, in the order in which they were knocked at. */
  readonly addresses: readonly KnockedAddress[];
  /** How many times it was knocked, at least 1. */
  readonly attempts: number;
  /** The port that was waited for; undefined where none was, or where it did not open. */
  readonly opened:
    | {
        readonly address: string;
        /** From the last packet of the knock before it to the connection, in milliseconds. */
        readonly waitMs: number;
      }
    | undefined;
  /** From the call to the end, in milliseconds. */
  readonly totalMs: number;
}

/** A result as an object for programs, its keys in the manner of the profile. */
export function toDocument(result: KnockResult): Record<string, unknown> {
  return {
    host: result.host,
    addresses: result.addresses.map(({ family, address, bound, time, ports, failure }) => ({
      family,
      address,
      bound: bound ?? null,
      time: time === undefined ? null : new Date(time).toISOString(),
      ports,
      failure: failure ?? null,
    })),
    attempts: result.attempts,
    opened: result.opened?.address ?? null,
    wait_ms: result.opened === undefined ? null : rounded(result.opened.waitMs),
    total_ms: rounded(result.totalMs),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
