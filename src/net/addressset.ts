/**
 * Sets of addresses in nftables, changed and read over netlink: who is a member of which, and for how long.
 *
 * Who should be is daemon/members.ts's.
 */
import { isIPv4Mapped } from './address.js';
import {
  Batches,
  dataValue,
  deleteElement,
  elementExpiration,
  elementKey,
  elementTimeout,
  elementUserData,
  listElement,
  listElements,
  newElement,
} from './batch.js';
import { SystemError } from './libc.js';
import { attribute, be64, eachAttribute, nest, netfilterHeaderLength, netlinkCreate } from './netlink.js';
import { commentOf, userData } from './nftables.js';

/** One address in one set. */
export interface Place {
  readonly set: string;
  /** 16 bytes. */
  readonly source: Uint8Array;
}

export interface Member extends Place {
  /** How long from now; 0: for ever. */
  readonly timeoutMs: number;
  /** ASCII, at most 70 characters. */
  readonly comment: string;
}

/** What nftables and ipset both do. */
export interface AddressSets {
  /** Adds what is not there. @throws SystemError, ENOENT where a set is not there */
  add(members: readonly Member[]): void;
  /** Gives one that is there another time, and never puts one in that is not. @returns whether it was there */
  replace(member: Member): boolean;
  /** Takes out what is there. @throws SystemError */
  remove(place: Place): void;
  close(): void;
}

/** Each change is answered by a message of its own, and all answers have to fit in the socket's buffer. */
const perBatch = 64;
const dump = 0x300;
/** The set changed while it was read, so that elements may be missing from what was. */
const interrupted = 0x10;
const mostReadings = 5;

/** Needs CAP_NET_ADMIN. */
export class TableAddressSets implements AddressSets {
  readonly #batches: Batches;

  /** @param table a table of family inet @throws SystemError */
  constructor(table: string) {
    this.#batches = new Batches(table);
  }

  add(members: readonly Member[]): void {
    for (let at = 0; at < members.length; at += perBatch) {
      this.#batches.apply(members.slice(at, at + perBatch).map(member => this.#adding(member)));
    }
  }

  replace(member: Member): boolean {
    return unlessAbsent(() => this.#batches.apply([this.#removing(member), this.#adding(member)]));
  }

  remove(place: Place): void {
    unlessAbsent(() => this.#batches.apply([this.#removing(place)]));
  }

  /** Everybody who is in a set. @throws SystemError, ENOENT where it is not there */
  list(set: string): Member[] {
    for (let readings = 1; ; readings++) {
      const found: Member[] = [];
      let isWhole = true;
      this.#batches.ask(set, dump, (bytes, start, end) => {
        if ((bytes.readUInt16LE(start + 6) & interrupted) !== 0) isWhole = false;
        eachAttribute(bytes, start + netfilterHeaderLength, end, (list, from, to) => {
          if (list !== listElements) return;
          eachAttribute(bytes, from, to, (_, from, to) => found.push(readMember(set, bytes, from, to)));
        });
      });
      if (isWhole || readings === mostReadings) return found;
    }
  }

  close(): void {
    this.#batches.close();
  }

  #adding({ set, source, timeoutMs, comment }: Member): Buffer {
    const parts = [
      key(source),
      be64(elementTimeout, timeoutMs),
      attribute(elementUserData, userData(comment)),
    ];
    return this.#batches.change(newElement, netlinkCreate, set, nest(listElement, ...parts));
  }

  #removing({ set, source }: Place): Buffer {
    return this.#batches.change(deleteElement, 0, set, nest(listElement, key(source)));
  }
}

/** Does what fails with ENOENT where something is not there. @returns whether it was */
function unlessAbsent(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (!(error instanceof SystemError && error.code === 'ENOENT')) throw error;
    return false;
  }
}

function key(source: Uint8Array): Buffer {
  return nest(elementKey, attribute(dataValue, isIPv4Mapped(source) ? source.subarray(12) : source));
}

function readMember(set: string, bytes: Buffer, start: number, end: number): Member {
  let source: Uint8Array = new Uint8Array(16);
  let timeoutMs = 0;
  let comment = '';
  eachAttribute(bytes, start, end, (part, from, to) => {
    if (part === elementExpiration) timeoutMs = Number(bytes.readBigUInt64BE(from));
    if (part === elementUserData) comment = commentOf(bytes.subarray(from, to));
    if (part !== elementKey) return;
    eachAttribute(bytes, from, to, (_, from, to) => {
      source = sourceOf(bytes.subarray(from, to));
    });
  });
  return { set, source, timeoutMs, comment };
}

/** @param address 4 or 16 bytes; they are copied */
export function sourceOf(address: Uint8Array): Uint8Array {
  const source = new Uint8Array(16);
  if (address.length === 4) source.fill(0xff, 10, 12);
  source.set(address, 16 - address.length);
  return source;
}
