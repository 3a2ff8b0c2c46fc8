/** For how long something is in date. */
import { integerArgument } from '../../system/command-line.js';

const most = 36_500;

/** Days from the command line. @throws OperatorError `usage` */
export function daysArgument(text: string | undefined, usual: number): number {
  return text === undefined ? usual : integerArgument('--days', text, 1, most);
}
