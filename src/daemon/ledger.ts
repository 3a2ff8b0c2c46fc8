/**
 * The ledger: the time of the last accepted knock of every client, durable before anything opens (DESIGN.md section 6).
 *
 * A file of fixed length with two places for each of the 65,536 client ids, written in turn. A write that a crash cuts
 * short leaves the other place as it was. Nothing is ever made longer, so a disk that fills up later does no harm. What the
 * floor covers needs no disk of its own to survive a power cut; the file survives the death of the process anyway.
 */
import { fdatasyncSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { openFixed, writeAll } from '../system/durable.js';
import type { Floor } from './floor.js';

const clients = 65536;
const placeLength = 16;
const copyLength = clients * placeLength;
const ledgerLength = 2 * copyLength;
/** No knock is later: what a client with a damaged entry is held to. */
const never = Number.MAX_SAFE_INTEGER;

/** Opens the ledger's file, and makes it where there is none. @returns a descriptor @throws OperatorError */
export function openLedgerFile(path: string): number {
  return openFixed(path, ledgerLength);
}

export class Ledger {
  readonly #fd: number;
  readonly #floor: Floor;
  readonly #times = new Float64Array(clients);
  /** Which of its two places holds a client's last time. */
  readonly #copies = new Uint8Array(clients);
  /** Clients with no sound entry left: all their knocks are refused. */
  readonly damaged: readonly number[];

  /** @param fd an open ledger file */
  constructor(fd: number, floor: Floor) {
    this.#fd = fd;
    this.#floor = floor;
    const bytes = Buffer.alloc(ledgerLength);
    for (let at = 0; at < ledgerLength; ) {
      const length = readSync(fd, bytes, at, ledgerLength - at, at);
      if (length === 0) break;
      at += length;
    }
    const damaged: number[] = [];
    for (let id = 0; id < clients; id++) {
      const entries = [readPlace(bytes, 0, id), readPlace(bytes, 1, id)];
      const sound = entries.filter(time => time !== undefined);
      const last = sound.length === 0 ? never : Math.max(...sound);
      if (sound.length === 0) damaged.push(id);
      this.#times[id] = last;
      this.#copies[id] = entries[1] === last && last > 0 ? 1 : 0;
    }
    this.damaged = damaged;
  }

  /** Milliseconds since 1970; 0 for a client that has not knocked yet. */
  lastAccepted(clientId: number): number {
    return Math.max(this.#times[clientId]!, this.#floor.inherited);
  }

  /** Makes durable what the floor has covered so far. @throws an error of the file system */
  sync(): void {
    fdatasyncSync(this.#fd);
  }

  /** Remembers a time, durable when it returns. @throws an error of the file system: then nothing may open */
  accept(clientId: number, time: number): void {
    const copy = 1 - this.#copies[clientId]!;
    writeAll(this.#fd, encodePlace(clientId, time), copy * copyLength + clientId * placeLength);
    if (!this.#floor.covers(time)) fdatasyncSync(this.#fd);
    this.#copies[clientId] = copy;
    this.#times[clientId] = time;
  }
}

/** Eight bytes of time, four of checksum, four of zero. */
function encodePlace(clientId: number, time: number): Buffer {
  const place = Buffer.alloc(placeLength);
  place.writeUInt32BE(Math.floor(time / 2 ** 32), 0);
  place.writeUInt32BE((time % 2 ** 32) >>> 0, 4);
  place.writeUInt32BE(checksum(clientId, place.subarray(0, 8)), 8);
  return place;
}

/** The time in a place; 0 in one never written; undefined in a damaged one. */
function readPlace(bytes: Buffer, copy: number, clientId: number): number | undefined {
  const at = copy * copyLength + clientId * placeLength;
  const [high, low, sum, zero] = [0, 4, 8, 12].map(offset => bytes.readUInt32BE(at + offset));
  if (zero !== 0) return undefined;
  if (high === 0 && low === 0 && sum === 0) return 0;
  const time = high! * 2 ** 32 + low!;
  return sum === checksum(clientId, bytes.subarray(at, at + 8)) ? time : undefined;
}

/** Against what a disk does, not against people: who can write here can write a checksum too. Never 0. */
function checksum(clientId: number, time: Uint8Array): number {
  return crc32(time, clientId + 1) || 1;
}
