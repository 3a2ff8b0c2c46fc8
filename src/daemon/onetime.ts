/**
 * One-time sequences: a file with one a line, of which the first that has not been used is knocked next.
 *
 * As knockd keeps it: what was knocked is marked with # at the first byte of its line. One byte changes in place, so a
 * crash leaves the file whole. It is read anew each time, because people add to it.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { formatSequence, type Step } from '../methods/plain-sequence/format.js';
import { oneTimeLines, usedMark } from '../methods/plain-sequence/lines.js';
import { writeAll } from '../system/durable.js';
import { errorCode, OperatorError } from '../system/error.js';

/** Told what is legal and unwise, a sentence each. */
type Warn = (warning: string) => void;

const used = Buffer.of(usedMark);

/**
 * The sequence to be knocked next.
 * @returns undefined: none is left
 * @throws OperatorError where the file cannot be read and marked
 */
export function readOneTime(path: string, warn: Warn): readonly Step[] | undefined {
  return withFile(path, fd => {
    warnOfOthers(fd, path, warn);
    return linesOf(readFileSync(fd), path, warn).next().value?.sequence;
  });
}

/**
 * Marks the first line that holds these very steps, durably.
 * @returns whether there was one: otherwise somebody has edited the file; and the sequence to be knocked next, undefined
 *   where none is left
 * @throws OperatorError where the file cannot be read and marked: the steps may then be knocked again
 */
export function spendOneTime(
  path: string,
  steps: readonly Step[],
  warn: Warn,
): { readonly wasThere: boolean; readonly next: readonly Step[] | undefined } {
  const wanted = formatSequence(steps);
  return withFile(path, fd => {
    const bytes = readFileSync(fd);
    let wasThere = false;
    for (const { offset, sequence } of linesOf(bytes, path, () => {})) {
      if (formatSequence(sequence) !== wanted) continue;
      writeAll(fd, used, offset);
      fdatasyncSync(fd);
      bytes.set(used, offset);
      wasThere = true;
      break;
    }
    return { wasThere, next: linesOf(bytes, path, warn).next().value?.sequence };
  });
}

function linesOf(bytes: Buffer, path: string, warn: Warn): ReturnType<typeof oneTimeLines> {
  return oneTimeLines(bytes, ({ line, mistake }) =>
    warn(`${path}:${line}: ${mistake}: the line is passed over`),
  );
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
