/**
 * The floor: a time up to which every knock counts as heard once the machine has come up again (DESIGN.md section 6).
 *
 * To make one knock durable takes the disk half a millisecond, in which its door could be open. So a time a little ahead is
 * made durable instead, while the first packets of a knock arrive; what is accepted up to it needs no disk. It means nothing
 * to the boot that wrote it: then the ledger still has in memory or on disk what each client said.
 */
import { constants, readFileSync, readSync, write } from 'node:fs';
import { crc32 } from 'node:zlib';
import { openFixed } from '../system/durable.js';

/** How far ahead of now it is raised: less than any machine needs to come up again. */
const aheadMs = 2000;
/** How much of that may be used up before it is raised again. */
const usedMs = 1000;

const length = 4096;
/** Written in turn; a write that a crash cuts short leaves the other. */
const places = [0, 512] as const;
const placeLength = 40;
const bootAt = 8;
const bootLength = 16;
const serialAt = bootAt + bootLength;
const sumAt = serialAt + 4;
const inheritedAt = sumAt + 4;

/** Opens the floor's file, and makes it where there is none. @returns a descriptor @throws OperatorError */
export function openFloorFile(path: string): number {
  return openFixed(path, length, constants.O_DSYNC);
}

/** Which boot of this machine this is, 16 bytes; where the kernel does not say, one that never was. */
export function readBoot(): Buffer {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    return Buffer.from(text.replaceAll('-', '').trim(), 'hex');
  } catch {
    return Buffer.alloc(0);
  }
}

export class Floor {
  /** Up to when knocks count as heard because of a boot before this one, milliseconds since 1970; 0 for none. */
  readonly inherited: number;
  readonly #fd: number;
  readonly #boot: Buffer;
  /** What has been written in this boot, and what is being written; 0 for nothing. */
  #height = 0;
  #rising = 0;
  /** When it was raised last, or could not be. */
  #triedAt = 0;
  /** How often it has been written: says which place is next. */
  #serial = 0;

  /** @param fd its open file @param boot of `readBoot` @param now milliseconds since 1970 */
  constructor(fd: number, boot: Buffer, now: number) {
    this.#fd = fd;
    this.#boot = boot;
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, 0);
    const found = places.map(at => readPlace(bytes.subarray(at, at + placeLength)));
    const sound = found.filter(place => place !== undefined);
    const last = sound.reduce((last, place) => (place.serial > last.serial ? place : last), nothing);
    this.#serial = last.serial;
    if (last.time > 0 && last.boot.equals(boot)) this.#height = last.time;
    // Where nothing can be read, whatever it said has been over since.
    const before = sound.length === 0 ? now : last.time;
    // What was lost in a power cut is lost to every later process of this boot too, and to those of later boots.
    this.inherited = Math.max(last.inherited, this.#height > 0 ? 0 : before);
  }

  /** Whether a knock of this time needs nothing more. */
  covers(time: number): boolean {
    return time <= this.#height;
  }

  /** Whether it will not, once what is being written has been written. */
  isRising(time: number): boolean {
    return time <= this.#rising;
  }

  /** Whether it stands further ahead than it is ever raised: the clock has been set back. */
  isTooHigh(now: number): boolean {
    return this.#height > now + aheadMs;
  }

  /** Gives up what it covers. Everything that it did cover has to be durable by itself. */
  fall(): void {
    this.#height = 0;
  }

  /** Raises it where that is due, without waiting. @param ended told when it was tried */
  raise(now: number, ended: () => void): void {
    if (this.#rising > 0 || this.#height - now > aheadMs - usedMs) return;
    // A disk that refuses is not asked for every packet; a clock that was set back is no reason to wait.
    if (now >= this.#triedAt && now - this.#triedAt < usedMs) return;
    this.#triedAt = now;
    const time = now + aheadMs;
    this.#rising = time;
    const serial = this.#serial + 1;
    const place = encodePlace({ time, boot: this.#boot, serial, inherited: this.inherited });
    write(this.#fd, place, 0, placeLength, places[serial % places.length]!, (error, written) => {
      this.#rising = 0;
      if (error === null && written === placeLength) {
        this.#height = time;
        this.#serial = serial;
      }
      ended();
    });
  }
}

interface Place {
  readonly time: number;
  readonly boot: Buffer;
  readonly serial: number;
  /** Up to when knocks counted as heard when it was written. */
  readonly inherited: number;
}

const nothing: Place = { time: 0, boot: Buffer.alloc(bootLength), serial: 0, inherited: 0 };

/** Eight bytes of time, sixteen of boot, four of serial number, four of checksum, eight of what was inherited. */
function encodePlace({ time, boot, serial, inherited }: Place): Buffer {
  const place = Buffer.alloc(placeLength);
  place.writeBigUInt64BE(BigInt(time));
  place.set(boot, bootAt);
  place.writeUInt32BE(serial >>> 0, serialAt);
  place.writeBigUInt64BE(BigInt(inherited), inheritedAt);
  place.writeUInt32BE(checksum(place), sumAt);
  return place;
}

/** `nothing` where it was never written; undefined where it is damaged. */
function readPlace(bytes: Buffer): Place | undefined {
  if (bytes.every(byte => byte === 0)) return nothing;
  if (checksum(bytes) !== bytes.readUInt32BE(sumAt)) return undefined;
  const boot = bytes.subarray(bootAt, serialAt);
  const inherited = Number(bytes.readBigUInt64BE(inheritedAt));
  return { time: Number(bytes.readBigUInt64BE()), boot, serial: bytes.readUInt32BE(serialAt), inherited };
}

/** Places of version 0.1.0 end where this begins to tell what was inherited; in those that inherited nothing it is alike. */
function checksum(place: Buffer): number {
  const sum = crc32(place.subarray(0, sumAt));
  const inherited = place.subarray(inheritedAt);
  return inherited.every(byte => byte === 0) ? sum : crc32(inherited, sum);
}
