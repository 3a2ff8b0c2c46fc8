/**
 * Makes of the client one file, dist/src/client/portknock.cjs, which starts in half the time: finding and reading many
 * small files is most of what a short program does. It is not made smaller by force: names and the places of its sources
 * stay in it, for stack traces.
 *
 * CommonJS, because Node begins that sooner than a module. The library of src/index.ts stays as the compiler left it.
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const project = fileURLToPath(new URL('..', import.meta.url));
const { mark } = createRequire(import.meta.url)('../dist/src/start.cjs');

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

/** One program: its bundle, the licences in it, what V8 makes of it, and what starts it. */
async function make(entry, base) {
  const filename = `${project}${base}.bundle.cjs`;
  // An old one must not stay where this is interrupted.
  rmSync(`${base}.compiled`, { force: true });
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: filename,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    // Native code, and for the client loaded for --raw alone.
    external: ['koffi'],
    define: { 'import.meta': 'importMeta' },
    // As src/start.cts calls it.
    banner: {
      js: `(function (require, __filename) { "use strict";
const importMeta = { url: require('node:url').pathToFileURL(__filename).href };`,
    },
    footer: { js: '})' },
    plugins: [leanMeow],
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(`${base}.licences.txt`, licences(Object.keys(metafile.inputs)));
  const source = readFileSync(filename);
  const compiled = compile(source, filename);
  writeFileSync(`${base}.compiled`, Buffer.concat([mark(source, compiled), compiled]));
  copyFileSync('dist/src/start.cjs', `${base}.cjs`);
  chmodSync(`${base}.cjs`, 0o755);
}

/** Everything that V8 needs to run a program: by itself it compiles a function only when it is called. */
function compile(source, filename) {
  setFlagsFromString('--no-lazy');
  const script = new Script(source.toString(), { filename });
  // A part of what V8 compares.
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

process.chdir(project);
await make('src/client/main.ts', 'dist/src/client/portknock');
