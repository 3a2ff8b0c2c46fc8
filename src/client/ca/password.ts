/** The password of a new file: from a file, the environment, or typed twice at the terminal. */
import { OperatorError } from '../../system/error.js';
import { askPassword, findPassword, passwordVariable } from '../password.js';

/** @param file where it is, if the user said so @throws OperatorError `no-password`, `bad-password` */
export async function newPassword(file: string | undefined, path: string): Promise<string> {
  const isTyped = !isPasswordGiven(file) && process.stdin.isTTY && process.stderr.isTTY;
  const password = isTyped ? await askTwice(path) : await findPassword(file, path);
  if (/^[\x20-\x7e]+$/.test(password)) return password;
  throw new OperatorError(
    'bad-password',
    password === '' ? 'the password is empty' : 'the password has characters that are not printable ASCII',
    {
      hint: 'letters, digits, signs and blanks of ASCII, at least one: programs differ over all others',
    },
  );
}

/** Whether a password is there without asking for it. */
export function isPasswordGiven(file: string | undefined): boolean {
  return file !== undefined || process.env[passwordVariable] !== undefined;
}

async function askTwice(path: string): Promise<string> {
  const first = await askPassword(`new password of ${path}: `);
  if ((await askPassword('the same again: ')) === first) return first;
  throw new OperatorError('bad-password', 'the two passwords differ', {
    hint: 'nothing was made: try again',
  });
}
