/** What the authority says where something is wrong: what, where, and what to do. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { writeSecret } from '../../e2e/harness/folder.js';
import { Program } from '../../e2e/harness/program.js';
import { Authority, type Listed, noOpenssl } from './authority.js';

type Case = readonly [words: string, status: number, message: RegExp];

async function refuses(ca: Authority, cases: readonly Case[]): Promise<void> {
  for (const [words, status, message] of cases) {
    const before = ca.files();
    const said = await ca.run(words);
    assert.equal(said.status, status, `${words}: ${said.stderr}`);
    assert.match(said.stderr, message);
    assert.equal(said.stdout, '');
    assert.deepEqual(ca.files(), before);
  }
}

test('where there is no authority', async t => {
  const ca = new Authority(t);
  for (const words of ['list', 'issue a --right tcp/22', 'server a', 'revoke a', 'crl']) {
    const { status, stderr } = await ca.run(words);
    assert.equal(status, 1);
    assert.match(stderr, /error: no CA in .*\n.*hint: make one with: portknock ca init.*--directory/);
  }
  mkdirSync(ca.path);
  await refuses(ca, [['list', 1, /no CA in/]]);
});

test('a folder that is not an authority stays as it is', async t => {
  const ca = new Authority(t);
  for (const folder of ['pending/deep/deeper', 'pending.tmp'])
    mkdirSync(`${ca.path}/${folder}`, { recursive: true });
  const mine = ['file', 'pending/file', 'pending/deep/deeper/file', 'pending.tmp/file'];
  for (const file of mine) writeFileSync(`${ca.path}/${file}`, file);
  await refuses(ca, [
    ['list', 1, /no CA in/],
    ['crl', 1, /no CA in/],
  ]);
  await ca.do('init');
  for (const file of mine) assert.equal(ca.read(file), file);
});

test('a file in the place of the folder', async t => {
  const ca = new Authority(t);
  writeFileSync(ca.path, '');
  for (const words of ['list', 'init']) {
    const { status, stderr } = await ca.run(words);
    assert.equal(status, 1);
    assert.match(stderr, /error: .*authority: cannot be used \(it is no folder\)/);
  }
});

test('wrong use', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await refuses(ca, [
    ['', 2, /unknown command: ca|no command/],
    ['isue a', 2, /unknown command: ca isue\n.*did you mean: portknock ca issue/],
    ['issue --right tcp/22', 2, /too few arguments\n.*portknock ca issue NAME/],
    ['list a', 2, /one argument too many: "a"/],
    ['issue a', 2, /no --right/],
    ['issue a --right tcp', 2, /--right expected .*got "tcp"/],
    ['issue a --right tcp/0', 2, /--right expected/],
    ['issue a --right tcp/2-1', 2, /--right expected/],
    ['issue a/b --right tcp/1', 2, /NAME expected letters/],
    ['issue ../a --right tcp/1', 2, /NAME expected letters/],
    ['issue a23456789012345678901234567890123 --right tcp/1', 2, /at most 32/],
    ['server .a', 2, /NAME expected letters/],
    ['issue a --right tcp/1 --days 0', 2, /--days expected a number from 1 to 36500/],
    ['server a --right tcp/1', 2, /--right has no meaning for: portknock ca server/],
    ['list --days 3', 2, /--days has no meaning for: portknock ca list/],
    ['list --verify', 2, /--verify has no meaning for: portknock ca/],
    ['issue a --right tcp/1 --service web=tcp/2', 2, /no right permits it\n.*add --right tcp\/2/],
    ['issue a --right tcp/1 --address none', 2, /--address expected "auto", "local" or an address/],
    ['issue a --right tcp/1 --host a/b', 2, /--host expected a name or an address, got "a\/b"/],
    ['issue a --right tcp/1 --service tcp/1', 2, /--service expected such as/],
    [
      'issue a --right tcp/1 --server nowhere',
      1,
      /no server certificate in date for "nowhere"\n.*ca server nowhere/,
    ],
    ['revoke nobody', 1, /no certificate of "nobody" was issued/],
  ]);
});

test('nothing is overwritten', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  writeFileSync(`${ca.path}/a.pfx`, 'mine');
  symlinkSync('/nowhere', `${ca.path}/b.pfx`);
  writeFileSync(`${ca.path}/server-c.cer`, 'mine');
  await refuses(ca, [
    ['init', 1, /there is a CA in .* already\n.*--directory/],
    ['issue a --right tcp/1', 1, /a\.pfx is there already\n.*nothing is ever overwritten/],
    ['issue b --right tcp/1', 1, /b\.pfx is there already/],
    ['server c', 1, /server-c\.cer is there already/],
  ]);
  assert.equal(ca.read('a.pfx'), 'mine');
});

test('a certificate in date is renewed beside the old one', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/1');
  const [{ serial } = assert.fail()] = await ca.list();
  await refuses(ca, [
    [
      'issue laptop --right tcp/1',
      1,
      /"laptop" has a certificate in date until .*\n.*move its files away, --force/,
    ],
    ['server laptop', 1, /"laptop" has a certificate in date/],
    ['issue laptop --right tcp/1 --force', 1, /laptop\.pfx is there already/],
  ]);
  rmSync(`${ca.path}/laptop.pfx`);
  const renewed = await ca.run('issue laptop --right tcp/1 --force');
  assert.equal(renewed.status, 0);
  assert.match(renewed.stderr, new RegExp(`another certificate in date, serial ${serial}: revoke it`));
  const said = await ca.do(`revoke ${serial.toUpperCase().replace(/..(?=.)/g, '$&:')}`);
  assert.match(said, new RegExp(`^revoked laptop \\(client\\), serial ${serial}$`, 'm'));
  assert.deepEqual((await ca.list()).map(({ state }) => state).sort(), ['in date', 'revoked']);
  await refuses(ca, [[`revoke ${serial}`, 1, /was revoked on .*\n.*portknock ca crl/]]);
  await ca.do('revoke laptop');
  await refuses(ca, [
    ['revoke laptop', 1, /no certificate of "laptop" is in date/],
    ['revoke latop', 1, /was issued\n.*did you mean "laptop"/],
  ]);
  rmSync(`${ca.path}/laptop.pfx`);
  await ca.do('issue laptop --right tcp/1');
});

test('revoking a name revokes all of it that is in date, and says which', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  for (let times = 0; times < 3; times++) {
    rmSync(`${ca.path}/laptop.pfx`, { force: true });
    await ca.do('issue laptop --right tcp/1 --force');
  }
  const said = await ca.do('revoke laptop');
  assert.equal(said.match(/^revoked laptop/gm)?.length, 3);
  assert.deepEqual(new Set((await ca.list()).map(({ state }) => state)), new Set(['revoked']));
});

test('the authority’s own files', { skip: noOpenssl }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  const key = ca.read('ca.key');
  const issue = 'issue a --right tcp/1';
  chmodSync(`${ca.path}/ca.key`, 0o640);
  await refuses(ca, [[issue, 1, /ca\.key: others than its owner may use this secret.*\n.*chmod 600/]]);
  rmSync(`${ca.path}/ca.key`);
  await refuses(ca, [
    [issue, 1, /ca\.key: no such file: nothing can be signed\D*\n.*from a copy/],
    ['init', 1, /there is a CA in/],
  ]);
  writeSecret(ca.path, 'ca.key', 'no key');
  await refuses(ca, [['crl', 1, /ca\.key: expected a private key of P-256/]]);
  ca.openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key');
  await refuses(ca, [['crl', 1, /ca\.key: not the key of ca\.pem/]]);
  writeSecret(ca.path, 'ca.key', key);
  rmSync(`${ca.path}/crl.pem`);
  const { status, stderr } = await ca.run('list');
  assert.deepEqual({ status, stderr: /hint: nothing was issued/.test(stderr) }, { status: 0, stderr: true });
  rmSync(`${ca.path}/ca.pem`);
  await refuses(ca, [['list', 1, /ca\.pem: no such file\n.*on every server/]]);
});

test('an authority that expires', { skip: noOpenssl }, async t => {
  const ca = new Authority(t);
  await ca.do('init --days 100');
  await refuses(ca, [
    ['issue a --right tcp/1', 1, /the CA is in date until .*for 365 days\n.*--days 99|--days 100/],
    ['server a', 1, /--days (?:99|100)$/m],
  ]);
  await ca.do('issue a --right tcp/1 --days 90');
  ca.openssl('x509 -in ca.pem -signkey ca.key -days -1 -out ca.pem');
  await refuses(ca, [['issue b --right tcp/1', 1, /the CA has expired: it was in date until .*\n.*new one/]]);
  const { status, stderr } = await ca.run('revoke a');
  assert.equal(status, 0);
  assert.match(stderr, /warning: the CA has expired/);
});

/** A clock that is ahead, for a program. */
function clockAhead(ca: Authority, days: number): Record<string, string> {
  const hook = writeSecret(
    ca.user.folder,
    'clock.cjs',
    `const now = Date.now; Date.now = () => now() + ${days * 86_400_000};`,
  );
  return { NODE_OPTIONS: `--require ${hook}` };
}

test('a certificate that has expired makes room for the next', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue laptop --right tcp/1 --days 2');
  const env = clockAhead(ca, 3);
  const [{ serial, state } = assert.fail()] = JSON.parse(await ca.do('list --json', { env })) as Listed[];
  assert.equal(state, 'expired');
  const revoked = await ca.run('revoke laptop', { env });
  assert.match(revoked.stderr, /no certificate of "laptop" is in date.*\n.*by its serial number/);
  rmSync(`${ca.path}/laptop.pfx`);
  await ca.do('issue laptop --right tcp/1', { env });
  await ca.do(`revoke ${serial}`, { env });
});

test('a clock that is behind the list before is told', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('crl', { env: clockAhead(ca, 1) });
  const { status, stderr } = await ca.run('crl');
  assert.equal(status, 0);
  assert.match(stderr, /warning: the clock is behind: the list before is from a later time/);
});

test('a list that is lost or damaged is written anew, with a higher number', { skip: noOpenssl }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('issue a --right tcp/1');
  await ca.do('revoke a');
  const number = ca.listNumber();
  writeFileSync(`${ca.path}/crl.pem`, 'damaged');
  const { status, stderr } = await ca.run('crl');
  assert.equal(status, 0);
  assert.match(stderr, /warning: .*crl\.pem could not be read; it is written anew/);
  assert.ok(ca.listNumber() > number);
  rmSync(`${ca.path}/crl.pem`);
  await ca.do('crl --days 7');
  const text = ca.openssl('crl -in crl.pem -noout -text');
  const [, until = ''] = /Next Update: (.*)/.exec(text)!;
  assert.ok(Math.abs(Date.parse(until) - Date.now() - 7 * 86_400_000) < 60_000);
  assert.equal(text.match(/Serial Number/g)?.length, 1);
});

test('passwords', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  const none = await ca.user.run(['ca', 'issue', 'a', '--right', 'tcp/1', '--directory', ca.path]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /no password for a\.pfx\n.*--password-file FILE.*PORTKNOCK_PASSWORD.*terminal/);
  for (const [password, message] of [
    ['', /the password is empty/],
    ['pässwörd', /characters that are not printable ASCII/],
  ] as const) {
    const { status, stderr } = await ca.run('issue a --right tcp/1', {
      env: { PORTKNOCK_PASSWORD: password },
    });
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  const open = writeSecret(ca.user.folder, 'password', 'x');
  chmodSync(open, 0o644);
  const { stderr } = await ca.run(`issue a --right tcp/1 --password-file ${open}`);
  assert.match(stderr, /others than its owner/);
  assert.ok(!ca.files().includes('a.pfx'));
});

test('several at once: each has its turn, and nothing is lost', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  const names = ['a', 'b', 'c', 'd'];
  await Promise.all(names.map(name => ca.do(`issue ${name} --right tcp/1`)));
  const same = await Promise.all([1, 2].map(() => ca.run('server office')));
  assert.deepEqual(same.map(({ status }) => status).sort(), [0, 1]);
  await Promise.all(names.map(name => ca.do(`revoke ${name}`)));
  const listed = await ca.list();
  assert.deepEqual(
    listed.map(({ name, state }) => `${name} ${state}`),
    [...names.map(name => `${name} revoked`), 'office in date'],
  );
});

test('a folder that another program does not let go of', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  const holder = new Program(t, 'flock', ['--no-fork', ca.path, 'sh', '-c', 'echo locked; exec sleep 60']);
  await holder.line(/locked/);
  const { status, stderr } = await ca.run('crl');
  assert.equal(status, 1);
  assert.match(stderr, /another portknock ca is at work in it\n.*try again when it has ended/);
});
