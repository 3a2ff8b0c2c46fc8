/**
 * Packets in, a knock or a refusal out: the receiver of PROTOCOL.md sections 1.3 and 1.4.
 *
 * Pure: the clock is the packet's, the ledger is a question it asks. It decides who knocks for which door and whether
 * the knock is good; whether the door opens is for admission.
 */
import type { BlockCipher } from '../../crypto/cipher.js';
import { blockLength } from '../../crypto/cipher.js';
import { equalBytes } from '../../crypto/mac.js';
import { type Packet, synOnly, tcp } from '../../net/packet.js';
import { authenticate, type Knock, type Reason, type Refusal, type Verdict } from '../knock.js';
import { decodeClassic } from './classic.js';
import { OrderedSequences } from './ordered.js';
import { type Claim, hasTag, unseal, zeroAddress } from './sealed.js';
import type { Sequences } from './sequences.js';
import { offsetIn, type Spelling } from './spelling.js';
import { SpreadSequences } from './spread.js';

const method = 'port-sequence';

/** A client that knocks with sealed blocks. */
export interface SealedClient {
  readonly name: string;
  readonly id: number;
  /** 32 bytes, from `tagKey`. */
  readonly tagKey: Uint8Array;
  readonly doors: ReadonlySet<string>;
  /** False: the zero address is accepted too, for a client behind NAT. */
  readonly addressRequired: boolean;
  readonly revoked: boolean;
}

/** A client that knocks with classic blocks, which anyone can replay. */
export interface ClassicClient {
  readonly name: string;
  readonly cipher: BlockCipher;
  readonly doors: ReadonlySet<string>;
  readonly revoked: boolean;
}

/** What is configured: who may knock here, and for what. */
export interface Site {
  readonly spelling: Spelling;
  readonly basePort: number;
  readonly skewMs: number;
  /** Undefined where only classic clients knock. */
  readonly cipher: BlockCipher | undefined;
  /** By client id. */
  readonly clients: ReadonlyMap<number, SealedClient>;
  readonly classicClients: readonly ClassicClient[];
  /** Names of doors by command id. */
  readonly doors: ReadonlyMap<number, string>;
}

/** The time of the last knock accepted from a client, in milliseconds since 1970; 0 for none. */
export type LastAccepted = (clientId: number) => number;

export class PortSequence {
  /** Blocks that were nobody's knock: noise, scans, knocks under another site key. */
  noise = 0;
  readonly #lastAccepted: LastAccepted;
  readonly #capacity: number;
  readonly #seed: Uint8Array;
  readonly #block = Buffer.alloc(blockLength);
  #site: Site;
  #sequences: Sequences;

  /** @param capacity sources to remember, a power of two @param seed 36 random bytes */
  constructor(site: Site, lastAccepted: LastAccepted, capacity: number, seed: Uint8Array) {
    this.#site = site;
    this.#lastAccepted = lastAccepted;
    this.#capacity = capacity;
    this.#seed = seed;
    this.#sequences = this.#emptySequences(site.spelling);
  }

  /** How many sources are remembered. */
  get sources(): number {
    return this.#sequences.count;
  }

  get site(): Site {
    return this.#site;
  }

  /** May be replaced between packets: what has been half heard stays, unless it is to be spelled otherwise. */
  set site(site: Site) {
    if (site.spelling !== this.#site.spelling) this.#sequences = this.#emptySequences(site.spelling);
    this.#site = site;
  }

  recognise(packet: Packet): Verdict {
    if (packet.protocol !== tcp || !synOnly(packet.flags)) return undefined;
    const offset = offsetIn(this.#site.spelling, packet.port, this.#site.basePort);
    if (offset < 0 || !this.#sequences.hear(packet, offset)) return undefined;
    while (this.#sequences.next(this.#block)) {
      const verdict = this.#judge(packet);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  #emptySequences(spelling: Spelling): Sequences {
    const Heard = spelling === 'ordered' ? OrderedSequences : SpreadSequences;
    return new Heard(this.#capacity, this.#seed);
  }

  #judge(packet: Packet): Verdict {
    const claim = this.site.cipher && unseal(this.site.cipher, this.#block);
    const fresh = claim !== undefined && Math.abs(packet.at - claim.time) <= this.site.skewMs;
    const verdict = fresh ? this.#judgeSealed(packet, claim) : this.#judgeClassic(packet);
    if (verdict !== undefined) {
      this.#sequences.spend();
      return verdict;
    }
    if (!this.#sequences.isTelling) return undefined;
    this.#sequences.dismiss();
    // Without a fresh time it may still have been meant.
    const old = claim && this.#judgeOld(packet, claim);
    if (old === undefined) this.noise++;
    return old;
  }

  #judgeSealed(packet: Packet, claim: Claim): Verdict {
    const client = this.site.clients.get(claim.clientId);
    const door = this.site.doors.get(claim.commandId);
    const refuse = (reason: Reason) => refusal(packet, reason, door, client?.name);
    if (client === undefined) return refuse('unknown-client');
    if (door === undefined) return refuse('unknown-command');
    if (!client.doors.has(door)) return refuse('not-allowed');
    if (claim.time <= this.#lastAccepted(client.id)) return refuse('replayed');
    return this.#authenticate(packet, claim, client, door) ?? refuse(this.#whyNoTag(claim, client));
  }

  /** A block whose time is not fresh is called a knock only where its client and its door exist. */
  #judgeOld(packet: Packet, claim: Claim): Verdict {
    const client = this.site.clients.get(claim.clientId);
    const door = this.site.doors.get(claim.commandId);
    if (client === undefined || door === undefined) return undefined;
    if (!client.doors.has(door)) return refusal(packet, 'not-allowed', door, client.name);
    return refusal(packet, 'stale', door, client.name, packet.at - claim.time);
  }

  #authenticate(packet: Packet, claim: Claim, client: SealedClient, door: string): Verdict {
    const { basePort } = this.site;
    // A source of zeros binds nothing: the zero address is a client's word that it does not know its own.
    const bound =
      !equalBytes(packet.source, zeroAddress) && hasTag(claim, client.tagKey, basePort, packet.source);
    if (!bound && (client.addressRequired || !hasTag(claim, client.tagKey, basePort, zeroAddress)))
      return undefined;
    if (client.revoked) return refusal(packet, 'revoked', door, client.name);
    return accept(packet, client.name, door, { clientId: client.id, time: claim.time });
  }

  /** The zero address tells nothing of the key that a wrong tag would not: the tag was right. */
  #whyNoTag(claim: Claim, client: SealedClient): Reason {
    return client.addressRequired && hasTag(claim, client.tagKey, this.site.basePort, zeroAddress)
      ? 'wrong-address'
      : 'bad-tag';
  }

  #judgeClassic(packet: Packet): Verdict {
    for (const client of this.site.classicClients) {
      const commandId = decodeClassic(client.cipher, this.#block);
      if (commandId === undefined) continue;
      const door = this.site.doors.get(commandId);
      if (door === undefined) return refusal(packet, 'unknown-command', undefined, client.name);
      if (!client.doors.has(door)) return refusal(packet, 'not-allowed', door, client.name);
      if (client.revoked) return refusal(packet, 'revoked', door, client.name);
      return accept(packet, client.name, door, undefined);
    }
    return undefined;
  }
}

function accept(packet: Packet, client: string, door: string, once: Knock['once']): Knock {
  return authenticate({ method, door, client, source: Uint8Array.from(packet.source), at: packet.at, once });
}

function refusal(
  packet: Packet,
  reason: Reason,
  door: string | undefined,
  client: string | undefined,
  detail?: number,
): Refusal {
  const source = Uint8Array.from(packet.source);
  return {
    outcome: 'refused',
    method,
    reason,
    door,
    client,
    source,
    at: packet.at,
    detail,
  };
}
