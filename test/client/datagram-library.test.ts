/** `knockDatagram`: what it answers, what it throws, and what two of them in one second send. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, test } from 'node:test';
import { type KnockDatagramOptions, KnockError, knock, knockDatagram } from '../../src/index.js';
import { authority, client, Openssl, server } from '../system/openssl.js';
import { Receiver } from './datagramreader.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('alice', { ...client, ownRights: ['tcp/1-65535', 'udp/1-65535'] });
openssl.certificate('server', server);
openssl.pfx('alice', 'alice.pfx', 'secret');
const identity = {
  certificate: openssl.read('alice.pem').toString(),
  key: openssl.read('alice.key').toString(),
};
const serverCertificate = openssl.read('server.pem');
const serverKey = openssl.read('server.key');

async function listening(): Promise<{ port: number; close(): Promise<void> }> {
  const listener = createServer(socket => socket.destroy()).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    close: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}

test('true where the port is open, from a PKCS #12 file or a certificate and its key', async t => {
  const receiver = await Receiver.open(t, serverKey);
  const service = await listening();
  t.after(service.close);
  const where = { host: '127.0.0.1', port: service.port, serverCertificate, knockPort: receiver.port };
  assert.equal(await knockDatagram({ ...where, pfx: openssl.read('alice.pfx'), password: 'secret' }), true);
  assert.equal(await knockDatagram({ ...where, ...identity }), true);
  const [first, second] = await receiver.first(2);
  assert.equal(first!.service, `tcp/${service.port}`);
  // The same words in the same second would be the same datagram to the server.
  assert(second!.time > first!.time);
});

test('false where it stays closed, after so many tries', async t => {
  const receiver = await Receiver.open(t, serverKey);
  const service = await listening();
  await service.close();
  const where = { host: '127.0.0.1', port: service.port, serverCertificate, knockPort: receiver.port };
  assert.equal(await knockDatagram({ ...where, ...identity, tries: 2 }), false);
  assert.equal(receiver.heard.length, 2);
  assert.equal(await knockDatagram({ ...where, ...identity, tries: 1, timeoutMs: 1 }), false);
});

test('true at once without verifying, and for UDP', async t => {
  const receiver = await Receiver.open(t, serverKey);
  const where = { host: '127.0.0.1', port: 9, serverCertificate, knockPort: receiver.port, ...identity };
  assert.equal(await knockDatagram({ ...where, verify: false }), true);
  assert.equal(await knockDatagram({ ...where, protocol: 'udp' }), true);
  assert.deepEqual(
    (await receiver.first(2)).map(({ service }) => service),
    ['tcp/9', 'udp/9'],
  );
});

test('one port for each process, within its bounds', async t => {
  const ports = new Set<number>();
  const { datagram } = await import('../../src/client/datagram.js');
  const request = {
    method: 'datagram',
    services: ['tcp/1', 'tcp/2'],
    serverCertificate,
    ...identity,
  } as const;
  for (let round = 0; round < 3; round++) {
    const [knocked] = await datagram(request).compose([{ family: 4, address: '127.0.0.1' }], () => {});
    for (const { port } of knocked!.hits) ports.add(port);
  }
  assert.equal(ports.size, 1);
  const [port] = ports;
  assert(port! >= 10_000 && port! <= 60_000);
  t.diagnostic(`port ${port}`);
});

test('aborted: before, and while it waits', async t => {
  const receiver = await Receiver.open(t, serverKey);
  const service = await listening();
  await service.close();
  const reason = new Error('enough');
  const where = {
    host: '127.0.0.1',
    port: service.port,
    serverCertificate,
    knockPort: receiver.port,
    ...identity,
  };
  await assert.rejects(knockDatagram({ ...where, signal: AbortSignal.abort(reason) }), reason);
  assert.equal(receiver.heard.length, 0);
  const aborting = new AbortController();
  const knocking = knockDatagram({ ...where, signal: aborting.signal });
  await receiver.first(1);
  aborting.abort(reason);
  await assert.rejects(knocking, reason);
});

const right = { host: '127.0.0.1', port: 22, serverCertificate, ...identity };
const misuses: readonly [changes: object, kind: typeof TypeError, message: RegExp][] = [
  [{ host: '' }, TypeError, /"host" expected a text/],
  [{ port: undefined }, TypeError, /"port" expected integer 1 to 65535, got undefined/],
  [{ port: '22' }, RangeError, /"port" expected/],
  [{ port: 0 }, RangeError, /"port" expected integer 1 to 65535, got 0/],
  [{ port: 65536 }, RangeError, /"port" expected/],
  [{ protocol: 'icmp' }, RangeError, /"protocol" expected "tcp" or "udp", got "icmp"/],
  [{ verify: 'yes' }, TypeError, /"verify" expected true or false/],
  [{ tries: 0 }, RangeError, /"tries" expected integer 1 to 31, got 0/],
  [{ tries: 32 }, RangeError, /"tries" expected/],
  [{ timeoutMs: 0 }, RangeError, /"timeoutMs" expected/],
  [{ knockPort: 0 }, RangeError, /"knockPort" expected/],
  [{ family: 5 }, RangeError, /"family" expected 4 or 6/],
  [{ address: 'none' }, TypeError, /"address" expected "auto", "local" or an address, got "none"/],
  [{ address: 7 }, TypeError, /"address" expected/],
  [{ certificate: undefined }, TypeError, /"pfx", or "certificate" and "key", one of the two/],
  [{ key: undefined }, TypeError, /"pfx", or "certificate" and "key"/],
  [{ pfx: openssl.read('alice.pfx') }, TypeError, /one of the two/],
  [{ certificate: undefined, key: undefined, pfx: 'alice.pfx' }, TypeError, /"pfx" expected the bytes/],
  [
    { certificate: undefined, key: undefined, pfx: new Uint8Array(), password: 7 },
    TypeError,
    /"password" exp/,
  ],
  [{ serverCertificate: undefined }, TypeError, /"serverCertificate" expected a certificate/],
  [{ certificate: 7 }, TypeError, /"certificate" expected a certificate/],
  [{ key: 7 }, TypeError, /"key" expected a private key/],
];

for (const [changes, kind, message] of misuses) {
  test(`misuse: ${message}`, async () => {
    await assert.rejects(knockDatagram({ ...right, ...changes } as KnockDatagramOptions), error => {
      assert(error instanceof kind && !(error instanceof KnockError), String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

test('what cannot be used is no misuse', async () => {
  const pfx = openssl.read('alice.pfx');
  openssl.certificate('bob', client);
  const cases: readonly [changes: object, message: RegExp][] = [
    [
      { certificate: undefined, key: undefined, pfx, password: 'x' },
      /PKCS #12 file: the password does not open/,
    ],
    [{ certificate: undefined, key: undefined, pfx }, /the password does not open it/],
    [{ certificate: 'junk' }, /client’s certificate is none/],
    [{ serverCertificate: new Uint8Array(7) }, /server’s certificate is none/],
    [{ key: 'junk' }, /client’s key is none/],
    [{ key: new Uint8Array(7) }, /client’s key is none/],
    [{ key: openssl.read('bob.key').toString() }, /client’s key is not that of its certificate/],
    [{ serverCertificate: identity.certificate }, /the client’s own/],
  ];
  for (const [changes, message] of cases) {
    await assert.rejects(knockDatagram({ ...right, ...changes } as KnockDatagramOptions), error => {
      assert(error instanceof KnockError && error.code === 'certificate', String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

test('knock() takes datagrams too, several services in one', async t => {
  const receiver = await Receiver.open(t, serverKey);
  const request = { method: 'datagram', serverCertificate, knockPort: receiver.port, ...identity } as const;
  const result = await knock({ ...request, host: '127.0.0.1', services: ['tcp/1', 'udp/2'] });
  assert.deepEqual([result.addresses[0]!.ports, result.addresses[0]!.bound], [2, '127.0.0.1']);
  await receiver.first(2);
  for (const [services, kind] of [
    ['tcp/1', TypeError],
    [[], RangeError],
    [['tcp/0'], RangeError],
    [[7], RangeError],
    [Array(33).fill('tcp/1'), RangeError],
  ] as const) {
    await assert.rejects(knock({ ...request, host: '127.0.0.1', services: services as string[] }), kind);
  }
});
