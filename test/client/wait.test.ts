/** Waiting for a port, on loopback: what wins, and which refusals are believed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { DoorRace } from '../../src/client/wait.js';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function listen(t: TestContext, port: number): Server {
  const server = createServer(socket => socket.on('error', () => {}).resume());
  t.after(() => server.close());
  return server.listen(port, '127.0.0.1');
}

test('refusals before the door is open are not believed', async t => {
  const port = await freePort();
  const race = new DoorRace(['127.0.0.1'], port);
  race.knocked();
  setTimeout(() => listen(t, port), 60);
  const opening = await race.opening;
  assert(opening.outcome === 'opened');
  assert.equal(opening.address, '127.0.0.1');
  assert(race.isOver);
  opening.socket.destroy();
});

test('refusals that go on are', async () => {
  const race = new DoorRace(['127.0.0.1'], await freePort());
  race.knocked();
  assert.deepEqual(await race.opening, { outcome: 'refused', address: '127.0.0.1' });
});

test('while another knock is to come, refusals say nothing', async t => {
  const port = await freePort();
  const race = new DoorRace(['127.0.0.1'], port);
  race.knocked(false);
  setTimeout(() => listen(t, port), 500);
  const opening = await race.opening;
  assert(opening.outcome === 'opened');
  opening.socket.destroy();
});

test('after the last knock they say all', async () => {
  const race = new DoorRace(['127.0.0.1'], await freePort());
  race.knocked(false);
  setTimeout(() => race.knocked(true), 300);
  assert.deepEqual(await race.opening, { outcome: 'refused', address: '127.0.0.1' });
});

test('with another knock they count anew', async t => {
  const port = await freePort();
  const race = new DoorRace(['127.0.0.1'], port);
  race.knocked();
  setTimeout(() => race.knocked(), 150);
  setTimeout(() => listen(t, port), 300);
  const opening = await race.opening;
  assert(opening.outcome === 'opened');
  opening.socket.destroy();
});

test('every address has to refuse; the one that opens wins', async t => {
  const port = await freePort();
  listen(t, port);
  const race = new DoorRace(['127.0.0.2', '127.0.0.1'], port);
  race.knocked();
  const opening = await race.opening;
  assert(opening.outcome === 'opened');
  assert.equal(opening.address, '127.0.0.1');
  opening.socket.destroy();
});

test('giving up ends it, once', async () => {
  const race = new DoorRace(['127.0.0.1'], 9);
  race.giveUp();
  assert.deepEqual(await race.opening, { outcome: 'timed-out' });
  race.knocked();
  race.giveUp();
  assert(race.isOver);
});

test('a connection that is won can be used', async t => {
  const port = await freePort();
  const server = createServer(socket => socket.end('hello'));
  t.after(() => server.close());
  server.listen(port, '127.0.0.1');
  const race = new DoorRace(['127.0.0.1'], port);
  race.knocked();
  const opening = await race.opening;
  assert(opening.outcome === 'opened');
  const chunks = await opening.socket.toArray();
  assert.equal(Buffer.concat(chunks as Buffer[]).toString(), 'hello');
});
