/**
 * knockd's spelling of options (getopt_long(3)) made into that of our command lines: letters together, values attached
 * to them, long names shortened.
 */
import { dashed, type OptionTable } from '../../system/command-line.js';

/** @returns the same options, each letter and each value an argument of its own, long names in full */
export function spellOut(argv: readonly string[], table: OptionTable): string[] {
  const spelled: string[] = [];
  const rest = [...argv];
  while (rest.length > 0) {
    const argument = rest.shift()!;
    if (argument === '--') return [...spelled, argument, ...rest];
    if (argument.startsWith('--')) spelled.push(lengthen(argument, table));
    else if (/^-./.test(argument)) spelled.push(...letters(argument.slice(1), rest, table));
    else spelled.push(argument);
  }
  return spelled;
}

function lengthen(argument: string, table: OptionTable): string {
  const [given = '', ...value] = argument.split('=');
  const names = Object.keys(table).map(dashed);
  const meant = names.filter(name => name.startsWith(given));
  const name = meant.length === 1 && !names.includes(given) ? meant[0]! : given;
  return [name, ...value].join('=');
}

/** @param rest what follows: the value of the last letter is taken from it */
function letters(text: string, rest: string[], table: OptionTable): string[] {
  const spelled: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    spelled.push(`-${letter}`);
    const option = Object.values(table).find(({ short }) => short === letter);
    if (option === undefined || option.kind === 'flag') continue;
    const value = at + 1 < text.length ? text.slice(at + 1) : rest.shift();
    return value === undefined ? spelled : [...spelled, value];
  }
  return spelled;
}
