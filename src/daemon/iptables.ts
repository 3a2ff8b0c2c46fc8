/**
 * Rules of iptables as text: commands of a script, or what iptables-save writes. Only read here, never run; what they come
 * to is daemon/nftrules.ts's and daemon/ipsetrules.ts's.
 */

/** A rule with `-m sigknock`: whose knock counts, and whether one connection uses it up. */
export interface Sigknock {
  readonly uid: string;
  readonly isInverted: boolean;
  readonly closes: boolean;
}

export interface RuleLine {
  readonly kind: 'rule';
  readonly text: string;
  /** What stands before the command, such as `iptables -w`; empty in what iptables-save writes. */
  readonly program: readonly string[];
  readonly family: 4 | 6;
  readonly table: string;
  readonly command: string;
  readonly chain: string;
  /** All that follows, without `-m sigknock` and what belongs to it. */
  readonly words: readonly string[];
  readonly sigknock: Sigknock | undefined;
  /** Where among the words it stood. */
  readonly sigknockAt: number;
}

export type Line =
  | RuleLine
  /** A comment, an empty line, or what no command of iptables is. */
  | { readonly kind: 'comment' | 'blank' | 'other'; readonly text: string }
  /** `*filter`, `:INPUT DROP`, `COMMIT`. */
  | { readonly kind: 'table'; readonly text: string; readonly table: string }
  | {
      readonly kind: 'policy';
      readonly text: string;
      readonly family: 4 | 6;
      readonly table: string;
      readonly chain: string;
      readonly policy: string;
    }
  | { readonly kind: 'commit'; readonly text: string };

/** The lines of a text; those that a backslash continues are one. */
export function parseLines(text: string): Line[] {
  const state = { table: 'filter', family: /ip6tables-save/.test(text) ? (6 as const) : (4 as const) };
  const lines = text.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n');
  const logical: string[] = [];
  let isContinued = false;
  for (const line of lines) {
    if (isContinued) logical[logical.length - 1] += `\n${line}`;
    else logical.push(line);
    isContinued = /(?:^|[^\\])(?:\\\\)*\\$/.test(line) && !/^\s*(?:#|\/\/)/.test(logical.at(-1)!);
  }
  return logical.map(line => {
    const parsed = parseLine(line, state);
    if (parsed.kind === 'table') state.table = parsed.table;
    return parsed;
  });
}

function parseLine(text: string, state: { readonly table: string; readonly family: 4 | 6 }): Line {
  const trimmed = text.trim();
  if (trimmed === '') return { kind: 'blank', text };
  if (/^(?:#|\/\/)/.test(trimmed)) return { kind: 'comment', text: trimmed.replace(/^(?:#+|\/\/+)\s?/, '') };
  if (trimmed.startsWith('*')) return { kind: 'table', text, table: trimmed.slice(1) };
  if (trimmed === 'COMMIT') return { kind: 'commit', text };
  const [, declared, policy] = /^:(\S+) (\S+)/.exec(trimmed) ?? [];
  if (declared !== undefined && policy !== undefined)
    return { kind: 'policy', text, family: state.family, table: state.table, chain: declared, policy };
  const words = splitWords(trimmed.replace(savedCounters, ''));
  return (words && parseCommand(text, words, state)) ?? { kind: 'other', text };
}

/** What iptables-save --counters writes before a rule. */
const savedCounters = /^\[\d+:\d+\]\s+(?=-)/;

const programPattern = /^(?:.*\/)?ip(6?)tables(?:-legacy|-nft)?$/;
const commandNames: Readonly<Record<string, string>> = {
  '--append': '-A',
  '--insert': '-I',
  '--policy': '-P',
  '--new-chain': '-N',
};

function parseCommand(
  text: string,
  words: readonly string[],
  state: { readonly table: string; readonly family: 4 | 6 },
): Line | undefined {
  const programAt = words.findIndex(word => programPattern.test(word));
  const isSaved = words[0]?.startsWith('-') === true;
  if (!isSaved && (programAt < 0 || programAt > 1)) return undefined;
  const family = isSaved ? state.family : programPattern.exec(words[programAt]!)?.[1] === '6' ? 6 : 4;
  const rest = words.slice(isSaved ? 0 : programAt + 1);
  const tableAt = rest.findIndex(word => word === '-t' || word === '--table');
  const table = tableAt < 0 ? (isSaved ? state.table : 'filter') : (rest[tableAt + 1] ?? '');
  const without = tableAt < 0 ? rest : [...rest.slice(0, tableAt), ...rest.slice(tableAt + 2)];
  const commandAt = without.findIndex(word => /^-[AINP]$/.test(commandNames[word] ?? word));
  const chain = without[commandAt + 1];
  if (commandAt < 0 || chain === undefined) return undefined;
  const command = commandNames[without[commandAt]!] ?? without[commandAt]!;
  const tail = without.slice(commandAt + 2);
  if (command === '-P') return { kind: 'policy', text, family, table, chain, policy: tail[0] ?? '' };
  const program = isSaved ? [] : [...words.slice(0, programAt + 1), ...without.slice(0, commandAt)];
  const found = takeSigknock(tail);
  return found && { kind: 'rule', text, program, family, table, command, chain, ...found };
}

/** What is left of a second match would be no option of iptables. */
const sigknockWords = ['sigknock', '--uid', '--close-after-syn'];

/** @returns undefined where it is not as the original took it */
function takeSigknock(
  words: readonly string[],
): Pick<RuleLine, 'words' | 'sigknock' | 'sigknockAt'> | undefined {
  const at = words.findIndex(
    (word, index) => (word === '-m' || word === '--match') && words[index + 1] === 'sigknock',
  );
  const isLeftIn = (rest: readonly string[]) => sigknockWords.some(word => rest.includes(word));
  if (at < 0) return isLeftIn(words) ? undefined : { words, sigknock: undefined, sigknockAt: -1 };
  const rest = [...words.slice(0, at), ...words.slice(at + 2)];
  const uidAt = rest.indexOf('--uid');
  const uid = rest[uidAt + 1];
  if (uidAt < 0 || uid === undefined || uid === '') return undefined;
  const isInverted = rest[uidAt - 1] === '!';
  rest.splice(isInverted ? uidAt - 1 : uidAt, isInverted ? 3 : 2);
  const closesAt = rest.indexOf('--close-after-syn');
  if (closesAt >= 0) rest.splice(closesAt, 1);
  if (isLeftIn(rest)) return undefined;
  return {
    words: rest,
    sigknock: { uid, isInverted, closes: closesAt >= 0 },
    sigknockAt: Math.min(at, rest.length),
  };
}

/** A line into words, as a shell does; undefined where a quote does not end, or what only a shell knows stands in it. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let rest = line; rest !== ''; ) {
    const [part = '', blank, single, double, escaped, plain] =
      /^(?:((?:\s|\\\n)+)|'([^']*)'|"((?:[^"\\$`]|\\.)*)"|\\(.)|([^\s'"\\$`;&|<>()]+))/s.exec(rest) ?? [];
    if (part === '') return undefined;
    rest = rest.slice(part.length);
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else
      word = (word ?? '') + (single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '');
  }
  return word === undefined ? words : [...words, word];
}

/** Words into a line that a shell or iptables-restore takes apart again. */
export function joinWords(words: readonly string[]): string {
  return words
    .map(word => (/^[\w@%+=:,./!-]+$/.test(word) ? word : `"${word.replaceAll(/["\\$`]/g, '\\$&')}"`))
    .join(' ');
}
