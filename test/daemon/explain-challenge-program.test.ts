/** The program itself explains challenges, and only then loads what judges signatures. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { vectors } from '../methods/challenge/vectors.js';
import { capture, port, sentBy } from './challengecaptured.js';
import { temporaryFolder, writeFile } from './folder.js';

const program = fileURLToPath(new URL('../../src/daemon/portknockd.cjs', import.meta.url));

const section = `[challenge]
port = ${port}
site_key_file = "site.key"
`;
const door = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\nsequence = ["7000/tcp", "8000/tcp"]\n';
const client = `[[client]]
name = "john"
doors = ["ssh"]
ssh_keys = "ssh-ed25519 ${Buffer.from(vectors.signer.blob, 'hex').toString('base64')} john"
`;

const hook = `process.on('exit', () =>
  require('node:fs').writeFileSync(process.env.LOADED, Object.keys(require.cache).join('\\n')));`;

test('the program explains an exchange; without challenges it does not load what judges them', async t => {
  const folder = temporaryFolder(t);
  writeFile(folder, 'site.key', `${vectors.sites.keyed.siteKey}\n`);
  writeFile(folder, 'hook.cjs', hook);
  const [hello, response] = [vectors.hellos[0]!, vectors.responses[0]!];
  writeFile(folder, 'capture', capture([sentBy(hello), sentBy(response)]));
  const explain = async (text: string) => {
    const config = writeFile(folder, 'portknockd.toml', text);
    const env = { ...process.env, NODE_OPTIONS: `--require ${folder}/hook.cjs`, LOADED: `${folder}/loaded` };
    const argv = [program, 'explain', `${folder}/capture`, '--config', config];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { env });
    return { stdout, stderr, loaded: readFileSync(env.LOADED, 'utf8') };
  };
  const { stdout, stderr, loaded } = await explain(section + door + client);
  assert.match(loaded, /\/judge\.cjs$/m);
  const said = stdout.trimEnd().split('\n');
  const outcomes = said.map(line => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    outcomes.map(({ outcome, door: at, client: by, source }) => [outcome, at, by, source]),
    [
      ['answered', 'ssh', undefined, hello.source],
      ['opened', 'ssh', 'john', response.source],
    ],
  );
  assert.match(stderr, /whether the challenges in responses were made by this server is not known/);
  const without = await explain(door);
  assert.equal(without.stdout, '');
  assert.doesNotMatch(without.loaded, /judge\.cjs/);
});
