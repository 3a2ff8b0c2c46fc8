/** What the authority makes, as the real openssl sees it, and as portknock does. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readPfxFile } from '../../../src/system/pfx.js';
import { parseProfile } from '../../../src/system/profile.js';
import { writeSecret } from '../../e2e/harness/folder.js';
import { Program } from '../../e2e/harness/program.js';
import { clientPath, said } from '../program.js';
import { readChain, readRevokedIn } from './accepted.js';
import { Authority, noOpenssl, password } from './authority.js';

const skip = noOpenssl;
const daemonPath = clientPath.replace('/client/portknock.cjs', '/daemon/portknockd.cjs');

test('from init to revoke, openssl agrees', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init --name Example-CA');
  await ca.do('server office');
  await ca.do('issue laptop --right tcp/2000 --right udp/8000 --host h.example');
  const [laptop, office] = [await ca.record('laptop'), await ca.record('office')];
  const verify = (purpose: string, file: string) =>
    ca.openssl(`verify -x509_strict -crl_check -CRLfile crl.pem -CAfile ca.pem -purpose ${purpose} ${file}`);
  assert.match(verify('sslclient', laptop), /: OK/);
  assert.match(verify('sslserver', office), /: OK/);
  assert.match(verify('sslserver', 'server-office.pem'), /: OK/);
  assert.throws(
    () => verify('sslserver', laptop),
    /unsuitable certificate purpose|unsupported certificate purpose/i,
  );
  await ca.do('revoke laptop');
  assert.throws(() => verify('sslclient', laptop), /certificate revoked/);
  assert.match(verify('sslserver', office), /: OK/);
  assert.match(
    ca.openssl('crl -in crl.pem -noout -CAfile ca.pem') + ca.openssl('crl -in crl.pem -text -noout'),
    /Serial Number/,
  );
});

test('an authority that another program made, with a name of its own for its key', { skip }, async t => {
  const ca = new Authority(t);
  mkdirSync(ca.path);
  const lines = [
    ...[
      '[req]',
      'distinguished_name = name',
      'x509_extensions = all',
      'prompt = no',
      'string_mask = default',
    ],
    ...['[name]', 'C = DE', 'O = Example, Inc.', 'CN = "A+B"'],
    ...['[all]', 'basicConstraints = critical, CA:true', 'keyUsage = critical, keyCertSign, cRLSign'],
    'subjectKeyIdentifier = 0102030405060708',
  ];
  writeFileSync(`${ca.path}/ca.cnf`, lines.join('\n'));
  ca.openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key');
  chmodSync(`${ca.path}/ca.key`, 0o600);
  ca.openssl('req -x509 -new -config ca.cnf -key ca.key -days 999 -out ca.pem');
  await ca.do('issue laptop --right tcp/2000');
  await ca.do('crl');
  const record = await ca.record('laptop');
  const verify = () => ca.openssl(`verify -crl_check -CRLfile crl.pem -CAfile ca.pem ${record}`);
  assert.match(verify(), /: OK/);
  assert(new X509Certificate(readFileSync(record)).checkIssued(new X509Certificate(ca.read('ca.pem'))));
  await ca.do('revoke laptop');
  assert.throws(verify, /certificate revoked/);
});

test('a certificate with single ports alone is as sKnock’s own', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/2000 --right udp/8000');
  const text = ca.openssl(`x509 -in ${await ca.record('laptop')} -noout -text`);
  assert.match(text, /othername: 1\.3\.6\.1\.4\.1\.19518:{1,2}1\.2000,0\.8000/i);
  assert.match(text, /Digital Signature, Key Agreement/);
  assert.match(text, /TLS Web Client Authentication/);
  assert.match(text, /prime256v1/);
  assert.doesNotMatch(text, /2\.25\./);
});

test('ranges and doors stand in an extension of our own that is not critical', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/22 --right tcp/8000-8100 --right door/ssh');
  const record = await ca.record('laptop');
  const text = ca.openssl(`x509 -in ${record} -noout -text -certopt ext_parse`);
  assert.match(text, /othername: 1\.3\.6\.1\.4\.1\.19518:{1,2}1\.22$/im);
  assert.match(
    text,
    /2\.25\.216960764478568293933262447144336931113: \n[\s\S]*tcp\/8000-8100[\s\S]*door\/ssh/,
  );
  assert.doesNotMatch(text, /2\.25\.\d+: critical/);
  const [{ rights } = assert.fail()] = await ca.list();
  assert.deepEqual(rights, ['tcp/22', 'tcp/8000-8100', 'door/ssh']);
});

test('clients’ certificates are as long as sKnock’s servers want them', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init --name C');
  const many = Array.from({ length: 40 }, (_, n) => `--right tcp/${2000 + n}`).join(' ');
  for (const [name, rights] of [
    ['a', '--right tcp/1'],
    ['a-name-of-thirty-two-characters0', '--right tcp/65535 --right door/x'],
    ['many', many],
  ] as const) {
    await ca.do(`issue ${name} ${rights}`);
    const { length } = new X509Certificate(readFileSync(await ca.record(name))).raw;
    assert.ok(length >= 600 && length <= 1278, `${name}: ${length}`);
  }
  const tooMany = Array.from({ length: 200 }, (_, n) => `--right tcp/${2000 + n}`).join(' ');
  const { status, stderr } = await ca.run(`issue more ${tooMany}`);
  assert.equal(status, 1);
  assert.match(stderr, /the rights make a certificate of \d+ bytes.*\n.*give ranges/);
  assert.ok(!ca.files().includes('more.pfx'));
});

test('openssl and portknock open its PKCS #12 files, with one certificate of the authority', {
  skip,
}, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/22');
  const passwordFile = writeSecret(ca.user.folder, 'password', 'one of a file\n');
  await ca.do(`server office --password-file ${passwordFile}`);
  for (const [file, name, secret] of [
    ['laptop.pfx', 'laptop', password],
    ['server-office.pfx', 'office', 'one of a file'],
  ] as const) {
    const secretFile = writeSecret(ca.user.folder, 'secret', secret);
    const out = ca.openssl(`pkcs12 -in ${file} -passin file:${secretFile} -nodes`);
    assert.equal(out.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.equal(out.match(/BEGIN PRIVATE KEY/g)?.length, 1);
    const wrong = writeSecret(ca.user.folder, 'wrong', 'another');
    assert.throws(() => ca.openssl(`pkcs12 -in ${file} -passin file:${wrong} -nodes`), /invalid password/);
    const { certificate, authorities } = readPfxFile(`${ca.path}/${file}`, secret);
    assert.deepEqual(new X509Certificate(certificate).subject, `CN=${name}`);
    assert.deepEqual(
      authorities.map(der => new X509Certificate(der).raw),
      [new X509Certificate(ca.read('ca.pem')).raw],
    );
  }
});

test('portknockd takes what is for a server', async t => {
  const ca = new Authority(t);
  await ca.do('init --name Example-CA');
  const passwordFile = writeSecret(ca.user.folder, 'password', password);
  await ca.do(`server office --password-file ${passwordFile}`);
  const keys = [
    'server_key_file = "server-office.key"\nserver_certificate_file = "server-office.pem"',
    `server_pfx_file = "server-office.pfx"\nserver_pfx_password_file = "${passwordFile}"`,
  ];
  for (const [at, key] of keys.entries()) {
    const section = `[datagram]\nca_file = "ca.pem"\ncrl_file = "crl.pem"\n${key}`;
    const config = writeSecret(
      ca.path,
      `${at}.toml`,
      `${section}\n[[door]]\nname = "web"\nservices = ["tcp/2000"]\n`,
    );
    const program = new Program(t, process.execPath, [daemonPath, 'check', '--config', config], {
      input: '',
    });
    const { status, stdout, stderr } = await said(program);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /CN=office, until/);
    assert.match(stdout, /CN=Example-CA, until/);
  }
});

test('the profile is whole, and the client’s alone', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('server office');
  const said = await ca.run(
    'issue laptop --right tcp/2000 --right udp/8000-8100 --right door/ssh --service ssh=tcp/22 --host 127.0.0.1 --address local',
  );
  assert.match(said.stderr, /warning: udp\/8000-8100 names no single service.*--service DOOR=/);
  assert.doesNotMatch(said.stderr, /door\/ssh/);
  const profile = parseProfile(ca.read('laptop.json'));
  assert.equal(profile.method === 'datagram' && profile.address, 'local');
  assert.ok(profile.method === 'datagram');
  assert.deepEqual([profile.name, profile.host], ['office', '127.0.0.1']);
  assert.deepEqual(
    [...profile.doors].map(([door, { services }]) => [door, ...services]),
    [
      ['ssh', 'tcp/22'],
      ['tcp-2000', 'tcp/2000'],
    ],
  );
  assert.equal(profile.serverCertificate.trim(), ca.read('server-office.pem').trim());
  const imported = await ca.user.run(['import', `${ca.path}/laptop.json`]);
  assert.equal(imported.stdout, 'imported office (127.0.0.1): ssh, tcp-2000\n');
  const knocked = await ca.user.run(['office', 'tcp-2000', '--dry-run']);
  assert.equal(knocked.status, 0, knocked.stderr);
});

test('what is secret is its owner’s alone, whatever the umask', { skip }, async t => {
  const ca = new Authority(t);
  const previous = process.umask(0);
  try {
    await ca.do('init');
    await ca.do('server office');
    await ca.do('issue laptop --right tcp/22');
  } finally {
    process.umask(previous);
  }
  const open = ca.files().filter(file => (statSync(`${ca.path}/${file}`).mode & 0o077) !== 0);
  assert.deepEqual(
    open.filter(file => !file.startsWith('issued/')),
    ['ca.pem', 'crl.pem', 'server-office.cer', 'server-office.pem'],
  );
  const writable = ca.files().filter(file => (statSync(`${ca.path}/${file}`).mode & 0o022) !== 0);
  assert.deepEqual(writable, []);
  for (const file of ['', 'issued']) assert.equal(statSync(`${ca.path}/${file}`).mode & 0o777, 0o700);
});

test('the method takes them, until they are revoked', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/22 --right door/ssh');
  const { rights, name, serial } = await readChain(readFileSync(await ca.record('laptop')), [
    ca.read('ca.pem'),
  ]);
  assert.deepEqual({ rights, name }, { rights: ['tcp/22', 'door/ssh'], name: 'laptop' });
  assert.equal((await ca.list())[0]?.serial, serial);
});

test('lists keep what was revoked, and their numbers grow', { skip }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  for (const name of ['a', 'b']) await ca.do(`issue ${name} --right tcp/22`);
  const numbers = [ca.listNumber()];
  for (const words of ['revoke a', 'crl', 'crl --days 5', 'revoke b']) {
    await ca.do(words);
    numbers.push(ca.listNumber());
  }
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((one, other) => (one < other ? -1 : 1)),
  );
  const listed = (await ca.list()).map(({ serial }) => serial);
  assert.deepEqual((await readRevokedIn(ca.read('crl.pem'), [ca.read('ca.pem')])).sort(), listed.sort());
  const text = ca.openssl('crl -in crl.pem -noout -text');
  for (const { serial, state, revoked } of await ca.list()) {
    assert.match(text, new RegExp(`Serial Number: ${serial}`, 'i'));
    assert.equal(state, 'revoked');
    assert.ok(Math.abs(Date.parse(revoked!) - Date.now()) < 600_000);
  }
});
