/**
 * One-time sequences: a file with one a line, of which the first that has not been used is knocked next.
 *
 * As knockd keeps it: what was knocked is marked with # at the first byte of its line. One byte changes in place, so a
 * crash leaves the file whole. It is read anew each time, because people add to it.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { formatSequence, parseSequence, type Step, trimBlanks } from '../methods/plain-sequence/format.js';
import { writeAll } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';

/** A line that holds a sequence, and where it begins in the file. */
interface SequenceLine {
  readonly at: number;
  readonly steps: readonly Step[];
}

/** Told what is legal and unwise, a sentence each. */
type Warn = (warning: string) => void;

const used = Buffer.from('#');
/** knockd reads no more of a line at once. */
const longestLine = 4095;

/**
 * The sequence to be knocked next.
 * @returns undefined: none is left
 * @throws OperatorError where the file cannot be read and marked
 */
export function readOneTime(path: string, warn: Warn): readonly Step[] | undefined {
  return withFile(path, fd => {
    warnOfOthers(fd, path, warn);
    return sequenceLines(readFileSync(fd), path, warn).next().value?.steps;
  });
}

/**
 * Marks the first line that holds these very steps, durably; where there is none left, somebody has edited the file, and
 * nothing is marked.
 * @returns the sequence to be knocked next, or undefined where none is left
 * @throws OperatorError where the file cannot be read and marked: the steps may then be knocked again
 */
export function spendOneTime(path: string, steps: readonly Step[], warn: Warn): readonly Step[] | undefined {
  const wanted = formatSequence(steps);
  return withFile(path, fd => {
    const bytes = readFileSync(fd);
    for (const { at, steps } of sequenceLines(bytes, path, () => {})) {
      if (formatSequence(steps) !== wanted) continue;
      writeAll(fd, used, at);
      fdatasyncSync(fd);
      used.copy(bytes, at);
      break;
    }
    return sequenceLines(bytes, path, warn).next().value?.steps;
  });
}

function* sequenceLines(bytes: Buffer, path: string, warn: Warn): Generator<SequenceLine, undefined> {
  let at = 0;
  for (let line = 1; at < bytes.length; line++) {
    const newline = bytes.indexOf(10, at);
    const end = newline < 0 ? bytes.length : newline;
    const steps = usableSteps(bytes.subarray(at, end), mistake =>
      warn(`${path}:${line}: ${mistake}: the line is passed over`),
    );
    if (steps !== undefined) yield { at, steps };
    at = end + 1;
  }
  return undefined;
}

function usableSteps(line: Buffer, refuse: (mistake: string) => void): readonly Step[] | undefined {
  // The C library's texts end at a NUL.
  const text = trimBlanks(line.toString('latin1').split('\0', 1)[0]!);
  if (text === '' || text.startsWith('#')) return undefined;
  const read = line.length <= longestLine ? parseSequence(text) : { mistake: 'the line is too long' };
  if (!('mistake' in read)) return read;
  refuse(read.mistake);
  return undefined;
}

/** Opens it for reading and marking, as it must be possible later on. */
function withFile<Value>(path: string, action: (fd: number) => Value): Value {
  try {
    const fd = openSync(path, 'r+');
    try {
      if (!fstatSync(fd).isFile())
        throw refusal(path, 'not a regular file', 'used lines are marked in it: name a file');
      return action(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof OperatorError || code === undefined) throw error;
    const [reason, hint] = reasons.get(code) ?? [`cannot be read and written (${code})`, undefined];
    throw refusal(path, reason, hint);
  }
}

/** knockd says strerror(3)'s words, where it has any. */
const reasons = new Map<string, readonly [string, string]>([
  ['ENOENT', ['No such file or directory', 'write one sequence a line, such as: 7000,8000:udp,9000']],
  ['EACCES', ['Permission denied', 'it must be readable and writable: used lines are marked in it']],
  ['EISDIR', ['Is a directory', 'name the file itself']],
  ['EROFS', ['Read-only file system', 'used lines are marked in it: move it to where it can be written']],
]);

function refusal(path: string, reason: string, hint: string | undefined): OperatorError {
  return new OperatorError('bad-one-time', `${path}: ${reason}`, { hint });
}

function warnOfOthers(fd: number, path: string, warn: Warn): void {
  const mode = fstatSync(fd).mode & 0o777;
  if ((mode & 0o022) === 0) return;
  warn(`${path}: others than its owner may write sequences into it (mode ${mode.toString(8)}): chmod go-w`);
}
