/**
 * Makes of the client one file, dist/src/client/portknock.cjs, which starts in half the time: finding and reading many
 * small files is most of what a short program does. It is not made smaller by force: names and the places of its sources
 * stay in it, for stack traces.
 *
 * CommonJS, because Node begins that sooner than a module. The library of src/index.ts stays as the compiler left it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const project = fileURLToPath(new URL('..', import.meta.url));
const outfile = 'dist/src/client/portknock.cjs';

/**
 * Most of meow is there to read a package.json, which src/system/command-line.ts spares it. It must not come along: it
 * costs as much time as all of our own code.
 */
const leanMeow = {
  name: 'lean-meow',
  setup({ onLoad }) {
    onLoad({ filter: /\/meow\/build\/options\.js$/ }, ({ path }) =>
      edited(path, /^import \{[^}]*\} from '\.\/dependencies\.js';$/m, () => unusedByUs),
    );
    // What begins to load as soon as meow does, though nobody asks for it any more.
    onLoad({ filter: /\/meow\/build\/dependencies\.js$/ }, ({ path }) =>
      edited(
        path,
        /^((?:var|const) \w+ = )?((?:require[A-Z][\w$]*|getDefaultExportFromCjs|promisify)\(\w*\);)$/gm,
        (_line, name = '', call) => `${name}/* @__PURE__ */ ${call}`,
      ),
    );
  },
};
const unusedByUs = 'const readPackageUpSync = undefined, normalizePackageData = undefined;';

function edited(path, pattern, replacement) {
  const text = readFileSync(path, 'utf8');
  const contents = text.replace(pattern, replacement);
  if (contents === text) throw new Error(`${path} is not what it was: see scripts/bundle.mjs`);
  return { contents };
}

/** The licences of the packages of which something is in the bundle: they ask to go along. */
function licences(inputs) {
  const folders = inputs.map(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(folders)]
    .filter(folder => folder !== undefined)
    .flatMap(folder => {
      const files = readdirSync(folder, { recursive: true })
        .filter(file => /(?:^|\/)licen[cs]e/i.test(file))
        .sort();
      if (files.length === 0) throw new Error(`${folder} has no licence`);
      return files.map(file => `${folder}/${file}\n\n${readFileSync(`${folder}/${file}`, 'utf8')}`);
    })
    .join('\n----\n\n');
}

process.chdir(project);
const { metafile } = await build({
  entryPoints: ['src/client/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // Native code, loaded for --raw alone.
  external: ['koffi'],
  define: { 'import.meta': 'importMeta' },
  banner: {
    js: `"use strict";\nconst importMeta = { url: require('node:url').pathToFileURL(__filename).href };`,
  },
  plugins: [leanMeow],
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(outfile.replace('.cjs', '.licences.txt'), licences(Object.keys(metafile.inputs)));
