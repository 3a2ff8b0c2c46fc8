/**
 * knockd's spelling of options (getopt_long(3)) made into that of our command lines: letters together, values attached
 * to them, long names shortened.
 */
import { parseArgs } from 'node:util';
import { dashed, type OptionTable } from '../../system/command-line.js';

/** @returns the same options, each an argument of its own, with its name in full and its value attached */
export function spellOut(argv: readonly string[], table: OptionTable): string[] {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { kind, short }]) => [
      dashed(name).slice(2),
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
    ]),
  );
  // What it does not know is left to be refused where all options are read.
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.map(token => {
    if (token.kind !== 'option') return token.kind === 'positional' ? token.value : '--';
    const name = token.rawName.startsWith('--') ? inFull(`--${token.name}`, table) : nameOf(token.name);
    return token.value === undefined ? name : `${name}=${token.value}`;
  });
}

function nameOf(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The one long name that begins so. */
function inFull(given: string, table: OptionTable): string {
  const names = Object.keys(table).map(dashed);
  const meant = names.filter(name => name.startsWith(given));
  return meant.length === 1 && !names.includes(given) ? meant[0]! : given;
}
