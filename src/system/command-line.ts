/**
 * Command lines through meow: options that are not known are refused with the nearest one that is, numbers are checked.
 */
import { closestMatch } from 'leven';
import meow from 'meow';
import { OperatorError } from './error.js';

/** What an option takes. `texts` may be given more than once; `optional` may come without a value, which is empty then. */
export type OptionKind = 'flag' | 'text' | 'texts' | 'optional';

/** An option by its name in camel case; `short` is one letter. */
export type OptionTable = Readonly<Record<string, { readonly kind: OptionKind; readonly short?: string }>>;

type Value<Kind> = Kind extends 'flag'
  ? boolean
  : Kind extends 'texts'
    ? readonly string[]
    : string | undefined;

/** The options of a table, each with its value; a flag that was not given is false. */
export type Options<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Value<Table[Name]['kind']>;
};

export interface CommandLine<Table extends OptionTable> {
  readonly input: readonly string[];
  readonly options: Options<Table>;
}

/** Reads arguments by a table of options. @param program what ps is to show @throws OperatorError `usage` */
export function readCommandLine<const Table extends OptionTable>(
  argv: readonly string[],
  table: Table,
  program = 'portknock',
): CommandLine<Table> {
  const { input, flags } = parse(argv, table, program);
  const options: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(table)) {
    const value = flags[name];
    if (kind === 'text' && value === '') throw new OperatorError('usage', `${dashed(name)} needs a value`);
    if (kind === 'texts' && lacksValue(argv, dashed(name)))
      throw new OperatorError('usage', `${dashed(name)} needs a value`);
    options[name] = kind === 'flag' ? value === true : value;
  }
  const unknown = Object.keys(flags).find(name => !Object.hasOwn(table, name));
  if (unknown !== undefined) throw unknownOption(unknown, Object.keys(table));
  return { input, options: options as Options<Table> };
}

/** Of an option that may be repeated meow does not say that it came without a value. */
function lacksValue(argv: readonly string[], option: string): boolean {
  const end = argv.indexOf('--');
  const args = end < 0 ? argv : argv.slice(0, end);
  return args.some((argument, at) => {
    const next = args[at + 1];
    return argument === `${option}=` || (argument === option && (next === undefined || /^-./.test(next)));
  });
}

function parse(argv: readonly string[], table: OptionTable, program: string) {
  try {
    return meow({
      importMeta: import.meta,
      argv,
      autoHelp: false,
      autoVersion: false,
      // Becomes the title of the process, which ps shows.
      pkg: { name: program },
      inferType: false,
      booleanDefault: undefined,
      flags: Object.fromEntries(
        Object.entries(table).map(([name, { kind, short }]) => [
          name,
          {
            type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
            ...(kind === 'texts' ? { isMultiple: true } : {}),
            ...(short === undefined ? {} : { shortFlag: short }),
          },
        ]),
      ),
    }) as { input: string[]; flags: Record<string, unknown> };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // meow calls options by their keys.
    const option = (_text: string, name: string) => dashed(name);
    const mended = message
      .replace(/\.$/, '')
      .replace(/^The flag/, 'option')
      .replace(/--(\w+)/, option);
    throw new OperatorError('usage', mended);
  }
}

function unknownOption(name: string, known: readonly string[]): OperatorError {
  const near = closestMatch(name, [...known], { maxDistance: 4 });
  const hint = near === undefined ? 'see --help' : `did you mean ${dashed(near)}?`;
  return new OperatorError('usage', `unknown option ${dashed(name)}`, { hint });
}

/** `keyFile` → `--key-file`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

/** Whether an option stood on the command line. */
export function isGiven(value: string | boolean | readonly string[] | undefined): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** A whole number in decimal digits within bounds. @throws OperatorError `usage` */
export function integerArgument(name: string, text: string, lowest: number, highest: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= lowest && value <= highest) return value;
  throw new OperatorError('usage', `${name} expected a number from ${lowest} to ${highest}, got "${text}"`);
}

/** One of some words. @throws OperatorError `usage` */
export function wordArgument<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const word = words.find(known => known === text);
  if (word !== undefined) return word;
  const expected = words.map(known => `"${known}"`).join(' or ');
  throw new OperatorError('usage', `${name} expected ${expected}, got "${text}"`);
}
