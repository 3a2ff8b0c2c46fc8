/** Sockets that only send: from which address and port, and that nothing else is to be noticed of them. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import { libc } from '../../src/net/libc.js';
import { openReplySockets, type ReplySockets, reply, takePort } from '../../src/net/replysocket.js';

const skip = process.platform !== 'linux' && 'Linux only';

async function bound(t: TestContext, address: string): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  t.after(() => socket.close());
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/** With a port that was free a moment ago. */
async function taken(t: TestContext): Promise<{ sockets: ReplySockets; port: number; hasIPv6: boolean }> {
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const sockets = openReplySockets();
  t.after(() => {
    for (const fd of Object.values(sockets)) if (fd !== undefined) libc().close(fd);
  });
  takePort(sockets, 'ipv4', port);
  return { sockets, port, hasIPv6: takesIPv6(sockets, port) };
}

function takesIPv6(sockets: ReplySockets, port: number): boolean {
  try {
    takePort(sockets, 'ipv6', port);
    return true;
  } catch {
    return false;
  }
}

for (const [own, client] of [
  ['127.0.0.77', '127.0.0.3'],
  ['::1', '::1'],
] as const) {
  test(`an answer comes from the address that was written to: ${own}`, { skip }, async t => {
    const { sockets, port, hasIPv6 } = await taken(t);
    const fd = own.includes(':') ? sockets.ipv6 : sockets.ipv4;
    if (own.includes(':') && !hasIPv6) return t.skip('no IPv6');
    const asker = await bound(t, client);
    const route = {
      source: parseAddress(client)!,
      destination: parseAddress(own)!,
      sourcePort: asker.address().port,
    };
    const answer = once(asker, 'message') as Promise<[Buffer, RemoteInfo]>;
    reply(fd!, route, 0, Buffer.from('an answer'));
    const [text, from] = await answer;
    assert.deepEqual([text.toString(), from.address, from.port], ['an answer', own, port]);
  });
}

test('who writes to it from another port is told that there is nobody', { skip }, async t => {
  const { port } = await taken(t);
  const asker = await bound(t, '127.0.0.1');
  const refused = once(asker, 'error') as Promise<[NodeJS.ErrnoException]>;
  asker.connect(port, '127.0.0.1', () => asker.send('hello'));
  assert.equal((await refused)[0].code, 'ECONNREFUSED');
});

test('a port that another has is refused', { skip }, async t => {
  const other = await bound(t, '0.0.0.0');
  const sockets = openReplySockets();
  t.after(() => {
    for (const fd of Object.values(sockets)) if (fd !== undefined) libc().close(fd);
  });
  assert.throws(() => takePort(sockets, 'ipv4', other.address().port), { code: 'EADDRINUSE' });
});

test('what cannot be sent is said, and the next one goes', { skip }, async t => {
  const { sockets } = await taken(t);
  const asker = await bound(t, '127.0.0.3');
  const route = { source: parseAddress('127.0.0.3')!, sourcePort: asker.address().port };
  const foreign = parseAddress('192.0.2.1')!;
  assert.throws(() => reply(sockets.ipv4!, { ...route, destination: foreign }, 0, Buffer.alloc(1)), {
    name: 'SystemError',
  });
  const answer = once(asker, 'message') as Promise<[Buffer, RemoteInfo]>;
  reply(sockets.ipv4!, { ...route, destination: parseAddress('127.0.0.9')! }, 0, Buffer.from('next'));
  assert.equal((await answer)[1].address, formatAddress(parseAddress('127.0.0.9')!));
});
