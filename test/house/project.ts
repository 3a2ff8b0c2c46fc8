/** The project's own files, as the house rules look at them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A file of the project. */
export interface Source {
  /** From the project's folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

const root = new URL('../../../', import.meta.url);

/** The text of a file, or undefined where there is none. */
export function readProjectFile(path: string): string | undefined {
  const url = new URL(path, root);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}

/** Every TypeScript file under a folder. */
export function sourcesUnder(folder: string): Source[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
    .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter(path => /\.c?ts$/.test(path))
    .sort()
    .map(path => ({ path, text: readProjectFile(path) ?? '' }));
}
