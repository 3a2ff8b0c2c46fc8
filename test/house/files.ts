/** Names, lengths and opening words of files; lengths of functions; words on what is public. */
import type { Source } from './project.js';
import { blank, functionsIn } from './scanner.js';

const mostLines = 350;
const mostFunctionLines = 40;
const usualFunctionLines = 25;
const usualShare = 0.95;
const vagueNames = /(?:^|[/._-])(?:utils?|helpers?|common|types|misc|shared|lib)(?=[/._-]|$)/;

/** Files past 350 lines. */
export function longFiles(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > mostLines)
    .map(({ path, lines }) => `${path} has ${lines} lines`);
}

/** Functions past 40 lines; and those past 25, where they are more than one in twenty. */
export function longFunctions(sources: readonly Source[]): string[] {
  const all = sources.flatMap(({ path, text }) => functionsIn(text).map(each => ({ path, ...each })));
  const past = (limit: number) => all.filter(({ length }) => length > limit);
  const unusual = past(usualFunctionLines);
  const found = unusual.length > all.length * (1 - usualShare) ? unusual : past(mostFunctionLines);
  return found.map(({ path, line, length }) => `${path}:${line} has ${length} lines`);
}

/** Names that say nothing, and names that are not lower-case words. */
export function badNames(sources: readonly Source[]): string[] {
  return sources
    .map(({ path }) => path)
    .filter(path => vagueNames.test(path) || !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*[/.])+(?:d\.|c)?ts$/.test(path));
}

/** Files that do not say first what they are. */
export function withoutOpening(sources: readonly Source[]): string[] {
  return sources
    .filter(({ text }) => !/^(?:#!.*\n)?\/\*\*\s*(?:\*\s*)?[^\s*/]/.test(text))
    .map(({ path }) => path);
}

/** Public names without a sentence on them: what one file exports from others, followed to where it is declared. */
export function undocumented(entry: Source, sources: readonly Source[]): string[] {
  return exportsOf(entry).flatMap(({ name, path }) => {
    const source = sources.find(each => each.path === path);
    if (source === undefined) return [`${name}: no ${path}`];
    const inner = exportsOf(source).find(each => each.name === name);
    if (inner !== undefined) return undocumented({ ...source, text: reexport(inner) }, sources);
    return isDocumented(source, name) ? [] : [`${name} in ${path}`];
  });
}

interface Export {
  readonly name: string;
  readonly path: string;
}

function reexport({ name, path }: Export): string {
  return `export { ${name} } from '/${path.replace(/\.ts$/, '.js')}';`;
}

function exportsOf({ path, text }: Source): Export[] {
  const lists = blank(text, true).matchAll(/\bexport\s+(?:type\s+)?\{([^}]*)\}\s*from\s*'([^']+)'/g);
  return [...lists].flatMap(([, names = '', module = '']) => {
    const target = new URL(module, `file:///${path}`).pathname.slice(1).replace(/\.js$/, '.ts');
    return names
      .split(',')
      .map(
        each =>
          each
            .trim()
            .replace(/^type\s+/, '')
            .split(/\s+as\s+/)[0] ?? '',
      )
      .filter(name => name !== '')
      .map(name => ({ name, path: target }));
  });
}

const declaration = '(?:declare )?(?:abstract )?(?:async )?(?:function\\*?|class|interface|type|const)';

function isDocumented({ text }: Source, name: string): boolean {
  return new RegExp(`\\*/\\n(?://.*\\n)*export ${declaration} ${name}\\b`).test(text);
}
