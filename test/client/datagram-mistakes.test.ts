/** What is refused before anything is sent, and what is said of it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { authority, client, Openssl, server } from '../system/openssl.js';
import { Receiver } from './datagramreader.js';
import { User } from './program.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', client);
openssl.certificate('server', server);
const past = ['20200101000000Z', '20210101000000Z'] as const;
const future = ['20400101000000Z', '20410101000000Z'] as const;
openssl.certificate('expired', { ...client, dates: past });
openssl.certificate('early', { ...client, dates: future });
openssl.certificate('old-server', { ...server, dates: past });
openssl.certificate('p384', { ...client, curve: 'P-384' });
openssl.certificate('rsa', { ...client, curve: 'rsa' });
openssl.certificate('rsa-server', { ...server, curve: 'rsa' });
openssl.certificate('for-server', { ...client, extensions: ['extendedKeyUsage=serverAuth'] });
openssl.certificate('no-rights', { by: 'ca' });
openssl.certificate('bad-rights', { ...client, rights: '1.2000,x' });
openssl.certificate('doors', { ...client, rights: '1.80', ownRights: ['door/web'] });
for (const name of 'alice expired early p384 rsa for-server no-rights bad-rights doors ca'.split(' ')) {
  openssl.pfx(name, `${name}.pfx`, 'x');
}
writeFileSync(openssl.path('junk'), 'junk');
const env = { PORTKNOCK_PASSWORD: 'x' };

async function run(scope: User, line: string) {
  const words = line
    .split(' ')
    .map(word => (/\.(pfx|pem|key|cnf)$|^junk$/.test(word) ? openssl.path(word) : word));
  return scope.run(words, { env });
}

const good = '--pfx alice.pfx --server-certificate server.pem';
const wrong: readonly [line: string, status: number, message: RegExp, hint: RegExp][] = [
  ['', 2, /missing: --port, --pfx, --server-certificate$/, /such as: portknock datagram/],
  ['--port tcp/2000 --pfx alice.pfx', 2, /missing: --server-certificate$/, /such as/],
  [`${good} --port 0`, 2, /--port expected a service such as "tcp\/2000", got "0"/, /^$/],
  [`${good} --port tcp/65536`, 2, /--port expected/, /^$/],
  [`${good} --port icmp/1`, 2, /--port expected/, /^$/],
  [`${good} --port tcp/2000 --knock-port 65536`, 2, /--knock-port expected a number/, /^$/],
  [`${good} --port tcp/2000 --address none`, 2, /--address expected "auto", "local"/, /always carries one/],
  [`${good} --port tcp/2000 --time soon`, 2, /--time expected/, /such as/],
  [`${good} --port tcp/2000 -t 5s`, 2, /are about waiting/, /--verify, or --wait PORT/],
  [`${good} --port tcp/2000 --verify --wait 22`, 2, /exclude each other/, /the port that is asked for/],
  [`${good} --port tcp/2000 --raw`, 2, /--raw has no meaning/, /belongs to/],
  [
    `${good} --port tcp/2001`,
    1,
    /certificate of "alice" does not allow tcp\/2001$/,
    /allows tcp\/2000, udp\/8000;/,
  ],
  [`${good} --port udp/2000`, 1, /does not allow udp\/2000$/, /it allows/],
  ['--pfx none.pfx --server-certificate server.pem --port tcp/2000', 1, /none\.pfx: no such file/, /^$/],
  [
    '--pfx alice.pem --server-certificate server.pem --port tcp/2000',
    1,
    /no PKCS #12 file/,
    /\.pfx or \.p12/,
  ],
  [
    '--pfx alice.pfx --server-certificate none.pem --port tcp/2000',
    1,
    /none\.pem: no such file/,
    /of the server/,
  ],
  [
    '--pfx alice.pfx --server-certificate junk --port tcp/2000',
    1,
    /server’s certificate is none/,
    /PEM or DER/,
  ],
  ['--pfx alice.pfx --server-certificate /dev/zero --port tcp/2000', 1, /no file with a cert/, /^$/],
  [
    '--pfx alice.pfx --server-certificate alice.pem --port tcp/2000',
    1,
    /is the client’s own/,
    /the server has/,
  ],
  ['--pfx alice.pfx --server-certificate rsa-server.pem --port tcp/2000', 1, /key of RSA, .*P-256/, /^$/],
  [
    '--pfx p384.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /client’s key is SECP384R1, .*P-256/,
    /^$/,
  ],
  ['--pfx rsa.pfx --server-certificate server.pem --port tcp/2000', 1, /client’s key is RSA, .*P-256/, /^$/],
  [
    '--pfx expired.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /certificate of "expired" has expired, at 2021-01-01T00:00:00Z$/,
    /clock is right/,
  ],
  [
    '--pfx early.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /certificate of "early" is not valid before 2040-01-01T00:00:00Z$/,
    /clock is right/,
  ],
  [
    '--pfx for-server.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /is not one for clients/,
    /another/,
  ],
  ['--pfx ca.pfx --server-certificate server.pem --port tcp/2000', 1, /is not one for clients/, /another/],
  [
    '--pfx no-rights.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /does not allow/,
    /allows nothing;/,
  ],
  [
    '--pfx bad-rights.pfx --server-certificate server.pem --port tcp/2000',
    1,
    /does not allow/,
    /allows nothing;/,
  ],
];

for (const [line, status, message, hint] of wrong) {
  test(`refused: ${line}`, async t => {
    const said = await run(new User(t), `datagram 127.0.0.1 ${line}`.trim());
    assert.deepEqual([said.status, said.stdout], [status, ''], said.stderr);
    const [error = '', advice = ''] = said.stderr.trimEnd().split('\n');
    assert.match(error, message);
    assert.match(advice, hint);
  });
}

test('without a password and without a terminal, the ways to give one', async t => {
  const line = `datagram 127.0.0.1 ${good} --port tcp/2000`.split(' ');
  const words = line.map(word => (/\.(pfx|pem)$/.test(word) ? openssl.path(word) : word));
  const { status, stderr } = await new User(t).run(words);
  assert.equal(status, 1);
  assert.match(stderr, /no password for .*alice\.pfx\n.*--password-file FILE, or PORTKNOCK_PASSWORD/);
});

test('what a door has only the server knows: a certificate with doors is tried', async t => {
  const receiver = await Receiver.open(t, openssl.read('server.key'));
  const to = `--server-certificate server.pem --port tcp/2000 --knock-port ${receiver.port}`;
  const { status, stderr } = await run(new User(t), `datagram 127.0.0.1 --pfx doors.pfx ${to}`);
  assert.deepEqual([status, stderr], [0, '']);
  await receiver.first(1);
});

test('the server’s certificate may be out of date: the server’s matter, and a warning', async t => {
  const receiver = await Receiver.open(t, openssl.read('old-server.key'));
  const to = `--server-certificate old-server.pem --port tcp/2000 --knock-port ${receiver.port}`;
  const { status, stderr } = await run(new User(t), `datagram 127.0.0.1 --pfx alice.pfx ${to}`);
  assert.equal(status, 0);
  assert.match(
    stderr,
    /^portknock: warning: the server’s certificate has expired, at 2021-01-01T00:00:00Z\n$/,
  );
  await receiver.first(1);
});

test('certificates are judged by the time that is given', async t => {
  const line = '--server-certificate server.pem --port tcp/2000 -n';
  const then = await run(new User(t), `datagram 127.0.0.1 --pfx expired.pfx ${line} --time 2020-06-01`);
  assert.equal(then.status, 0, then.stderr);
  const last = await run(
    new User(t),
    `datagram 127.0.0.1 --pfx expired.pfx ${line} --time 2021-01-01T00:00:00.999Z`,
  );
  assert.equal(last.status, 0, last.stderr);
  const later = await run(
    new User(t),
    `datagram 127.0.0.1 --pfx expired.pfx ${line} --time 2021-01-01T00:00:01Z`,
  );
  assert.equal(later.status, 1);
});

test('an empty name of a host', async t => {
  const files = ['--pfx', openssl.path('alice.pfx'), '--server-certificate', openssl.path('server.pem')];
  const { status, stderr } = await new User(t).run(['datagram', '', '--port', '2000', ...files], { env });
  assert.deepEqual({ status, stderr }, { status: 1, stderr: 'portknock: error: "": no such host\n' });
});
