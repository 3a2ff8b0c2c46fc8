/**
 * Which sequence numbers have ever been given to the kernel (DESIGN.md section 11): what was given once is not given again,
 * for it may have let a connection in since.
 *
 * It keeps spans of time whose periods were given out, and the names of the sources that they were given for. One that it
 * does not know has been given nothing. A clock that was wrong for a while makes a span of its own.
 */
import { constants, readFileSync, readSync, write } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { longestToleranceMs } from '../methods/sequence-number/format.js';
import { openFixed, writeOver } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';

/** Milliseconds since 1970; the end is not part of it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const length = 8192;
/** Written in turn, in blocks of their own; a write that a crash cuts short leaves the other. */
const places = [0, 4096] as const;
const placeLength = 512;
const mostSpans = 30;
const flagsAt = 4;
const countAt = 5;
const spansAt = 8;
const spanLength = 16;
const sumAt = placeLength - 4;
/** Flag: there are sources that could not be written down. */
const sourcesAreUnsure = 1;

/** Lines of the file of sources: more than a configuration can have, so that some that are gone are among them. */
const mostSources = 200_000;

interface Place {
  readonly serial: number;
  readonly unsure: boolean;
  readonly spans: readonly Span[];
}

const nothing: Place = { serial: 0, unsure: false, spans: [] };

export class Given {
  readonly #fd: number;
  readonly #sourcesPath: string;
  #place: Place;
  /** Each source that has been given numbers, and until when to remember it: infinity while it is in use. */
  #sources: Map<string, number>;

  /**
   * Reads what is known, and makes the file that it is kept in, so that a full disk does not matter later.
   * @param latest the end of the last period that can have been given by now @throws OperatorError
   */
  constructor(directory: string, latest: number) {
    this.#fd = openFixed(join(directory, 'given'), length, constants.O_DSYNC);
    this.#sourcesPath = join(directory, 'given-sources');
    const sources = readSources(this.#sourcesPath);
    this.#sources = sources ?? new Map();
    const bytes = Buffer.alloc(length);
    readSync(this.#fd, bytes, 0, length, 0);
    const found = places.map(at => readPlace(bytes.subarray(at, at + placeLength)));
    const sound = found.filter(place => place !== undefined);
    const last = sound.reduce((last, place) => (place.serial > last.serial ? place : last), nothing);
    // Where something was given and nothing says when, it was whenever it could be.
    const isLost = last.serial === 0 && (sources !== undefined || sound.length === 0);
    const spans = isLost ? [{ from: 0, to: latest }] : last.spans;
    this.#place = { ...last, spans, unsure: last.unsure || (sources === undefined && spans.length > 0) };
  }

  /** Whether nothing is known at all, as at the first start. */
  get isBlank(): boolean {
    return this.#place.spans.length === 0 && this.#sources.size === 0;
  }

  /** Takes everything up to a moment for given, to everybody. */
  distrust(latest: number): void {
    this.#place = { ...this.#place, unsure: true, spans: [{ from: 0, to: latest }] };
  }

  /** Whether a source's numbers of a span may have been given before. */
  includes(source: string, { from, to }: Span): boolean {
    const isKnown = this.#place.unsure || this.#sources.has(source);
    return isKnown && this.#place.spans.some(span => span.from < to && from < span.to);
  }

  /**
   * Writes down that numbers of a span will be given: durable when it settles. @throws Error of Node; then they must not be
   */
  async extend(span: Span): Promise<void> {
    if (this.#place.spans.some(known => known.from <= span.from && span.to <= known.to)) return;
    await this.#write({ ...this.#place, spans: union([...this.#place.spans, span]) });
  }

  /**
   * Writes down for whom numbers will be given. Those that are gone are remembered while what they were given may be good.
   * @returns what went wrong, where it cannot be written: then every source counts as known @throws Error of Node
   */
  async setSources(sources: ReadonlySet<string>, now: number): Promise<unknown> {
    // The last of them is good for the tolerance longer, which may be changed before he comes back.
    const forgetAt = Math.max(0, ...this.#place.spans.map(({ to }) => to)) + longestToleranceMs;
    const next = new Map([...sources].map(source => [source, Number.POSITIVE_INFINITY]));
    for (const [source, until] of this.#sources) {
      const keepUntil = Math.min(until, forgetAt);
      if (!next.has(source) && keepUntil > now && next.size < mostSources) next.set(source, keepUntil);
    }
    const isSame =
      next.size === this.#sources.size &&
      [...next].every(([source, until]) => this.#sources.get(source) === until);
    if (isSame && !this.#place.unsure) return undefined;
    try {
      writeSources(this.#sourcesPath, next);
    } catch (error) {
      if (!this.#place.unsure) await this.#write({ ...this.#place, unsure: true });
      return error;
    }
    this.#sources = next;
    if (this.#place.unsure) await this.#write({ ...this.#place, unsure: false });
    return undefined;
  }

  #write(next: Omit<Place, 'serial'>): Promise<void> {
    const place = { ...next, serial: this.#place.serial + 1 };
    const at = places[place.serial % places.length]!;
    return new Promise((resolve, reject) => {
      write(this.#fd, encodePlace(place), 0, placeLength, at, (error, written) => {
        if (error === null && written === placeLength) {
          this.#place = place;
          resolve();
        } else reject(error ?? new Error('cut short'));
      });
    });
  }
}

/** In order, none touching another. Where they become too many, the earliest are joined, gap and all. */
function union(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last === undefined || last.to < span.from) joined.push(span);
    else joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
  }
  while (joined.length > mostSpans) joined.splice(0, 2, { from: joined[0]!.from, to: joined[1]!.to });
  return joined;
}

function encodePlace({ serial, unsure, spans }: Place): Buffer {
  const place = Buffer.alloc(placeLength);
  place.writeUInt32BE(serial >>> 0, 0);
  place.writeUInt8(unsure ? sourcesAreUnsure : 0, flagsAt);
  place.writeUInt8(spans.length, countAt);
  for (const [index, { from, to }] of spans.entries()) {
    place.writeBigUInt64BE(BigInt(from), spansAt + index * spanLength);
    place.writeBigUInt64BE(BigInt(to), spansAt + index * spanLength + 8);
  }
  place.writeUInt32BE(crc32(place.subarray(0, sumAt)), sumAt);
  return place;
}

/** `nothing` where it was never written; undefined where it is damaged. */
function readPlace(bytes: Buffer): Place | undefined {
  if (bytes.every(byte => byte === 0)) return nothing;
  if (crc32(bytes.subarray(0, sumAt)) !== bytes.readUInt32BE(sumAt)) return undefined;
  const count = Math.min(mostSpans, bytes.readUInt8(countAt));
  const spans = Array.from({ length: count }, (_, index) => {
    const at = spansAt + index * spanLength;
    return { from: Number(bytes.readBigUInt64BE(at)), to: Number(bytes.readBigUInt64BE(at + 8)) };
  });
  return { serial: bytes.readUInt32BE(0), unsure: bytes.readUInt8(flagsAt) !== 0, spans };
}

/** A source a line, and where it is gone until when it is remembered. Undefined: there is no such file, or it is damaged. */
function readSources(path: string): Map<string, number> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new OperatorError('no-state', `${path}: cannot be read (${errorCode(error)})`);
  }
  const lines = text.split('\n').slice(0, -1);
  if (lines.pop() !== sumLine(lines)) return undefined;
  return new Map(
    lines.map(line => {
      const [source = '', until] = line.split(' ');
      return [source, until === undefined ? Number.POSITIVE_INFINITY : Number(until)];
    }),
  );
}

function sumLine(lines: readonly string[]): string {
  return `# ${crc32(lines.join('\n')).toString(16)}`;
}

function writeSources(path: string, sources: ReadonlyMap<string, number>): void {
  const lines = [...sources].map(([source, until]) =>
    until === Number.POSITIVE_INFINITY ? source : `${source} ${until}`,
  );
  writeOver(path, `${[...lines, sumLine(lines)].join('\n')}\n`);
}
