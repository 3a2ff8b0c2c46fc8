/** The program itself explains datagrams, and only then loads what reads certificates. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ofVersion1 } from '../methods/datagram/hearing.js';
import { ethernet, pcap, record } from '../net/capturemade.js';
import { ipv4, udpDatagram } from '../net/made.js';
import { temporaryFolder, writeFile } from './folder.js';

const program = fileURLToPath(new URL('../../src/daemon/portknockd.cjs', import.meta.url));
const beside = (name: string) => readFileSync(new URL(`../../src/daemon/${name}`, import.meta.url), 'utf8');

const configuration = `[datagram]
ca_file = "ca.pem"
server_key_file = "server.key"
server_certificate_file = "server.pem"
policy = "drop"
allow_other_address = true
`;

const hook = `process.on('exit', () =>
  require('node:fs').writeFileSync(process.env.LOADED, Object.keys(require.cache).join('\\n')));`;

test('the program explains a datagram; without one to explain it does not load what reads certificates', async t => {
  const folder = temporaryFolder(t);
  const url = new URL('../../../test/vectors/sknock-1.0.0.json', import.meta.url);
  const vector = JSON.parse(readFileSync(url, 'utf8')) as Record<string, string>;
  const pem = (der: string) => new X509Certificate(Buffer.from(der, 'hex')).toString();
  writeFile(folder, 'ca.pem', pem(vector['ca_cert_der']!));
  writeFile(folder, 'server.pem', pem(vector['server_cert_der']!));
  writeFile(folder, 'server.key', vector['server_key_pkcs8_pem']!);
  writeFile(folder, 'hook.cjs', hook);
  const [{ payload, time }] = ofVersion1.vectors as [(typeof ofVersion1.vectors)[0]];
  const frame = ethernet(ipv4(17, udpDatagram(1, 2, payload.toString('hex'))));
  writeFile(folder, 'capture', pcap('little', 1, [record('little', time / 1000, 0, frame)]));
  const explain = async (text: string) => {
    const config = writeFile(folder, 'portknockd.toml', text);
    const env = { ...process.env, NODE_OPTIONS: `--require ${folder}/hook.cjs`, LOADED: `${folder}/loaded` };
    const argv = [program, 'explain', `${folder}/capture`, '--config', config];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { env });
    return { stdout, stderr, loaded: readFileSync(env.LOADED, 'utf8') };
  };
  const { stdout, stderr, loaded } = await explain(configuration);
  assert.match(loaded, /\/datagram\.cjs$/m);
  const { outcome, service, client, serial } = JSON.parse(stdout) as Record<string, string>;
  assert.deepEqual(
    [outcome, service, client, serial],
    ['opened', 'tcp/2000', 'cert:Test-cli.example.net', '03'],
  );
  assert.match(stderr, /whether certificates were revoked is not known/);
  const without = await explain('[[door]]\nname = "ssh"\nservices = ["tcp/22"]\nsequence = ["7000/tcp"]\n');
  assert.equal(without.stdout, '');
  assert.doesNotMatch(without.loaded, /datagram\.cjs/);
});

test('what reads certificates is in none of the programs that start often', () => {
  const reader = /CertificateChainValidationEngine/;
  assert.match(beside('datagram.cjs'), reader);
  for (const name of ['portknockd.bundle.cjs', 'listener.bundle.cjs', '../client/portknock.bundle.cjs'])
    assert.doesNotMatch(beside(name), reader, name);
});
