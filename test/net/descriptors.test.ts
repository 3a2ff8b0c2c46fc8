/** Descriptors that go from process to process: whole, one at a time, and none is left open by mistake. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { peerOf, receiveDescriptor, sendDescriptor, whenReadable } from '../../src/net/descriptors.js';
import { libc, SystemError } from '../../src/net/libc.js';
import { socketPair } from '../../src/net/readable.js';
import { temporaryFolder, writeSecret } from '../e2e/harness/folder.js';

const skip = process.platform !== 'linux' && 'Linux only';

function pair(t: TestContext): [number, number] {
  const [a, b] = socketPair();
  t.after(() => {
    libc().close(a);
    libc().close(b);
  });
  return [a, b];
}

const hello = Buffer.from('hello\n');
const openCount = () => readdirSync('/proc/self/fd').length;
const getFlags = 1;

test('a descriptor comes over, with its bytes, and is closed at exec', { skip }, t => {
  const [a, b] = pair(t);
  const path = writeSecret(temporaryFolder(t, 'descriptor'), 'file', 'what it says');
  const fd = openSync(path, 'r');
  sendDescriptor(a, hello, fd);
  closeSync(fd);
  const buffer = Buffer.alloc(64);
  const received = receiveDescriptor(b, buffer);
  assert.equal(received?.length, hello.length);
  assert.deepEqual(buffer.subarray(0, hello.length), hello);
  const text = Buffer.alloc(64);
  assert.equal(text.toString('utf8', 0, readSync(received!.descriptor!, text)), 'what it says');
  assert.equal(libc().fcntl(received!.descriptor!, getFlags, 0), 1);
  closeSync(received!.descriptor!);
});

test('bytes alone bring none, nothing is undefined, the end has no length', { skip }, t => {
  const [a, b] = pair(t);
  const buffer = Buffer.alloc(64);
  assert.equal(receiveDescriptor(b, buffer), undefined);
  libc().sendto(a, hello, hello.length, 0, null, 0);
  assert.deepEqual(receiveDescriptor(b, buffer), { length: hello.length, descriptor: undefined });
  const [c, d] = socketPair();
  libc().close(c);
  assert.deepEqual(receiveDescriptor(d, buffer), { length: 0, descriptor: undefined });
  libc().close(d);
});

/** As sendDescriptor, with as many descriptors as a stranger likes. */
function sendMany(socket: number, descriptors: readonly number[]): void {
  const library = koffi.load(null);
  const struct = koffi.struct({
    name: 'void *',
    name_length: 'uint32_t',
    pieces: koffi.pointer(koffi.struct({ base: 'void *', length: 'size_t' })),
    piece_count: 'size_t',
    control: 'void *',
    control_length: 'size_t',
    flags: 'int',
  });
  const sendmsg = library.func('sendmsg', 'intptr_t', ['int', koffi.pointer(struct), 'int']);
  const control = Buffer.alloc(16 + 4 * descriptors.length);
  control.writeBigUInt64LE(BigInt(control.length), 0);
  control.writeInt32LE(1, 8);
  control.writeInt32LE(1, 12);
  for (const [at, fd] of descriptors.entries()) control.writeInt32LE(fd, 16 + 4 * at);
  const pieces = [{ base: hello, length: hello.length }];
  const message = { name: null, name_length: 0, pieces, piece_count: 1, control, flags: 0 };
  const sent = sendmsg(socket, { ...message, control_length: control.length }, 0);
  assert.equal(Number(sent), hello.length);
}

const is64Bit = process.arch === 'x64' || process.arch === 'arm64';

test('more than one is a mistake, and none of them stays open', {
  skip: skip || (!is64Bit && 'its layout'),
}, t => {
  const [a, b] = pair(t);
  const before = openCount();
  for (const descriptors of [[0, 1], [0, 1, 2], Array<number>(100).fill(0)]) {
    sendMany(a, descriptors);
    assert.throws(() => receiveDescriptor(b, Buffer.alloc(64)), { code: 'EPROTO', call: 'recvmsg' });
    assert.equal(openCount(), before);
  }
  sendMany(a, [0]);
  const received = receiveDescriptor(b, Buffer.alloc(64));
  assert.equal(fstatSync(received!.descriptor!).ino, fstatSync(0).ino);
  closeSync(received!.descriptor!);
});

test('what fails says so', { skip }, t => {
  const [a] = pair(t);
  assert.throws(() => sendDescriptor(a, Buffer.alloc(0), 0), SystemError);
  assert.throws(() => sendDescriptor(a, hello, 9999), { code: 'EBADF', call: 'sendmsg' });
  assert.throws(() => receiveDescriptor(9999, Buffer.alloc(1)), { code: 'EBADF', call: 'recvmsg' });
  const full = Buffer.alloc(1 << 16);
  assert.throws(
    () => {
      for (let i = 0; i < 1000; i++) sendDescriptor(a, full, 0);
    },
    ({ code }: SystemError) => code === 'EAGAIN' || code === 'EMSGSIZE',
  );
});

test('who asks: user, group and process', { skip }, async t => {
  const [a] = pair(t);
  const uid = process.getuid!();
  const gid = process.getgid!();
  assert.deepEqual(peerOf(a), { pid: process.pid, uid, gid });
  const null_ = openSync('/dev/null', 'r');
  assert.throws(() => peerOf(null_), { code: 'ENOTSOCK' });
  closeSync(null_);
  const tcp = libc().socket(2, 1, 0);
  assert.throws(() => peerOf(tcp), { code: 'EAFNOSUPPORT' });
  libc().close(tcp);
});

test('over a socket file, to another process', { skip }, async t => {
  const folder = temporaryFolder(t, 'descriptors');
  const path = join(folder, 'socket');
  const file = writeSecret(folder, 'file', 'across');
  const server = createServer({ pauseOnConnect: true }).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  const module = fileURLToPath(new URL('../../src/net/descriptors.js', import.meta.url));
  const script = `
    const { receiveDescriptor, whenReadable } = await import(${JSON.stringify(module)});
    const { Socket } = await import('node:net');
    const { libc } = await import(${JSON.stringify(module.replace('descriptors', 'libc'))});
    const fd = libc().socket(1, 1, 0);
    const socket = new Socket({ fd, manualStart: true }).pause().connect(process.argv[1]);
    socket.on('connect', async () => {
      if (!await whenReadable(fd, 10000)) process.exit(1);
      const { descriptor } = receiveDescriptor(fd, Buffer.alloc(10));
      console.log((await import('node:fs')).readFileSync(descriptor, 'utf8'));
      socket.destroy();
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [socket] = await once(server, 'connection');
  const { fd } = (socket as { _handle: { fd: number } })._handle;
  assert.equal(peerOf(fd).pid, child.pid);
  const sent = openSync(file, 'r');
  sendDescriptor(fd, hello, sent);
  closeSync(sent);
  let text = '';
  for await (const piece of child.stdout) text += String(piece);
  assert.equal(text, 'across\n');
  socket.destroy();
});

test('waiting ends with bytes, with the end, and with time', { skip }, async t => {
  const [a, b] = pair(t);
  assert.equal(await whenReadable(b, 1), false);
  const waiting = whenReadable(b, 60_000);
  libc().sendto(a, hello, hello.length, 0, null, 0);
  assert.equal(await waiting, true);
  const [c, d] = socketPair();
  const toEnd = whenReadable(d, 60_000);
  libc().close(c);
  assert.equal(await toEnd, true);
  libc().close(d);
});
