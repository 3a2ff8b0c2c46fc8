/** Joining a connection to two streams: both directions whole, each ending by itself. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Program } from '../e2e/harness/program.js';
import { clientPath, said, User } from './program.js';

async function serve(t: TestContext, talk: (socket: Socket) => void): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    talk(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return String((server.address() as AddressInfo).port);
}

/** Starts the proxy; its input stays open where none is given. */
async function start(t: TestContext, port: string, input?: string): Promise<Program> {
  const user = new User(t);
  await user.import(user.profile('127.0.0.1', { ssh: {} }));
  const options = { env: user.environment, ...(input === undefined ? {} : { input }) };
  return new Program(t, process.execPath, [clientPath, 'proxy', 'home', '127.0.0.1', port], options);
}

test('megabytes both ways, the answer after our end', async t => {
  const question = randomBytes(3_000_000).toString('base64');
  const answer = randomBytes(3_000_000).toString('base64');
  let heard = '';
  const port = await serve(t, socket => {
    const hash = createHash('sha256');
    socket.on('data', data => hash.update(data));
    socket.on('end', () => {
      heard = hash.digest('hex');
      socket.end(answer);
    });
  });
  const { status, stdout, stderr } = await said(await start(t, port, question));
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert(stdout === answer);
  assert.equal(heard, createHash('sha256').update(question).digest('hex'));
});

test('the far end is passed on while ours still talks', async t => {
  const heard: string[] = [];
  const port = await serve(t, socket => {
    socket.end('bye\n');
    socket.setEncoding('utf8').on('data', (text: string) => heard.push(text));
  });
  // cat ends only when the proxy closes its output; only then is there more to say.
  const user = new User(t);
  await user.import(user.profile('127.0.0.1', { ssh: {} }));
  const script = `{ read -r _ <"$0/ended"; echo more; } | "$@" | { cat; echo >"$0/ended"; }`;
  const pipe = ['-c', `mkfifo "$0/ended"; ${script}`, user.folder, process.execPath, clientPath];
  const program = new Program(t, 'sh', [...pipe, 'proxy', 'home', '127.0.0.1', port], {
    env: { ...user.environment },
    input: '',
  });
  assert.deepEqual(await said(program), { status: 0, stdout: 'bye\n', stderr: '' });
  assert.deepEqual(heard, ['more\n']);
});

test('a reader that has had enough is no failure', async t => {
  const port = await serve(t, socket => socket.end('x'.repeat(5_000_000)));
  const user = new User(t);
  await user.import(user.profile('127.0.0.1', { ssh: {} }));
  const script = '{ "$@"; echo "status $?" >&2; } | head -c 3';
  const argv = ['-c', script, 'sh', process.execPath, clientPath, 'proxy', 'home', '127.0.0.1', port];
  const program = new Program(t, 'sh', argv, { env: { ...user.environment }, input: '' });
  assert.deepEqual(await said(program), { status: 0, stdout: 'xxx', stderr: 'status 0\n' });
});

test('a connection that is torn down is a failure, and says so', async t => {
  const port = await serve(t, socket => {
    socket.write('half a word');
    setTimeout(() => socket.resetAndDestroy(), 100);
  });
  const { status, stdout, stderr } = await said(await start(t, port));
  assert.deepEqual({ status, stdout }, { status: 1, stdout: 'half a word' });
  assert.match(stderr, /^portknock: error: the connection broke \(ECONNRESET\)/);
});

test('nothing listens there', async t => {
  const { status, stdout, stderr } = await said(await start(t, '9', ''));
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  assert.match(stderr, /error: 127\.0\.0\.1 refuses port 9/);
});
