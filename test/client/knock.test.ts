/** The library, on loopback: what it refuses, what it resolves to, how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { KnockError, type KnockOptions, knock, parseProfile } from '../../src/index.js';

const identity = {
  clientId: 7,
  siteKey: new Uint8Array(32).fill(1),
  key: new Uint8Array(32).fill(2),
  address: 'auto',
};
const good: KnockOptions = {
  host: '127.0.0.1',
  method: 'port-sequence',
  basePort: 40000,
  command: 1,
  identity,
};

/** A port of loopback that somebody listens on, until the test ends. */
async function listening(
  t: TestContext,
): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer(socket => {
    connections += 1;
    socket.on('error', () => {}).resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const mistakes: readonly [change: object, message: RegExp][] = [
  [{ host: '' }, /^TypeError: "host" expected a text$/],
  [{ host: 7 }, /^TypeError: "host"/],
  [
    { method: 'telepathy' },
    /^TypeError: "method" expected "port-sequence", "plain-sequence", "datagram" or "challenge", got "telepathy"$/,
  ],
  [
    { basePort: 65281 },
    /^RangeError: "basePort" expected integer 1 to 65280 for the ordered spelling, got 65281$/,
  ],
  [
    { basePort: 61441, spelling: 'spread' },
    /^RangeError: "basePort" expected integer 1 to 61440 for the spread/,
  ],
  [{ spelling: 'Spread' }, /^RangeError: "spelling" expected "ordered" or "spread", got "Spread"$/],
  [{ command: 256 }, /^RangeError: "command" expected integer 0 to 255, got 256$/],
  [
    { command: -1, identity: { classicPassphrase: 'x' } },
    /^RangeError: "command" expected integer 0 to 4294967295/,
  ],
  [{ identity: undefined }, /^TypeError: "identity"/],
  [{ identity: { classicPassphrase: '' } }, /^TypeError: "classicPassphrase"/],
  [{ identity: { ...identity, clientId: 65536 } }, /^RangeError: "clientId"/],
  [{ identity: { ...identity, key: 'ab' } }, /^TypeError: "key" expected 32 bytes$/],
  [
    { identity: { ...identity, siteKey: new Uint8Array(31) } },
    /^RangeError: "siteKey" expected 32 bytes, got 31$/,
  ],
  [{ identity: { ...identity, address: 'home' } }, /^TypeError: "address" expected "auto"/],
  [{ family: 5 }, /^RangeError: "family" expected 4 or 6, got 5$/],
  [{ wait: 0 }, /^RangeError: "wait" expected integer 1 to 65535, got 0$/],
  [{ wait: 22.5 }, /^RangeError: "wait"/],
  [{ delayMs: Number.NaN }, /^RangeError: "delayMs"/],
  [{ timeoutMs: 0 }, /^RangeError: "timeoutMs"/],
  [{ retries: 31 }, /^RangeError: "retries"/],
];

for (const [change, message] of mistakes) {
  test(`a caller’s mistake: ${message.source}`, async () => {
    await assert.rejects(knock({ ...good, ...change } as KnockOptions), error => message.test(String(error)));
  });
}

const plainMistakes: readonly [request: object, message: RegExp][] = [
  [{}, /^TypeError: expected "sequence" or "oneTimeSequences", one of the two$/],
  [{ sequence: ['9/tcp'], oneTimeSequences: 'file' }, /^TypeError: expected .* one of the two$/],
  [{ sequence: '9/tcp' }, /^TypeError: "sequence" expected a list/],
  [{ sequence: [] }, /^RangeError: "sequence" expected 1 to 256 ports, got 0$/],
  [{ sequence: Array.from({ length: 257 }, () => '9/tcp') }, /^RangeError: .* got 257$/],
  [{ sequence: ['9/tcp', '65536/udp'] }, /^RangeError: "sequence" expected ports such as.*got "65536\/udp"$/],
  [{ sequence: [7000] }, /^RangeError: "sequence" .*got 7000$/],
  [{ oneTimeSequences: '' }, /^TypeError: "oneTimeSequences" expected a path$/],
];

for (const [request, message] of plainMistakes) {
  test(`a caller’s mistake: ${message.source}`, async () => {
    const options = { host: '127.0.0.1', method: 'plain-sequence', ...request };
    await assert.rejects(knock(options as KnockOptions), error => message.test(String(error)));
  });
}

test('a plain sequence carries no time and no address', async () => {
  const { addresses } = await knock({
    host: '127.0.0.1',
    method: 'plain-sequence',
    sequence: ['9/tcp', '9/udp', '10/tcp'],
  });
  assert.deepEqual(addresses, [
    { family: 4, address: '127.0.0.1', bound: undefined, time: undefined, ports: 3, failure: undefined },
  ]);
});

test('a knock without waiting says only what was sent', async () => {
  const before = Date.now();
  const { host, addresses, attempts, opened } = await knock(good);
  assert.deepEqual({ host, attempts, opened }, { host: '127.0.0.1', attempts: 1, opened: undefined });
  assert.equal(addresses.length, 1);
  const { time, ...rest } = addresses[0]!;
  assert.deepEqual(rest, {
    family: 4,
    address: '127.0.0.1',
    bound: undefined,
    ports: 16,
    failure: undefined,
  });
  assert(time! >= before);
});

test('no two knocks carry the same time', async () => {
  const results = await Promise.all([1, 2, 3, 4].map(() => knock(good)));
  assert.equal(new Set(results.map(({ addresses }) => addresses[0]?.time)).size, 4);
});

test('waiting for a port that is open', async t => {
  const { port, connections } = await listening(t);
  const { opened, totalMs } = await knock({ ...good, wait: port });
  assert.equal(opened?.address, '127.0.0.1');
  assert(opened.waitMs >= 0 && opened.waitMs <= totalMs);
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.equal(connections(), 1);
});

test('waiting for a port that nobody listens on', async () => {
  const error = await knock({ ...good, wait: 9 }).catch((error: unknown) => error);
  assert(error instanceof KnockError);
  assert.equal(error.code, 'nothing-listens');
  assert.equal(error.result?.addresses.length, 1);
});

test('a mapped address is knocked at as what it stands for', async () => {
  const { addresses } = await knock({ ...good, host: '::ffff:127.0.0.1' });
  assert.deepEqual([addresses[0]?.family, addresses[0]?.address], [4, '127.0.0.1']);
});

test('an address of the other family', async () => {
  await assert.rejects(knock({ ...good, family: 6 }), {
    code: 'no-address',
    message: '127.0.0.1 has no IPv6 address',
  });
});

test('ends when it is told to: before, while sending, while waiting', async () => {
  const reason = new Error('enough');
  await assert.rejects(knock({ ...good, signal: AbortSignal.abort(reason) }), reason);
  const isEnd = (error: unknown) => error === reason;
  const sending = new AbortController();
  setTimeout(() => sending.abort(reason), 50);
  await assert.rejects(knock({ ...good, delayMs: 60_000, signal: sending.signal }), isEnd);
  const waiting = new AbortController();
  setTimeout(() => waiting.abort(reason), 100);
  // Nobody listens, which is believed only after a while.
  await assert.rejects(knock({ ...good, wait: 9, signal: waiting.signal }), isEnd);
});

test('a profile is all that it takes', async () => {
  const hex = (byte: number) => Buffer.alloc(32, byte).toString('hex');
  const text = JSON.stringify({
    portknock: 1,
    name: 'home',
    host: '127.0.0.1',
    method: 'port-sequence',
    base_port: 40000,
    client_id: 7,
    site_key: hex(1),
    key: hex(2),
    doors: { ssh: { command: 1 } },
  });
  const profile = parseProfile(text);
  assert(profile.method === 'port-sequence');
  const { host, method, basePort, identity, doors } = profile;
  const result = await knock({ host: host!, method, basePort, identity, command: doors.get('ssh')!.command });
  assert.equal(result.addresses[0]?.ports, 16);
});
