/** The control socket: for its owner alone, and whatever is sent to it gets an answer or is cut off. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ask, askRunning, type ControlRequest, controlPath, serveControl } from '../../src/daemon/control.js';
import { OperatorError, OperatorErrors } from '../../src/system/error.js';
import { temporaryFolder } from './folder.js';

/** A daemon's end of the socket. @returns its folder, and what it was asked */
async function serve(t: TestContext, answer: (request: ControlRequest) => unknown) {
  const folder = temporaryFolder(t);
  const asked: ControlRequest[] = [];
  const server = await serveControl(controlPath(folder), async request => {
    asked.push(request);
    return answer(request);
  });
  t.after(() => server.close());
  return { folder, asked };
}

/** Sends bytes as they are. @returns all that comes back until the other side ends */
function send(folder: string, ...chunks: readonly string[]): Promise<string> {
  return new Promise(resolve => {
    const connection = createConnection(controlPath(folder));
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    connection.on('error', () => {});
    connection.on('close', () => resolve(text));
    for (const chunk of chunks) connection.write(chunk);
  });
}

test('its owner alone may use it, whatever the mask', async t => {
  const before = process.umask(0);
  t.after(() => process.umask(before));
  const { folder } = await serve(t, () => 1);
  assert.equal(statSync(controlPath(folder)).mode & 0o777, 0o600);
  assert.equal(process.umask(), 0, 'the mask is as it was');
});

test('a socket that a dead daemon left is replaced', async t => {
  const folder = temporaryFolder(t);
  writeFileSync(controlPath(folder), '');
  const server = await serveControl(controlPath(folder), async () => 'new');
  t.after(() => server.close());
  assert.equal(await ask(folder, { ask: 'status' }), 'new');
});

test('requests and answers arrive as they are', async t => {
  const { folder, asked } = await serve(t, request => ({ echo: request, ä: ['\n', null, 1.5] }));
  const requests: ControlRequest[] = [
    { ask: 'status' },
    { ask: 'reload' },
    { ask: 'install' },
    { ask: 'remove' },
    { ask: 'open', door: 'ssh', address: '2001:db8::1' },
    { ask: 'close', door: 'ssh\n"', address: '' },
  ];
  for (const request of requests) {
    assert.deepEqual(await ask(folder, request), { echo: request, ä: ['\n', null, 1.5] });
  }
  assert.deepEqual(asked, requests);
});

test('an answer of nothing is an answer', async t => {
  const { folder } = await serve(t, () => undefined);
  assert.equal(await ask(folder, { ask: 'reload' }), null);
  assert.equal(await askRunning(folder, { ask: 'reload' }), null);
});

test('a large answer arrives whole', async t => {
  const { folder } = await serve(t, () => 'x'.repeat(2_000_000));
  assert.equal(((await ask(folder, { ask: 'status' })) as string).length, 2_000_000);
});

test('requests at the same time are answered each', async t => {
  const { folder } = await serve(t, request => ('door' in request ? request.door : ''));
  const doors = Array.from({ length: 50 }, (_, index) => String(index));
  const asks = doors.map(door => ask(folder, { ask: 'open', door, address: '' }));
  assert.deepEqual(await Promise.all(asks), doors);
});

/** What the daemon throws, and what reaches who asked. */
const thrown: readonly [unknown, string, string | undefined][] = [
  [new OperatorError('x', 'no door', { hint: 'look' }), 'no door', 'look'],
  [new OperatorError('x', 'bad', { file: '/f', line: 3 }), '/f:3: bad', undefined],
  [
    new OperatorErrors([
      new OperatorError('x', 'one', { file: '/f', line: 1 }),
      new OperatorError('x', 'two', { file: '/f', line: 2 }),
    ]),
    '/f:1: one; /f:2: two',
    undefined,
  ],
  [new Error('odd'), 'odd', undefined],
  ['text', 'text', undefined],
];

for (const [error, message, hint] of thrown) {
  test(`an error is answered: ${message}`, async t => {
    const { folder } = await serve(t, () => {
      throw error;
    });
    await assert.rejects(
      ask(folder, { ask: 'status' }),
      (found: unknown) =>
        found instanceof OperatorError &&
        found.code === 'refused' &&
        found.message === message &&
        found.hint === hint,
    );
  });
}

const unknown = {
  error: 'the daemon does not know this request',
  hint: 'is it of another version? Restart it',
};

for (const text of [
  '',
  'x',
  '{',
  'null',
  '1',
  '"status"',
  '[]',
  '{}',
  '{"ask":null}',
  '{"ask":"constructor"}',
  '{"ask":"Status"}',
  '{"ask":["open"]}',
  '{"ask":"launch","door":"ssh","address":"192.0.2.1"}',
  '{"ask":"status"}\n{"ask":"status"}',
  '\0\u{1f600}',
]) {
  test(`answered as unknown: ${JSON.stringify(text)}`, async t => {
    const { folder, asked } = await serve(t, () => 1);
    assert.deepEqual(JSON.parse(await send(folder, `${text}\n`)), unknown);
    assert.deepEqual(asked, []);
    assert.equal(await ask(folder, { ask: 'status' }), 1, 'it goes on');
  });
}

test('a request in pieces is one request', async t => {
  const { folder, asked } = await serve(t, () => 1);
  const text = '{"ask":"status"}\n';
  assert.equal(await send(folder, text.slice(0, 5), text.slice(5, 9), text.slice(9)), '{"ok":1}\n');
  assert.deepEqual(asked, [{ ask: 'status' }]);
});

test('who says too much is cut off', async t => {
  const { folder, asked } = await serve(t, () => 1);
  assert.equal(await send(folder, `{"ask":"open","door":"${'x'.repeat(5000)}"}\n`), '');
  assert.equal(await send(folder, 'x'.repeat(5000)), '');
  assert.deepEqual(asked, []);
  await assert.rejects(
    ask(folder, { ask: 'open', door: 'x'.repeat(5000), address: '' }),
    (error: unknown) => error instanceof OperatorError,
  );
  assert.equal(await ask(folder, { ask: 'status' }), 1, 'it goes on');
});

test('where no daemon runs there is no answer, and who needs one is told', async t => {
  const folder = temporaryFolder(t);
  assert.equal(await ask(folder, { ask: 'status' }), undefined);
  await assert.rejects(
    askRunning(folder, { ask: 'status' }),
    (error: unknown) =>
      error instanceof OperatorError &&
      error.code === 'not-running' &&
      error.hint === `nothing answers at ${folder}/control`,
  );
});

for (const said of ['', '{"ok":', 'nonsense', '{"ok":{"pid":']) {
  test(`a daemon that ends after ${JSON.stringify(said)} has not answered`, async t => {
    const folder = temporaryFolder(t);
    const server = createServer(connection => connection.end(said));
    await new Promise<void>(resolve => server.listen(controlPath(folder), resolve));
    t.after(() => server.close());
    await assert.rejects(
      ask(folder, { ask: 'status' }),
      (error: unknown) => error instanceof OperatorError && error.code === 'no-answer',
    );
  });
}

test('a folder that is not there is said as such', async t => {
  await assert.rejects(
    serveControl(`${temporaryFolder(t)}/no/control`, async () => 1),
    (error: unknown) => error instanceof OperatorError && error.code === 'no-control',
  );
});
