/**
 * The operator's problem: what is wrong, where, and what to do; and how a program says it.
 */

/** Where a mistake stands and what may mend it. */
export interface Place {
  /** What to do about it; lower case, no full stop. */
  readonly hint?: string | undefined;
  readonly file?: string | undefined;
  /** Counted from 1. */
  readonly line?: number | undefined;
}

/** Something that only a person can put right. The message never holds a secret. */
export class OperatorError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;

  /** @param code stable, for programs; `usage` ends a program with status 2, all others with 1 */
  constructor(code: string, message: string, place: Place = {}) {
    super(message);
    this.name = 'OperatorError';
    this.code = code;
    this.hint = place.hint;
    this.file = place.file;
    this.line = place.line;
  }
}

/** Many mistakes found at once, in the order of their lines. */
export class OperatorErrors extends AggregateError {
  declare readonly errors: OperatorError[];

  constructor(errors: readonly OperatorError[]) {
    super(errors, errors.map(describe).join('\n'));
    this.name = 'OperatorErrors';
  }
}

/** `file:line: message`, as far as known. */
export function describe(error: OperatorError): string {
  const line = error.line === undefined ? '' : `${error.line}:`;
  return error.file === undefined ? error.message : `${error.file}:${line} ${error.message}`;
}

/** More than these scroll the first ones out of sight, and are mostly the same. */
const mostReported = 50;

/** Says on standard error what went wrong. @returns the exit status: 2 for wrong use, else 1 */
export function report(program: string, error: unknown): 1 | 2 {
  if (error instanceof OperatorErrors) {
    for (const each of error.errors.slice(0, mostReported)) report(program, each);
    const more = error.errors.length - mostReported;
    if (more > 0) process.stderr.write(`${program}: error: and ${more} more mistakes\n`);
    return 1;
  }
  if (error instanceof OperatorError) {
    process.stderr.write(`${program}: error: ${describe(error)}\n`);
    if (error.hint !== undefined) process.stderr.write(`${program}: hint: ${error.hint}\n`);
    return error.code === 'usage' ? 2 : 1;
  }
  // Ours to mend: the trace belongs in a report.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${program}: error: unexpected: ${text}\n`);
  return 1;
}

/** An error of Node's own with a code such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
