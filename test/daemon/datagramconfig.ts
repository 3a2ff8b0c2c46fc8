/** Configurations with a section [datagram] for tests, and a folder with the files that they name. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Authority, der } from './certified.js';
import { folderWithKeys, writeFile } from './folder.js';

export const authority = new Authority('Example CA', { to: '20361118000000Z' });
authority.issue('server', { to: '20361117000000Z' });
authority.list();
const other = new Authority('Other CA');
export const sub = new Authority('Sub CA', { parent: authority });
const old = new Authority('Old CA', { from: '20200101000000Z', to: '20210101000000Z' });
const young = new Authority('Young CA', { from: '20991231000000Z', to: '21010101000000Z' });
other.issue('laptop');
other.issue('wide', { curve: 'secp384r1' });
old.issue('server', { from: '20200101000000Z', to: '20210101000000Z' });
export const soon = new Date(Date.now() + 20 * 86_400_000).toISOString();
const ending = new Authority('Ending CA', { to: `${soon.replace(/\D/g, '').slice(0, 14)}Z` });

for (const [name, ...more] of [['modern'], ['old', '-legacy'], ['empty']] as const) {
  const password = name === 'empty' ? 'pass:' : 'pass:open sesame';
  const files = ['-inkey', 'server.key', '-in', 'server.pem', '-certfile', 'ca.pem', '-out', `${name}.pfx`];
  authority.run('pkcs12', '-export', ...more, ...files, '-passout', password);
}
authority.run('pkey', '-in', 'server.key', '-aes128', '-passout', 'pass:x', '-out', 'encrypted.key');

/** A folder with keys, certificates and a list, under the names that the texts have. */
export function folder(t: TestContext): string {
  const path = folderWithKeys(t);
  const copy = (from: Authority, name: string, to: string) => copyFileSync(from.path(name), join(path, to));
  copy(authority, 'ca.pem', 'ca.pem');
  copy(authority, 'server.pem', 'server.pem');
  copy(authority, 'crl.pem', 'crl.pem');
  copy(old, 'ca.pem', 'old-ca.pem');
  copy(young, 'ca.pem', 'young-ca.pem');
  copy(ending, 'ca.pem', 'ending-ca.pem');
  copy(old, 'server.pem', 'old-server.pem');
  copy(other, 'laptop.pem', 'laptop.pem');
  copy(other, 'wide.pem', 'wide.pem');
  copy(sub, 'ca.pem', 'sub-ca.pem');
  const key = (from: Authority, name: string, to: string) => writeFile(path, to, from.read(name));
  key(authority, 'server.key', 'server.key');
  key(authority, 'server.sec1', 'sec1.key');
  key(old, 'server.key', 'old-server.key');
  key(other, 'wide.key', 'wide.key');
  writeFile(path, 'open.key', authority.read('server.key'), 0o644);
  writeFile(path, 'ca.der', der(authority.read('ca.pem')));
  writeFile(path, 'server.cer', der(authority.read('server.pem')));
  writeFile(path, 'server.key.der', der(authority.read('server.key')));
  writeFile(path, 'sec1.key.der', der(authority.read('server.sec1')));
  writeFile(path, 'crl.der', der(authority.read('crl.pem')));
  writeFile(
    path,
    'both.pem',
    Buffer.concat([sub.read('ca.pem'), Buffer.from('a text\n'), authority.read('ca.pem')]),
  );
  writeFile(path, 'nothing', 'nothing of use\n');
  key(authority, 'encrypted.key', 'encrypted.key');
  for (const name of ['modern', 'old', 'empty'])
    writeFile(path, `${name}.pfx`, authority.read(`${name}.pfx`));
  writeFile(path, 'wrong.pass', 'close sesame\n');
  return path;
}

export const ssh = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\n';
export const keys = 'server_key_file = "server.key"\nserver_certificate_file = "server.pem"\n';
/** Five lines without a list, then the door. */
export const section = (lines: string, door = ssh) =>
  `[datagram]\nca_file = "ca.pem"\n${keys}${lines}\n${door}`;
/** The same with one in place of another. */
export const instead = (from: string, to: string) => section('crl_file = "crl.pem"').replace(from, to);
export const small = section('crl_file = "crl.pem"');
