/** What every command of portknockd's does with its arguments, and with what it has to say. */
import { closestMatch } from 'leven';
import { OperatorError } from '../system/error.js';

/** @returns the exit status */
export function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** For a word that means nothing here. */
export function unknown(what: string, name: string, known: readonly string[]): OperatorError {
  const near = closestMatch(name, [...known], { maxDistance: 3 });
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean "${near}"?`;
  return new OperatorError('usage', `unknown ${what} "${name}"`, { hint });
}

/** @throws OperatorError `usage` where there are more or fewer arguments than these */
export function requireArguments(args: readonly string[], ...names: readonly string[]): string[] {
  if (args.length === names.length) return [...args];
  const wanted = names.length === 0 ? 'no arguments' : names.join(' ');
  throw new OperatorError(
    'usage',
    `expected ${wanted}, got ${args.length === 0 ? 'nothing' : `"${args.join(' ')}"`}`,
  );
}
