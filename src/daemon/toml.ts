/** TOML with the line of every value, so that a mistake can be shown where it stands. */
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import { OperatorError } from '../system/error.js';

/** Where a value stands: keys and, in arrays, indices from 0. */
export type Path = readonly (string | number)[];

export interface TomlDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** The line of a value, or of the nearest thing around it that has one; from 1. */
  lineOf(path: Path): number;
}

/** @param file for messages @throws OperatorError `bad-toml` with file and line */
export function readToml(text: string, file: string): TomlDocument {
  try {
    const program = parseTOML(text, { tomlVersion: '1.0.0' });
    const lines = new Map<string, number>();
    for (const node of program.body[0].body) note(lines, node, []);
    refusePrototypes(lines, file);
    return {
      value: getStaticTOMLValue(program),
      lineOf: path => {
        for (let length = path.length; length > 0; length--) {
          const line = lines.get(JSON.stringify(path.slice(0, length)));
          if (line !== undefined) return line;
        }
        return 1;
      },
    };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const message = error.message.charAt(0).toLowerCase() + error.message.slice(1).replace(/\.$/, '');
    throw new OperatorError('bad-toml', message, { file, line: error.lineNumber });
  }
}

/** The parser would set it on every object there is, past all checks of keys. */
function refusePrototypes(lines: ReadonlyMap<string, number>, file: string): void {
  for (const [path, line] of lines) {
    if (!(JSON.parse(path) as Path).includes('__proto__')) continue;
    throw new OperatorError('bad-toml', 'a key cannot be "__proto__"', { file, line });
  }
}

function note(
  lines: Map<string, number>,
  node: AST.TOMLTable | AST.TOMLKeyValue | AST.TOMLContentNode,
  at: Path,
): void {
  if (node.type === 'TOMLTable') {
    remember(lines, node.resolvedKey, node);
    for (const child of node.body) note(lines, child, node.resolvedKey);
  } else if (node.type === 'TOMLKeyValue') {
    const path = [...at, ...node.key.keys.map(key => (key.type === 'TOMLBare' ? key.name : key.value))];
    remember(lines, path, node);
    note(lines, node.value, path);
  } else if (node.type === 'TOMLArray') {
    node.elements.forEach((element, index) => {
      remember(lines, [...at, index], element);
      note(lines, element, [...at, index]);
    });
  } else if (node.type === 'TOMLInlineTable') {
    for (const child of node.body) note(lines, child, at);
  }
}

function remember(lines: Map<string, number>, path: Path, node: AST.TOMLNode): void {
  for (let length = path.length; length > 0; length--) {
    const key = JSON.stringify(path.slice(0, length));
    // An inner key's line also stands for the tables around it that have no line of their own.
    if (lines.has(key)) return;
    lines.set(key, node.loc.start.line);
  }
}
