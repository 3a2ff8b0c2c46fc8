/**
 * The datagrams that were accepted, each by a digest, durable before anything opens (DESIGN.md section 12).
 *
 * A file of fixed length, written round and round: 65,536 places. A place is written anew only when what stands in it
 * could not be accepted any more; a clock that is set back afterwards makes nothing acceptable again, because every place
 * also says up to when all counts as heard. What the floor covers needs no disk of its own, as in daemon/ledger.ts.
 */
import { fdatasyncSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { openFixed, writeAll } from '../system/durable.js';
import type { Floor } from './floor.js';

const places = 65536;
const placeLength = 32;
/** So much of a digest of 32 bytes: nobody finds another datagram for it in 2^128 tries. */
export const digestLength = 16;
const digestAt = 8;
const forgottenAt = digestAt + digestLength;
const sumAt = forgottenAt + 4;
const second = 1000;
const noKey = '\0'.repeat(digestLength);

/** Opens the file of accepted datagrams, and makes it where there is none. @returns a descriptor @throws OperatorError */
export function openHeardFile(path: string): number {
  return openFixed(path, places * placeLength);
}

export class Heard {
  /** Places that were damaged when it was opened. What stood there counts as heard for as long as it could be accepted. */
  readonly damaged: number;
  /** How far from our clock a datagram's may be. */
  skewMs: number;
  readonly #fd: number;
  readonly #floor: Floor;
  readonly #clock: () => number;
  /** 0: a place that was never written. */
  readonly #times = new Float64Array(places);
  readonly #keys: (string | undefined)[] = new Array(places).fill(undefined);
  readonly #held = new Set<string>();
  /** Up to when every datagram counts as heard, milliseconds since 1970, whole seconds. */
  #forgotten = 0;
  #next = 0;

  /** @param fd its open file @param clock milliseconds since 1970 */
  constructor(fd: number, floor: Floor, skewMs: number, clock: () => number = Date.now) {
    this.#fd = fd;
    this.#floor = floor;
    this.skewMs = skewMs;
    this.#clock = clock;
    const bytes = readWhole(fd);
    const damaged: number[] = [];
    for (let place = 0; place < places; place++) {
      const at = place * placeLength;
      // Most are empty, and a checksum costs more than a look.
      if (isEmpty(bytes, at)) continue;
      const entry = readPlace(bytes.subarray(at, at + placeLength));
      if (entry === undefined) damaged.push(place);
      else this.#take(place, entry);
    }
    this.damaged = damaged.length;
    if (damaged.length > 0) this.#mend(damaged);
    const empty = this.#times.indexOf(0);
    this.#next = Math.max(0, empty);
  }

  #take(place: number, { time, key, forgotten }: Entry): void {
    this.#times[place] = time;
    this.#keys[place] = key;
    this.#held.add(key);
    this.#forgotten = Math.max(this.#forgotten, forgotten);
  }

  /** What stood in a damaged place has no later time than one that could be accepted now. */
  #mend(damaged: readonly number[]): void {
    const until = wholeSeconds(this.#clock() + this.skewMs);
    this.#forgotten = Math.max(this.#forgotten, until);
    const entry = { time: until, key: noKey, forgotten: until };
    try {
      for (const place of damaged) writeAll(this.#fd, encodePlace(entry), place * placeLength);
      fdatasyncSync(this.#fd);
    } catch {
      // The next start finds them damaged again, and is as careful.
    }
    for (const place of damaged) this.#times[place] = until;
  }

  /**
   * @param digest 32 bytes @param time that the datagram carries, milliseconds since 1970
   * @param isAnswer whether it answers what this process has asked: it need not wait for what an earlier boot has left
   */
  isHeard(digest: Uint8Array, time: number, isAnswer = false): boolean {
    const inherited = isAnswer ? 0 : this.#floor.inherited;
    return time <= Math.max(this.#forgotten, inherited) || this.#held.has(keyOf(digest));
  }

  /** The digests that are held, the first 16 bytes of each, one behind the other. */
  digests(): Uint8Array {
    const all = new Uint8Array(this.#held.size * digestLength);
    let at = 0;
    for (const key of this.#held) {
      all.set(Buffer.from(key, 'latin1'), at);
      at += digestLength;
    }
    return all;
  }

  /**
   * Remembers a datagram, durable when it returns.
   * @throws an error of the file system, or where every place is of one that could still be accepted: nothing may open
   */
  accept(digest: Uint8Array, time: number): void {
    const place = this.#findPlace();
    const forgotten = Math.max(this.#forgotten, wholeSeconds(this.#times[place]!));
    const key = keyOf(digest);
    writeAll(this.#fd, encodePlace({ time, key, forgotten }), place * placeLength);
    if (!this.#floor.covers(time)) fdatasyncSync(this.#fd);
    const before = this.#keys[place];
    if (before !== undefined) this.#held.delete(before);
    this.#take(place, { time, key, forgotten });
    this.#next = (place + 1) % places;
  }

  /** Makes durable what the floor has covered so far. @throws an error of the file system */
  sync(): void {
    fdatasyncSync(this.#fd);
  }

  /** One that was never written, or of a datagram that could not be accepted now. */
  #findPlace(): number {
    const oldest = this.#clock() - this.skewMs;
    for (let tries = 0, place = this.#next; tries < places; tries++, place = (place + 1) % places) {
      if (this.#times[place]! < oldest) return place;
    }
    throw new Error('every place is of a datagram that could still be accepted');
  }
}

interface Entry {
  readonly time: number;
  /** The first bytes of a digest, a character each. */
  readonly key: string;
  readonly forgotten: number;
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digestLength).toString('latin1');
}

/** Upwards. */
function wholeSeconds(time: number): number {
  return Math.ceil(time / second) * second;
}

function readWhole(fd: number): Buffer {
  const bytes = Buffer.alloc(places * placeLength);
  for (let at = 0; at < bytes.length; ) {
    const length = readSync(fd, bytes, at, bytes.length - at, at);
    if (length === 0) break;
    at += length;
  }
  return bytes;
}

/** Eight bytes of time, sixteen of digest, four of what is forgotten, in seconds, four of checksum. */
function encodePlace({ time, key, forgotten }: Entry): Buffer {
  const place = Buffer.alloc(placeLength);
  place.writeBigUInt64BE(BigInt(time));
  place.write(key, digestAt, digestLength, 'latin1');
  place.writeUInt32BE(Math.min(forgotten / second, 2 ** 32 - 1), forgottenAt);
  place.writeUInt32BE(crc32(place.subarray(0, sumAt)), sumAt);
  return place;
}

function isEmpty(bytes: Buffer, at: number): boolean {
  for (let byte = at; byte < at + placeLength; byte++) if (bytes[byte] !== 0) return false;
  return true;
}

/** Undefined where it is damaged. */
function readPlace(bytes: Buffer): Entry | undefined {
  if (crc32(bytes.subarray(0, sumAt)) !== bytes.readUInt32BE(sumAt)) return undefined;
  return {
    time: Number(bytes.readBigUInt64BE()),
    key: bytes.toString('latin1', digestAt, forgottenAt),
    forgotten: bytes.readUInt32BE(forgottenAt) * second,
  };
}
