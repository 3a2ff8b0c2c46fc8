/**
 * Files of sequences for one use each, as knockd keeps them: one on each line, and a `#` over the first byte of a line
 * that is used.
 *
 * It reads and marks nothing itself.
 */
import { parseSequence, type Step, trimBlanks } from './format.js';

/** A line that can be knocked. */
export interface OneTimeLine {
  /** Counted from 1. */
  readonly line: number;
  /** Of the line's first byte, which becomes the mark. */
  readonly offset: number;
  readonly sequence: readonly Step[];
}

/** A line that is none, which knockd skips with these words. */
export interface WrongLine {
  readonly line: number;
  readonly mistake: string;
}

/** What stands in a file up to the first line that can be knocked. */
export interface OneTimeLines {
  readonly next: OneTimeLine | undefined;
  readonly wrong: readonly WrongLine[];
}

/** Over the first byte of a line, it says that the line is used. */
export const usedMark = '#'.charCodeAt(0);

/** knockd reads no more of a line at once. */
const longestLine = 4095;

/** The first line that is neither used, nor blank, nor wrong. @param bytes the whole file */
export function nextLine(bytes: Uint8Array): OneTimeLines {
  const wrong: WrongLine[] = [];
  return { next: oneTimeLines(bytes, each => wrong.push(each)).next().value, wrong };
}

/** Every line that can be knocked, in order. @param bytes the whole file @param passOver told of lines that are wrong */
export function* oneTimeLines(
  bytes: Uint8Array,
  passOver: (wrong: WrongLine) => void,
): Generator<OneTimeLine, undefined> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  for (let line = 1; offset < file.length; line++) {
    const newline = file.indexOf(10, offset);
    const end = newline < 0 ? file.length : newline;
    const found = readLine(file.subarray(offset, end));
    if (found !== undefined && 'mistake' in found) passOver({ line, mistake: found.mistake });
    else if (found !== undefined) yield { line, offset, sequence: found };
    offset = end + 1;
  }
  return undefined;
}

function readLine(line: Buffer): ReturnType<typeof parseSequence> | undefined {
  // One character for each byte, and the C library's texts end at a NUL.
  const text = trimBlanks(line.toString('latin1').split('\0', 1)[0]!);
  if (text === '' || text.startsWith('#')) return undefined;
  return line.length > longestLine ? { mistake: 'the line is too long' } : parseSequence(text);
}
