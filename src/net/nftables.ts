/**
 * Elements of nftables sets over netlink, and word of what others change (linux/netfilter/nf_tables.h).
 *
 * One change costs about 13 µs; `nft add element` 5 ms. Whole tables are loaded with nft (daemon/firewall.ts).
 */
import type { Socket } from 'node:net';
import { isIPv4Mapped } from './address.js';
import {
  Batches,
  batchOf,
  batchStart,
  dataValue,
  deleteElement,
  elementKey,
  elementTimeout,
  elementUserData,
  familyInet,
  listElement,
  listElements,
  listSet,
  listTable,
  newElement,
  subsystem,
} from './batch.js';
import { SystemError } from './libc.js';
import { ignoreQuiet, openNetfilter } from './netfilter.js';
import {
  attribute,
  be64,
  eachAttribute,
  eachMessage,
  nest,
  netfilterHeaderLength,
  netfilterMessage,
  netlinkAck,
  netlinkCreate,
  netlinkRequest,
  text,
} from './netlink.js';
import { readDescriptor } from './readable.js';

const attributeHeaderLength = 4;
const commentType = 0;

/** What a service is reached by. */
export interface Endpoint {
  /** 16 bytes: who may reach it. */
  readonly source: Uint8Array;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** A socket to nf_tables for changes of set elements. Needs CAP_NET_ADMIN. */
export class SetElements {
  readonly #batches: Batches;
  readonly #table: string;
  readonly #templates = new Map<string, AddTemplate>();

  /** @param table a table of family inet @throws SystemError */
  constructor(table: string) {
    this.#table = table;
    this.#batches = new Batches(table);
  }

  /**
   * Adds an element that is not in the set, for a time, by the shortest way.
   * @param comment what `nft list` shows beside it, ASCII, at most 70 characters
   * @throws SystemError, ENOENT where the table or the set is not there
   */
  add(set: string, endpoint: Endpoint, timeoutMs: number, comment: string): void {
    let template = this.#templates.get(set);
    if (template === undefined) {
      template = new AddTemplate(this.#table, set, isIPv4Mapped(endpoint.source));
      this.#templates.set(set, template);
    }
    const sequence = this.#batches.nextSequence();
    this.#batches.send(template.fill(endpoint, timeoutMs, comment, sequence), sequence, 1);
  }

  /**
   * Puts elements in a set for a time, from now on, whether they were there or not: all of them or none.
   * @param comment as for `add`
   * @throws SystemError, ENOENT where the table or the set is not there
   */
  put(set: string, endpoints: readonly Endpoint[], timeoutMs: number, comment: string): void {
    const changes = endpoints.flatMap(endpoint => {
      const added = element(endpoint, timeoutMs, comment);
      // Kernels before 6.12 leave the timeout of an element that is added again as it was. One batch takes effect as
      // a whole, so there is no moment without it.
      return [this.#add(set, added), this.#delete(set, endpoint), this.#add(set, added)];
    });
    this.#batches.apply(changes);
  }

  /** Takes elements out of a set, those that are there. @throws SystemError */
  remove(set: string, endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      try {
        this.#batches.apply([this.#delete(set, endpoint)]);
      } catch (error) {
        if (!(error instanceof SystemError && error.code === 'ENOENT')) throw error;
      }
    }
  }

  close(): void {
    this.#batches.close();
  }

  #add(set: string, added: Uint8Array): Buffer {
    return this.#batches.change(newElement, netlinkCreate, set, added);
  }

  #delete(set: string, endpoint: Endpoint): Buffer {
    return this.#batches.change(deleteElement, 0, set, element(endpoint));
  }
}

/** One element: its key is address, protocol, port, each padded to four bytes. */
function element(endpoint: Endpoint, timeoutMs?: number, comment?: string): Buffer {
  const { source, protocol, port } = endpoint;
  const address = isIPv4Mapped(source) ? source.subarray(12) : source;
  const key = Buffer.concat([address, Uint8Array.of(protocol, 0, 0, 0, port >> 8, port & 0xff, 0, 0)]);
  const attributes = [nest(elementKey, attribute(dataValue, key))];
  if (timeoutMs !== undefined) attributes.push(be64(elementTimeout, timeoutMs));
  if (comment !== undefined) attributes.push(attribute(elementUserData, userData(comment)));
  return nest(listElement, ...attributes);
}

const commentLength = 71;

/** libnftnl's own form of a comment: type, length, text; here with NULs to one length, so that it can be exchanged. */
export function userData(comment: string): Uint8Array {
  const bytes = Buffer.alloc(2 + commentLength);
  bytes.writeUInt8(commentType, 0);
  bytes.writeUInt8(commentLength, 1);
  bytes.write(comment, 2, commentLength - 1, 'latin1');
  return bytes;
}

/** The comment in an element's user data; empty where there is none. */
export function commentOf(bytes: Buffer): string {
  if (bytes.length < 2 || bytes.readUInt8(0) !== commentType) return '';
  return bytes.toString('latin1', 2).replace(/\0.*$/s, '');
}

/** A batch that adds one element, made once; every knock is a few bytes in it. */
class AddTemplate {
  readonly #batch: Buffer;
  readonly #sequenceAt: number;
  readonly #keyAt: number;
  readonly #timeoutAt: number;
  readonly #commentAt: number;
  readonly #addressLength: number;

  constructor(table: string, set: string, isFour: boolean) {
    this.#addressLength = isFour ? 4 : 16;
    const names = [text(listTable, table), text(listSet, set)];
    const source = new Uint8Array(16);
    if (isFour) source.fill(0xff, 10, 12);
    const empty = element({ source, protocol: 0, port: 0 }, 0, '');
    const flags = netlinkRequest | netlinkAck | netlinkCreate;
    const add = netfilterMessage(
      subsystem,
      newElement,
      flags,
      0,
      familyInet,
      0,
      ...names,
      nest(listElements, empty),
    );
    this.#batch = batchOf([add]);
    this.#sequenceAt = batchStart.length + 8;
    // Four attributes lie around the key: elements, element, key, value.
    this.#keyAt =
      batchStart.length +
      netfilterHeaderLength +
      names[0]!.length +
      names[1]!.length +
      4 * attributeHeaderLength;
    this.#timeoutAt = this.#keyAt + this.#addressLength + 8 + attributeHeaderLength;
    this.#commentAt = this.#timeoutAt + 8 + attributeHeaderLength + 2;
  }

  fill({ source, protocol, port }: Endpoint, timeoutMs: number, comment: string, sequence: number): Buffer {
    const batch = this.#batch;
    batch.writeUInt32LE(sequence, this.#sequenceAt);
    batch.set(source.subarray(16 - this.#addressLength), this.#keyAt);
    batch.writeUInt8(protocol, this.#keyAt + this.#addressLength);
    batch.writeUInt16BE(port, this.#keyAt + this.#addressLength + 4);
    batch.writeUInt32BE(Math.floor(timeoutMs / 2 ** 32), this.#timeoutAt);
    batch.writeUInt32BE((timeoutMs % 2 ** 32) >>> 0, this.#timeoutAt + 4);
    batch.fill(0, this.#commentAt, this.#commentAt + commentLength);
    batch.write(comment, this.#commentAt, commentLength - 1, 'latin1');
    return batch;
  }
}

const tableGroup = 7;
const deletions = new Set([2, 5, 8, 11]);
const ruleAddition = 6;

/**
 * Calls `changed` whenever somebody (we ourselves included) adds a rule to a table or deletes a rule, chain or set of
 * it, or the table; `overflow` when word of some changes was lost, after which nothing more comes. Of what a NumberSet of
 * ours changes nothing is told.
 */
export function watchTable(table: string, changed: () => void, overflow: () => void): Socket {
  const fd = openNetfilter('addMembership', tableGroup);
  ignoreQuiet(fd);
  const buffer = Buffer.allocUnsafeSlow(65536);
  const socket = readDescriptor(fd, buffer, datagram => {
    eachMessage(datagram, (type, start, end) => {
      const operation = type & 0xff;
      if (type >> 8 !== subsystem || (operation !== ruleAddition && !deletions.has(operation))) return;
      eachAttribute(buffer, start + netfilterHeaderLength, end, (kind, from, to) => {
        if (kind === listTable && buffer.toString('latin1', from, to - 1) === table) changed();
      });
    });
  });
  socket.on('error', () => {});
  socket.on('close', overflow);
  return socket;
}
