/**
 * Elements of ipsets over netlink (linux/netfilter/ipset/ip_set.h). Making sets and reading them is done with ipset(8), in
 * daemon/ipset.ts.
 */
import { constants } from 'node:os';
import { isIPv4Mapped } from './address.js';
import type { AddressSets, Member, Place } from './addressset.js';
import { doNotWait, libc, SystemError } from './libc.js';
import { openNetfilter } from './netfilter.js';
import {
  attribute,
  be32,
  eachMessage,
  nest,
  netfilterMessage,
  netlinkAck,
  netlinkError,
  netlinkRequest,
  text,
} from './netlink.js';

const subsystem = 6;
const addCommand = 9;
const deleteCommand = 10;
/** The lowest that kernels know today (since 2.6.39). */
const protocolVersion = 6;

const protocolAttribute = 1;
const nameAttribute = 2;
const dataAttribute = 7;
const addressAttribute = 1;
const timeoutAttribute = 6;
const commentAttribute = 26;
const fourAttribute = 1;
const sixAttribute = 2;
/** Set in the type of a number that is big-endian. */
const bigEndian = 0x4000;

const familyFour = 2;
const familySix = 10;

/** What is there already is no mistake, without this flag. */
const exclusive = 0x200;
/** IPSET_ERR_EXIST: an element that was to be taken out is not there. */
const absent = 4103;
/** IPSET_ERR_HASH_FULL, which nftables calls ENFILE. */
const full = 4352;

/** The longest timeout that it knows, in seconds. */
const longestTimeout = 2_147_483;

/** Needs CAP_NET_ADMIN. */
export class IpsetAddressSets implements AddressSets {
  readonly #fd: number;
  readonly #answer = Buffer.alloc(4096);
  #sequence = 0;

  /** @throws SystemError */
  constructor() {
    this.#fd = openNetfilter('capAcknowledgements', 1);
  }

  add(members: readonly Member[]): void {
    for (const member of members) this.#require(this.#change(addCommand, 0, member, extensions(member)));
  }

  /** Between the two there is a moment without it: rather that than to give again what a rule takes away just then. */
  replace(member: Member): boolean {
    const errno = this.#change(deleteCommand, exclusive, member);
    if (errno === absent) return false;
    this.#require(errno);
    this.add([member]);
    return true;
  }

  remove(place: Place): void {
    const errno = this.#change(deleteCommand, 0, place);
    if (errno !== enoent) this.#require(errno);
  }

  close(): void {
    libc().close(this.#fd);
  }

  #require(errno: number): void {
    if (errno !== 0) throw new SystemError('ipset', errno === full ? constants.errno.ENFILE : errno);
  }

  /** @returns the kernel's errno; 0: done */
  #change(command: number, flags: number, { set, source }: Place, more: readonly Buffer[] = []): number {
    const sequence = ++this.#sequence;
    const isFour = isIPv4Mapped(source);
    const address = isFour
      ? attribute(fourAttribute | bigEndian, source.subarray(12))
      : attribute(sixAttribute | bigEndian, source);
    const message = netfilterMessage(
      subsystem,
      command,
      netlinkRequest | netlinkAck | flags,
      sequence,
      isFour ? familyFour : familySix,
      0,
      attribute(protocolAttribute, Uint8Array.of(protocolVersion)),
      text(nameAttribute, set),
      nest(dataAttribute, nest(addressAttribute, address), ...more),
    );
    libc().sendto(this.#fd, message, message.length, 0, null, 0);
    return this.#errno(sequence);
  }

  /** It answers before sendto returns. */
  #errno(sequence: number): number {
    let errno: number | undefined;
    while (errno === undefined) {
      const length = libc().recv(this.#fd, this.#answer, this.#answer.length, doNotWait);
      eachMessage(this.#answer.subarray(0, length), (type, start, _end, its) => {
        if (type === netlinkError && its === sequence) errno = -this.#answer.readInt32LE(start + 16);
      });
    }
    return errno;
  }
}

const enoent = 2;

/** Whole seconds, and never 0, which is for ever. */
function extensions({ timeoutMs, comment }: Member): Buffer[] {
  const seconds = Math.min(longestTimeout, Math.max(1, Math.ceil(timeoutMs / 1000)));
  return [be32(timeoutAttribute | bigEndian, seconds), text(commentAttribute, comment)];
}
