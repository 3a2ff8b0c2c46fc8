/**
 * The administrator's own rules (`rules.d/*.nft`): read, and held to what lets them stand inside our table.
 *
 * Only braces, names and references are looked at. What else is wrong says nft, and daemon/nfterror.ts says where.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closestMatch } from 'leven';
import { errorCode, OperatorError } from '../system/error.js';
import type { RulesFile } from './config.js';
import { namedSetPattern } from './setnames.js';

/** A word or a sign of a text of nft's, without comments and quoted texts. */
interface Token {
  readonly text: string;
  readonly line: number;
}

/** What our own part of the table may be called (daemon/table.ts): rules of others would be put among ours. */
export const reservedNames: ReadonlySet<string> = new Set([
  ...['window', 'sequence', 'knock', 'guard', 'door', 'admit', 'number', 'guess', 'datagram', 'others'],
  ...['open4', 'open6', 'once4', 'once6', 'live4', 'live6', 'noisy4', 'noisy6', 'datagrams4', 'datagrams6'],
  ...['numbers', 'guesses4', 'guesses6', 'guessing4', 'guessing6'],
  ...['challenge', 'challenges4', 'challenges6'],
]);

/** Every `*.nft` of a folder, in the order of names. @throws OperatorError where a file cannot be read, or ENOENT of Node */
export function readRules(folder: string): RulesFile[] {
  const names = readdirSync(folder).filter(name => name.endsWith('.nft') && !name.startsWith('.'));
  return names.sort().map(name => {
    const path = join(folder, name);
    let text: string;
    try {
      // Whatever else it is, a pipe above all, might never end.
      if (!statSync(path).isFile()) throw new OperatorError('no-rules', `${path}: is no file`);
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      throw new OperatorError('no-rules', `${path}: cannot be read (${errorCode(error)})`);
    }
    // nft would take the text for ended there.
    if (text.includes('\0'))
      throw new OperatorError('no-rules', `${path}: holds a zero byte, so it is no text`);
    // nft takes neither a byte order mark nor the line ends of Windows.
    return { path, text: text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n') };
  });
}

/** A set's sign may stand apart from its name, and a backslash ends a word where it continues the line. */
const tokenPattern = /#[^\n]*|"[^"]*("?)|\n|[{};\\]|@(?:[ \t]|\\\n)*[^\s{};#"\\@]*|[^\s{};#"\\@]+/g;

function* tokensOf(text: string): Generator<Token> {
  let line = 1;
  for (const [token, closing] of text.matchAll(tokenPattern)) {
    if (!/^[#\n\\]/.test(token))
      yield { text: closing === undefined ? token.replace(/^@[\s\\]+/, '@') : unquoted(closing), line };
    line += token.split('\n').length - 1;
  }
}

/** A quoted text is nothing that we look at, unless it does not end. */
const openQuote = '"';

function unquoted(closing: string): string {
  return closing === '' ? openQuote : '""';
}

/** Everything in a file that cannot stand in our table, or names a set that does not exist. @param sets all named sets */
export function mistakesInRules({ path, text }: RulesFile, sets: readonly string[]): OperatorError[] {
  const tokens = [...tokensOf(text)];
  const mistake = ({ line }: Token, message: string, hint?: string) =>
    new OperatorError('bad-rules', message, { file: path, line, hint });
  return [
    ...mistakesInBraces(tokens, mistake),
    ...declarations(tokens).flatMap(name => {
      if (!reservedNames.has(name.text) && !namedSetPattern.test(name.text)) return [];
      return [mistake(name, `"${name.text}" is a name of portknockd's own`, 'choose another')];
    }),
    ...tokens
      .filter(({ text }) => text === 'include')
      .map(token => mistake(token, '"include" has no place here', 'put that file into this folder')),
    ...unknownReferences(tokens, sets, mistake),
  ];
}

type Say = (token: Token, message: string, hint?: string) => OperatorError;

/** What closes more than it opens would end our table; the rest of it would be anybody's. */
function mistakesInBraces(tokens: readonly Token[], mistake: Say): OperatorError[] {
  const open: Token[] = [];
  for (const token of tokens) {
    if (token.text === openQuote) return [mistake(token, 'a quoted text does not end')];
    if (token.text === '{') open.push(token);
    if (token.text !== '}' || open.pop() !== undefined) continue;
    return [mistake(token, 'a brace is closed that was not opened')];
  }
  const last = open.pop();
  return last === undefined ? [] : [mistake(last, 'a brace is opened and never closed')];
}

/** To look for what is meant takes long where there are thousands of sets. */
const mostHints = 10;

/** Each once a line: a rule often names its set twice. */
function unknownReferences(tokens: readonly Token[], sets: readonly string[], mistake: Say): OperatorError[] {
  const seen = new Set<string>();
  const known = new Set(sets);
  return tokens.flatMap(token => {
    const name = referenceIn(token);
    const place = `${token.line} ${name}`;
    if (name === undefined || known.has(name) || seen.has(place)) return [];
    seen.add(place);
    const near = seen.size > mostHints ? undefined : closestMatch(name, [...sets], { maxDistance: 8 });
    const hint = near && `did you mean "@${near}"?`;
    return [mistake(token, `there is no set "@${name}": no door or client is called so`, hint)];
  });
}

/** The names of chains, sets and other things that a text makes: the words before outermost braces. */
function declarations(tokens: readonly Token[]): Token[] {
  let depth = 0;
  return tokens.filter((_, index) => {
    const next = tokens[index + 1]?.text;
    const { text } = tokens[index]!;
    if (text === '{') depth++;
    if (text === '}') depth--;
    return depth === 0 && next === '{' && text !== '}' && text !== ';';
  });
}

/** The named set that a word refers to, without its sign. */
function referenceIn({ text }: Token): string | undefined {
  const name = /@([\w./-]+)/.exec(text)?.[1];
  return name !== undefined && namedSetPattern.test(name) ? name : undefined;
}

/** The named sets that rules look into or change. */
export function setsNamedIn(rules: readonly RulesFile[]): Set<string> {
  return new Set(rules.flatMap(({ text }) => [...tokensOf(text)].flatMap(token => referenceIn(token) ?? [])));
}

/** The named sets that rules take addresses out of: what they have taken is not given again. */
export function setsConsumedBy(rules: readonly RulesFile[]): Set<string> {
  return new Set(
    rules.flatMap(({ text }) => {
      const tokens = [...tokensOf(text)];
      const taken = tokens.filter((_, index) => tokens[index - 1]?.text === 'delete');
      // A variable may be any of them.
      const isAny = taken.some(token => token.text.startsWith('$'));
      return (isAny ? tokens : taken).flatMap(token => referenceIn(token) ?? []);
    }),
  );
}
