/**
 * TypeScript with comments and the contents of strings, templates and regular expressions blanked out; newlines stay.
 *
 * Not a parser: it knows just enough for braces, words and line numbers to be what they seem.
 */

const beforeExpression =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/;

/** The pieces that are blanked, longest first; a slash is a regular expression only where an expression may begin. */
const pieces = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`|\/|[{}]/g;
const regularExpression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** A template up to its end or to the next `${`. */
const templatePart = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;

/** @param keepStrings blanks nothing but comments */
export function blank(text: string, keepStrings = false): string {
  let out = '';
  let at = 0;
  /** For each open brace, whether it is that of a template's `${`. */
  const braces: boolean[] = [];
  const copy = (end: number) => {
    out += text.slice(at, end);
    at = end;
  };
  const erase = (end: number) => {
    const isComment = text.startsWith('//', at) || text.startsWith('/*', at);
    if (keepStrings && !isComment) return copy(end);
    out += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const eraseTemplate = () => {
    templatePart.lastIndex = at;
    const part = templatePart.exec(text)?.[0] ?? text.slice(at);
    erase(at + part.length);
    if (part.endsWith('{')) braces.push(true);
  };
  while (at < text.length) {
    pieces.lastIndex = at;
    const found = pieces.exec(text);
    if (found === null) break;
    const [piece] = found;
    copy(found.index);
    if (piece === '{') braces.push(false);
    if (piece === '`') {
      erase(at + 1);
      eraseTemplate();
    } else if (piece === '}' && braces.pop() === true) {
      erase(at + 1);
      eraseTemplate();
    } else if (piece === '/') {
      regularExpression.lastIndex = at;
      const literal = beforeExpression.test(out) ? regularExpression.exec(text)?.[0] : undefined;
      if (literal === undefined) copy(at + 1);
      else erase(at + literal.length);
    } else if (piece.length > 1) {
      erase(at + piece.length);
    } else {
      copy(at + 1);
    }
  }
  copy(text.length);
  return out;
}

const statements = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);

/** A function's place and length, from the line of its opening brace to that of its closing one. */
export interface FunctionLines {
  /** Counted from 1. */
  readonly line: number;
  readonly length: number;
}

/** Every function with a body in braces. */
export function functionsIn(text: string): FunctionLines[] {
  const code = blank(text);
  const found: FunctionLines[] = [];
  const open: number[] = [];
  for (const { index } of code.matchAll(/[{}]/g)) {
    if (code[index] === '{') {
      open.push(index);
      continue;
    }
    const start = open.pop();
    if (start === undefined || !opensFunction(code, start)) continue;
    const line = lineOf(code, start);
    found.push({ line, length: lineOf(code, index) - line + 1 });
  }
  return found;
}

function lineOf(code: string, at: number): number {
  return code.slice(0, at).split('\n').length;
}

function opensFunction(code: string, brace: number): boolean {
  const before = code.slice(0, brace).trimEnd();
  if (before.endsWith('=>')) return true;
  if (before.endsWith(')')) return !statements.has(wordBefore(before));
  // The formatter puts a return type and the brace on the line where the parameters end.
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return /\):\s*[^\s{]/.test(line) || /\):\s*\{.*\}$/.test(line);
}

/** The word before the parentheses that end a text. */
function wordBefore(text: string): string {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ')') depth++;
    if (text[at] === '(' && --depth === 0) return /(\w+)\s*$/.exec(text.slice(0, at))?.[1] ?? '';
  }
  return '';
}
