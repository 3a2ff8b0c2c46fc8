/** Datagrams of the client on a real network: which address is signed, and what is said where it may not be seen. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Host } from '../e2e/harness/host.js';
import { notIsolated } from '../e2e/harness/isolation.js';
import { Network } from '../e2e/harness/network.js';
import { authority, client, Openssl, server } from '../system/openssl.js';
import type { HeardDatagram } from './datagramreader.js';
import { clientPath, type Said, said, User } from './program.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', client);
openssl.certificate('server', server);
openssl.pfx('alice', 'alice.pfx', 'secret');
const listenerPath = fileURLToPath(new URL('datagramlistener.js', import.meta.url));

function knock(t: TestContext, from: Host, host: string, ...options: readonly string[]): Promise<Said> {
  const files = ['--pfx', openssl.path('alice.pfx'), '--server-certificate', openssl.path('server.pem')];
  const argv = ['datagram', host, '--port', 'tcp/2000', ...files, ...options];
  const env = { ...new User(t).environment, PORTKNOCK_PASSWORD: 'secret' };
  return said(from.namespace.start(process.execPath, [clientPath, ...argv], { env, input: '' }));
}

test('what is signed is where it comes from, with either family', { skip: notIsolated }, async t => {
  const network = await Network.create(t);
  const from = await network.addClient();
  const argv = [listenerPath, 'listen', '20000', openssl.path('server.key')];
  const listener = network.server.namespace.start(process.execPath, argv);
  await listener.line(/^ready$/);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const { status, stderr } = await knock(t, from, network.server[family], '--knock-port', '20000');
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const heard = JSON.parse(await listener.line(/^\{/)) as HeardDatagram;
    listener.forget();
    assert.equal(heard.source, from[family]);
    assert.equal(
      heard.address,
      family === 'ipv4' ? `0a4d0102${'00'.repeat(12)}` : `fd770001${'00'.repeat(11)}02`,
    );
  }
});

test('a private address towards a public one is warned of, unless it was chosen', {
  skip: notIsolated,
}, async t => {
  const network = await Network.create(t);
  const from = await network.addClient();
  const outside = async (...options: string[]) => knock(t, from, '192.0.2.1', '-n', ...options);
  const plain = await outside();
  assert.match(
    plain.stderr,
    /^portknock: warning: 10\.77\.1\.2 is signed, a private address, and 192\.0\.2\.1 is none/,
  );
  assert.match(plain.stdout, /^address signed: 10\.77\.1\.2$/m);
  assert.equal((await outside('--address', 'local')).stderr, '');
  const given = await outside('--address', '198.51.100.7');
  assert.equal(given.stderr, '');
  assert.match(given.stdout, /^address signed: 198\.51\.100\.7$/m);
  assert.equal((await outside('--address', '2001:db8::7')).status, 0);
  const inside = await knock(t, from, network.server.ipv4, '-n');
  assert.equal(inside.stderr, '');
});

test('where there is no way, it says so', { skip: notIsolated }, async t => {
  const network = await Network.create(t);
  const from = await network.addClient();
  await from.namespace.ip('route del default');
  const { status, stderr } = await knock(t, from, '192.0.2.1');
  assert.equal(status, 1);
  assert.match(stderr, /192\.0\.2\.1 cannot be reached \(192\.0\.2\.1: ENETUNREACH\)/);
  const dry = await knock(t, from, '192.0.2.1', '-n');
  assert.match(dry.stderr, /cannot be reached, so no own address is known\n.*--address/);
});
