/**
 * Files of sequences for one use each, as knockd keeps them: one on each line, and a `#` over the first byte of a line
 * that is used.
 *
 * It reads and marks nothing itself.
 */
import { parseSequence, type Step } from './format.js';

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

/** The first line that is neither used, nor blank, nor wrong. @param bytes the whole file */
export function nextLine(bytes: Uint8Array): OneTimeLines {
  const wrong: WrongLine[] = [];
  let offset = 0;
  // One character for each byte, so that what is counted are bytes.
  for (const [index, text] of Buffer.from(bytes).toString('latin1').split('\n').entries()) {
    const found = readLine(text);
    const line = index + 1;
    if (found !== undefined && 'mistake' in found) wrong.push({ line, mistake: found.mistake });
    else if (found !== undefined) return { next: { line, offset, sequence: found }, wrong };
    offset += text.length + 1;
  }
  return { next: undefined, wrong };
}

function readLine(text: string): ReturnType<typeof parseSequence> | undefined {
  const trimmed = text.trim();
  return trimmed === '' || trimmed.startsWith('#') ? undefined : parseSequence(trimmed);
}
