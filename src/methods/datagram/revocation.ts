/** Whether a certificate is good at a moment: the dates of its chain, and what the authorities have revoked. */
import type { Link } from '../../crypto/authority.js';
import type { Credential } from '../../crypto/chain.js';
import type { Reason } from '../knock.js';
import type { RevocationList } from './site.js';

/** How lists are asked. */
export interface ListDemand {
  /** Whether every authority must have a list that is in date. */
  readonly required: boolean;
  /** Whether every authority must have a list, whatever its dates. */
  readonly awaited: boolean;
  /** How far the clock of an authority may be ahead. */
  readonly skewMs: number;
}

/** What authorities have revoked; a list that is out of date still counts for that. */
export class Revocations {
  /** What they were made of. */
  readonly lists: readonly RevocationList[];
  readonly #revoked: readonly { readonly authority: string; readonly serials: ReadonlySet<string> }[];

  /** Takes seconds where lists name millions. */
  constructor(lists: readonly RevocationList[]) {
    this.lists = lists;
    this.#revoked = lists.map(({ authority, serials }) => ({ authority, serials: new Set(serials) }));
  }

  /** Why a certificate is not good at a moment, or undefined: one good way to a trusted authority is enough. */
  objection({ chains }: Credential, at: number, demand: ListDemand): Reason | undefined {
    const objections = chains.map(chain => this.#objection(chain, at, demand));
    return objections.includes(undefined) ? undefined : objections.find(reason => reason !== undefined);
  }

  #objection(chain: readonly Link[], at: number, demand: ListDemand): Reason | undefined {
    if (!chain.every(({ from, until }) => from <= at && at <= until)) return 'expired';
    if (!chain.every(({ issuer }) => this.#hasLists(issuer, at, demand))) return 'crl-out-of-date';
    const isRevoked = chain.some(
      ({ issuer, serial }) => serial !== undefined && this.#isRevoked(issuer, serial),
    );
    return isRevoked ? 'revoked' : undefined;
  }

  #isRevoked(issuer: string, serial: string): boolean {
    return this.#revoked.some(({ authority, serials }) => authority === issuer && serials.has(serial));
  }

  #hasLists(issuer: string, at: number, { required, awaited, skewMs }: ListDemand): boolean {
    if (!required && !awaited) return true;
    return this.lists.some(({ authority, from, until = Number.POSITIVE_INFINITY }) => {
      const isInDate = from - skewMs <= at && at <= until;
      return authority === issuer && (isInDate || !required);
    });
  }
}
