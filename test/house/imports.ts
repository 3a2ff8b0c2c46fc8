/** Who imports whom: the floors of the house, their purity, and no way back to where one came from. */
import { isBuiltin } from 'node:module';
import type { Source } from './project.js';
import { blank } from './scanner.js';

/** Which rooms a room may import from; files beside the rooms may import from all. */
const below: Readonly<Record<string, readonly string[]>> = {
  crypto: ['crypto'],
  system: ['system', 'crypto', 'net'],
  net: ['net', 'system', 'crypto'],
  methods: ['methods', 'net', 'crypto'],
  daemon: ['daemon', 'methods', 'net', 'crypto', 'system'],
  client: ['client', 'methods', 'net', 'crypto', 'system'],
};

const pureRooms = new Set(['crypto', 'methods']);
/** What of net is pure, and so may be used by methods. */
const pureNet = new Set(['src/net/packet.ts', 'src/net/address.ts']);
const pureModules = new Set(['node:crypto']);
const impure =
  /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.|random(?:Bytes|Int|UUID|FillSync|Fill)|getRandomValues|process\.|console\.|set(?:Timeout|Interval|Immediate)|fetch\()/g;

/** The modules that a file names in imports and exports, types included. */
export function modulesIn({ text }: Source): string[] {
  const names = /\b(?:from\s+|import\s+|import\s*\(\s*)'([^']+)'/g;
  return [...blank(text, true).matchAll(names)].map(([, name]) => name ?? '');
}

/** The files of the project that a file imports. */
function filesImportedBy(source: Source): string[] {
  return modulesIn(source)
    .filter(name => name.startsWith('.'))
    .map(name => new URL(name, `file:///${source.path}`).pathname.slice(1).replace(/\.js$/, '.ts'));
}

/** The room of a file: the folder under src, or nothing for a file beside the rooms. */
function roomOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? '';
}

/** The folder of one way to knock, or undefined elsewhere. */
function methodOf(path: string): string | undefined {
  return /^src\/methods\/([^/]+)\//.exec(path)?.[1];
}

/** Imports that go up, across from daemon to client, from one method to another, or to the impure part of net. */
export function wrongImports(sources: readonly Source[]): string[] {
  return sources.flatMap(source =>
    filesImportedBy(source)
      .filter(target => !isAllowed(source.path, target))
      .map(target => `${source.path} imports ${target}`),
  );
}

function isAllowed(from: string, to: string): boolean {
  const room = roomOf(from);
  if (room === '') return true;
  if (below[room]?.includes(roomOf(to)) !== true) return false;
  if (room === 'methods' && roomOf(to) === 'net') return pureNet.has(to);
  const method = methodOf(from);
  return method === undefined || methodOf(to) === undefined || methodOf(to) === method;
}

/** Node's modules, clocks and randomness in the pure rooms. */
export function impurities(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => pureRooms.has(roomOf(path)))
    .flatMap(source => {
      const modules = modulesIn(source).filter(name => isNodeModule(name) && !pureModules.has(name));
      const words = [...blank(source.text).matchAll(impure)].map(([word]) => word);
      return [...modules, ...words].map(name => `${source.path} uses ${name}`);
    });
}

function isNodeModule(name: string): boolean {
  return name.startsWith('node:') || isBuiltin(name);
}

/** Packages that sources import without being declared. */
export function undeclaredPackages(sources: readonly Source[], declared: ReadonlySet<string>): string[] {
  return sources.flatMap(source =>
    modulesIn(source)
      .filter(name => !name.startsWith('.') && !isNodeModule(name))
      .map(name => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
      .filter(name => !declared.has(name))
      .map(name => `${source.path} imports ${name}`),
  );
}

/** Each way from a file back to itself, once. */
export function cycles(sources: readonly Source[]): string[] {
  const imports = new Map(sources.map(source => [source.path, filesImportedBy(source)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return found;
}
