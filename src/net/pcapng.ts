/**
 * The next generation of capture files: bytes → frames (draft-ietf-opsawg-pcapng).
 *
 * It reads sections, interfaces and the three kinds of packet blocks, and steps over all others.
 */
import { u16, u32 } from './integer.js';
import type { Damage, Frame } from './link.js';

/** The same in both byte orders. */
const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const obsoletePacket = 2;
const simplePacket = 3;
const enhancedPacket = 6;

const byteOrderMagic = 0x1a2b3c4d;
const shortestBlock = 12;
const shortestSection = 28;

const endOfOptions = 0;
const timeResolution = 9;
const timeOffset = 14;

interface Interface {
  readonly linkType: number;
  /** 0: without limit. */
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

interface Block {
  readonly type: number;
  /** Where its body begins and ends, without lengths and type. */
  readonly start: number;
  readonly end: number;
}

type EachFrame = (frame: Frame) => void;

/** Whether a file begins as one of these. */
export function isPcapng(file: Buffer): boolean {
  return file.length >= 12 && file.readUInt32BE(0) === sectionHeader && orderAt(file, 8) !== undefined;
}

/** Whether the byte order that a section header states at this place is little-endian; undefined where it is neither. */
function orderAt(file: Buffer, at: number): boolean | undefined {
  if (file.readUInt32LE(at) === byteOrderMagic) return true;
  return file.readUInt32BE(at) === byteOrderMagic ? false : undefined;
}

/** Calls `each` for every frame. @returns what ended it early, or undefined at the end of the file. Never throws */
export function readPcapng(file: Buffer, each: EachFrame): Damage | undefined {
  if (!isPcapng(file)) return { offset: 0, reason: 'not a pcapng file' };
  let section = new Section(file, true);
  for (let at = 0; at < file.length; ) {
    if (at + shortestBlock > file.length) return { offset: at, reason: 'block cut short' };
    if (file.readUInt32BE(at) === sectionHeader) {
      const littleEndian = orderAt(file, at + 8);
      if (littleEndian === undefined) return { offset: at, reason: 'section without a byte order' };
      section = new Section(file, littleEndian);
    }
    const block = section.blockAt(at);
    const reason = typeof block === 'string' ? block : section.take(block, each);
    if (reason !== undefined || typeof block === 'string') return { offset: at, reason: reason ?? '' };
    at = block.end + 4;
  }
  return undefined;
}

/** What holds from one section header to the next: a byte order, and the interfaces described so far. */
class Section {
  readonly #file: Buffer;
  readonly #littleEndian: boolean;
  readonly #interfaces: Interface[] = [];

  constructor(file: Buffer, littleEndian: boolean) {
    this.#file = file;
    this.#littleEndian = littleEndian;
  }

  /** The block at an offset with 12 bytes left or more, or the reason why there is none. */
  blockAt(at: number): Block | string {
    const length = this.#u32(at + 4);
    if (length < shortestBlock || length % 4 !== 0) return `block length ${length} is not possible`;
    if (at + length > this.#file.length) return `block of ${length} bytes cut short`;
    if (this.#u32(at + length - 4) !== length) return 'block ends with another length than it begins with';
    return { type: this.#u32(at), start: at + 8, end: at + length - 4 };
  }

  /** Takes one block. @returns why the file cannot be read on, or undefined */
  take(block: Block, each: EachFrame): string | undefined {
    switch (block.type) {
      case sectionHeader:
        return this.#takeHeader(block);
      case interfaceDescription:
        return this.#takeInterface(block);
      case obsoletePacket:
      case enhancedPacket:
        return this.#takePacket(block, each);
      case simplePacket:
        return this.#takeSimplePacket(block, each);
      default:
        return undefined;
    }
  }

  #takeHeader({ start, end }: Block): string | undefined {
    if (end - start < shortestSection - shortestBlock) return 'section header cut short';
    const major = this.#u16(start + 4);
    return major === 1 ? undefined : `version ${major} is not known`;
  }

  #takeInterface({ start, end }: Block): string | undefined {
    if (end - start < 8) return 'interface description cut short';
    let unitsPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    this.#eachOption(start + 8, end, (code, at, length) => {
      if (code === timeResolution && length === 1) unitsPerSecond = resolution(this.#file[at]!);
      if (code === timeOffset && length === 8) offsetSeconds = this.#i64(at);
    });
    const linkType = this.#u16(start);
    this.#interfaces.push({ linkType, snapLength: this.#u32(start + 4), unitsPerSecond, offsetSeconds });
    return undefined;
  }

  #eachOption(start: number, end: number, each: (code: number, at: number, length: number) => void): void {
    for (let at = start; at + 4 <= end; ) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      if (code === endOfOptions || at + 4 + length > end) return;
      each(code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }

  /** The two kinds differ in how they name the interface, and in nothing else that matters here. */
  #takePacket({ type, start, end }: Block, each: EachFrame): string | undefined {
    if (end - start < 20) return 'packet block cut short';
    const index = type === enhancedPacket ? this.#u32(start) : this.#u16(start);
    const length = this.#u32(start + 12);
    if (start + 20 + length > end) return `packet of ${length} bytes is longer than its block`;
    const from = this.#interfaces[index];
    const atMs = from === undefined ? undefined : timeOf(from, this.#u32(start + 4), this.#u32(start + 8));
    this.#give(each, from, start + 20, length, atMs);
    return undefined;
  }

  /** Always of the first interface, never with a time. */
  #takeSimplePacket({ start, end }: Block, each: EachFrame): string | undefined {
    if (end - start < 4) return 'packet block cut short';
    const from = this.#interfaces[0];
    const limit = from === undefined || from.snapLength === 0 ? Number.POSITIVE_INFINITY : from.snapLength;
    this.#give(each, from, start + 4, Math.min(this.#u32(start), limit, end - start - 4), undefined);
    return undefined;
  }

  #give(each: EachFrame, from: Interface | undefined, start: number, length: number, atMs?: number): void {
    const bytes = this.#file.subarray(start, start + length);
    each({ bytes, linkType: from?.linkType, atMs, littleEndian: this.#littleEndian });
  }

  #u16(at: number): number {
    return u16(this.#file, at, this.#littleEndian);
  }

  #u32(at: number): number {
    return u32(this.#file, at, this.#littleEndian);
  }

  #i64(at: number): bigint {
    return this.#littleEndian ? this.#file.readBigInt64LE(at) : this.#file.readBigInt64BE(at);
  }
}

/** if_tsresol: a negative power of 2 where the highest bit is set, else of 10. */
function resolution(value: number): bigint {
  return (value & 0x80 ? 2n : 10n) ** BigInt(value & 0x7f);
}

/** The end of the year 9999: what is later has no date that everybody can read. */
const lastTime = 253_402_300_799_999n;

/** Milliseconds since 1970, or undefined for a time that no clock shows. */
function timeOf(from: Interface, high: number, low: number): number | undefined {
  const units = (BigInt(high) << 32n) | BigInt(low);
  const atMs = (units * 1000n) / from.unitsPerSecond + from.offsetSeconds * 1000n;
  return atMs < 0n || atMs > lastTime ? undefined : Number(atMs);
}
