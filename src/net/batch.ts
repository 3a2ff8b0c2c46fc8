/**
 * Batches of changes to nf_tables, which take effect as a whole or not at all (linux/netfilter/nf_tables.h).
 *
 * What the changes are is net/nftables.ts's and net/numberset.ts's.
 */
import { doNotWait, libc, SystemError } from './libc.js';
import { openNetfilter } from './netfilter.js';
import {
  eachMessage,
  nest,
  netfilterMessage,
  netlinkAck,
  netlinkError,
  netlinkRequest,
  text,
} from './netlink.js';

export const subsystem = 10;
const batchBegin = 0x10;
const batchEnd = 0x11;
export const newElement = 12;
const getElements = 13;
export const deleteElement = 14;
export const familyInet = 1;

export const listTable = 1;
export const listSet = 2;
export const listElements = 3;
export const listElement = 1;
export const elementKey = 1;
export const elementTimeout = 4;
export const elementExpiration = 5;
export const elementUserData = 6;
export const dataValue = 1;

/** What stands before the changes. */
export const batchStart = netfilterMessage(0, batchBegin, netlinkRequest, 0, 0, subsystem);
const batchStop = netfilterMessage(0, batchEnd, netlinkRequest, 0, 0, subsystem);

/** The bytes that carry changes to the kernel. */
export function batchOf(changes: readonly Uint8Array[]): Buffer {
  return Buffer.concat([batchStart, ...changes, batchStop]);
}

/** A socket to nf_tables for changes of one table's sets. Needs CAP_NET_ADMIN. */
export class Batches {
  readonly #fd: number;
  readonly #table: string;
  readonly #answer = Buffer.alloc(32768);
  #sequence = 0;

  /** @param table a table of family inet @param isQuiet as for `openNetfilter` @throws SystemError */
  constructor(table: string, isQuiet = false) {
    this.#table = table;
    this.#fd = openNetfilter('capAcknowledgements', 1, isQuiet);
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  /** One change of a set, to be applied together with those made right before and after it. */
  change(type: number, flags: number, set: string, ...elements: readonly Uint8Array[]): Buffer {
    return this.#message(type, netlinkAck | flags, set, nest(listElements, ...elements));
  }

  /** Makes changes, all of them or none. @throws SystemError */
  apply(changes: readonly Buffer[]): void {
    const first = this.#sequence - changes.length + 1;
    this.send(batchOf(changes), first, changes.length);
  }

  /** Sends a batch. @param first the sequence number of its first change @throws SystemError */
  send(batch: Buffer, first: number, changes: number): void {
    libc().sendto(this.#fd, batch, batch.length, 0, null, 0);
    this.#requireAcks(first, changes);
  }

  /** Asks for what a set holds. @param answer is called with every message about it @throws SystemError */
  ask(set: string, flags: number, answer: (datagram: Buffer, start: number, end: number) => void): void {
    const question = this.#message(getElements, flags, set);
    const sequence = this.#sequence;
    libc().sendto(this.#fd, question, question.length, 0, null, 0);
    let failed = 0;
    for (let isDone = false; !isDone; ) {
      const length = libc().recv(this.#fd, this.#answer, this.#answer.length, 0);
      eachMessage(this.#answer.subarray(0, length), (type, start, end, its) => {
        if (its !== sequence) return;
        if (type === done || type === netlinkError) {
          isDone = true;
          failed = -this.#answer.readInt32LE(start + 16);
        } else answer(this.#answer, start, end);
      });
    }
    if (failed !== 0) throw new SystemError('nf_tables', failed);
  }

  close(): void {
    libc().close(this.#fd);
  }

  #message(type: number, flags: number, set: string, ...attributes: readonly Buffer[]): Buffer {
    const names = [text(listTable, this.#table), text(listSet, set)];
    const sequence = this.nextSequence();
    return netfilterMessage(
      subsystem,
      type,
      netlinkRequest | flags,
      sequence,
      familyInet,
      0,
      ...names,
      ...attributes,
    );
  }

  /** nf_tables answers before sendto returns: what is not there by then does not come. */
  #requireAcks(first: number, expected: number): void {
    const answer = this.#answer;
    let failed = 0;
    let acknowledged = 0;
    while (failed === 0 && acknowledged < expected) {
      const length = libc().recv(this.#fd, answer, answer.length, doNotWait);
      eachMessage(answer.subarray(0, length), (type, start, _end, sequence) => {
        if (type !== netlinkError || (sequence !== 0 && sequence < first)) return;
        const errno = -answer.readInt32LE(start + 16);
        if (errno !== 0) failed ||= errno;
        else acknowledged++;
      });
    }
    if (failed !== 0) throw new SystemError('nf_tables', failed);
  }
}

const done = 3;
