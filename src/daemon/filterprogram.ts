/** The programs that change the kernel's firewall, nft and ipset, run to their end. */
import { spawn } from 'node:child_process';
import { errorCode, OperatorError } from '../system/error.js';

const longestRunMs = 20_000;
/** Debian's ordinary users do not have them on their path. */
const path = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/** How one of them is called, and what to do where it is not there. */
export interface FilterProgram {
  readonly name: 'nft' | 'ipset';
  readonly hint: string;
}

/**
 * What a run prints.
 * @param failed what its standard error means where it fails
 * @throws OperatorError `no-nft`, `no-ipset`, or what `failed` makes
 */
export function runFilterProgram(
  { name, hint }: FilterProgram,
  args: readonly string[],
  input: string,
  failed: (errors: string) => OperatorError,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: { PATH: path, LC_ALL: 'C' }, timeout: longestRunMs });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', error => {
      const isMissing = errorCode(error) === 'ENOENT';
      const message = isMissing
        ? `the program ${name} is not installed`
        : `cannot run ${name}: ${error.message}`;
      reject(new OperatorError(`no-${name}`, message, isMissing ? { hint } : {}));
    });
    child.on('close', code => (code === 0 ? resolve(output) : reject(failed(errors))));
    // A child that ends early says why on standard error.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
