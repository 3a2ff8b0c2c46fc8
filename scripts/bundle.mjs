/**
 * Makes of each program one file, beside what the compiler made of its sources: finding, reading and compiling many
 * small files is most of what a short program does. Nothing is shortened: names and the places of the sources stay, for
 * stack traces. The library of src/index.ts stays as the compiler left it.
 *
 *   portknock.cjs           what people call: src/start.cts
 *   portknock.bundle.cjs    the program; CommonJS, which Node begins sooner than a module
 *   portknock.compiled      what V8 makes of that
 *   portknock.licences.txt  those of the libraries in it
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const project = fileURLToPath(new URL('..', import.meta.url));
const { mark } = createRequire(import.meta.url)('../dist/src/start.cjs');

const unusedByUs = 'const readPackageUpSync = undefined, normalizePackageData = undefined;';

/**
 * Most of meow is there to read a package.json, which src/system/command-line.ts spares it. That costs more
 * time than our own code does, so it must not come along.
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
function edited(path, pattern, replacement) {
  const text = readFileSync(path, 'utf8');
  const contents = text.replace(pattern, replacement);
  if (contents === text) throw new Error(`${path} is not what it was: see scripts/bundle.mjs`);
  return { contents };
}

/** What reads certificates, and keys of OpenPGP, is several times the size of what loads it, and that only for `explain`. */
const datagram = 'datagram';
const judge = 'judge';
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    const isApart = (filter, name) =>
      onResolve({ filter }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: `./${name}.cjs`, external: true } : undefined,
      );
    isApart(/\/methods\/datagram\/recognise\.js$/, datagram);
    isApart(/\/methods\/challenge\/judge\.js$/, judge);
  },
};

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

/** @param base where it is to be, without the endings */
async function make(entry, base) {
  const filename = `${base}.bundle.cjs`;
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: filename,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    // Native code, which the client loads for --raw alone.
    external: ['koffi'],
    // What is apart is required; a script that was compiled in advance has no import().
    supported: { 'dynamic-import': false },
    define: { 'import.meta': 'importMeta' },
    // As src/start.cts calls it.
    banner: {
      js: `(function (require, module, __filename) { "use strict";
const importMeta = { url: require('node:url').pathToFileURL(__filename).href };`,
    },
    footer: { js: '})' },
    plugins: [leanMeow, apart],
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

/** What a program loads when it needs it: an ordinary CommonJS module, and the licences of what is in it. */
async function makeModule(entry, base) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: `${base}.cjs`,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    external: ['koffi'],
    define: { 'import.meta': 'importMeta' },
    banner: { js: `const importMeta = { url: require('node:url').pathToFileURL(__filename).href };` },
    plugins: [leanMeow],
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(`${base}.licences.txt`, licences(Object.keys(metafile.inputs)));
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
await make('src/daemon/main.ts', 'dist/src/daemon/portknockd');
await makeModule('src/methods/datagram/recognise.ts', `dist/src/daemon/${datagram}`);
await makeModule('src/methods/challenge/judge.ts', `dist/src/daemon/${judge}`);
await make('src/daemon/listener.ts', 'dist/src/daemon/listener');
await make('src/daemon/fetcher.ts', 'dist/src/daemon/fetcher');
await make('src/daemon/verifier.ts', 'dist/src/daemon/verifier');
await make('src/ulogport.ts', 'dist/src/ulogport');
await make('src/daemon/signatory.ts', 'dist/src/daemon/signatory');
await make('src/system/pfxworker.ts', 'dist/src/system/pfxworker');
await make('src/system/keyringworker.ts', 'dist/src/system/keyringworker');
await makeModule('src/client/allowed.ts', 'dist/src/client/allowed');
await makeModule('src/client/signing/openpgp.ts', 'dist/src/client/signer');
await makeModule('src/client/ca/main.ts', 'dist/src/client/authority');
