/** What becomes of those who ask the socket service in another way than portknock does, or in great numbers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { mostServedOfOne, mostWaitingOfOne } from '../../src/client/socketloop.js';
import { throughService } from '../../src/client/throughservice.js';
import { eventually } from './harness/eventually.js';
import { notIsolated } from './harness/isolation.js';
import {
  numbersAtOnce,
  numbersSince,
  oneUser,
  ours,
  type SocketService,
  site,
  stranger,
  textOf,
  wish,
} from './harness/socketed.js';

/** Says these bytes, and what comes back. */
async function talk(service: SocketService, bytes: Buffer | string, isOver = false): Promise<string> {
  const socket = connect(service.path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (isOver) socket.end(bytes);
  else socket.write(bytes);
  return textOf(socket).catch(() => '');
}

describe('who asks in another way', { skip: notIsolated, concurrency: true }, () => {
  test('hears that it is no request, and gets nothing', async t => {
    const { service } = await site(t, ours);
    await service.start();
    for (const bytes of [
      '\n',
      'GET / HTTP/1.0\r\n\r\n',
      '{}\n',
      '[]\n',
      'null\n',
      '{"port":22}\n',
      '{"name":"home","port":"22"}\n',
      '{"name":"home","port":22.5}\n',
      '{"name":"home","port":0}\n',
      '{"name":["home"],"port":22}\n',
      '{"name":"home","port":22,"psk":"x"}\n',
      '{"name":"home","port":22,"timeout_ms":600000}\n',
      '{"name":"ho\\u001bme","port":22}\n',
      '{"name":"home","port":22}\n{"name":"home","port":22}\n',
      '{"name":"home","port":22}\n\n',
      Buffer.from([0xff, 0xfe, 0x0a]),
      'x'.repeat(2048),
      `{"name":"home","port":22}${' '.repeat(1024)}\n`,
    ]) {
      const answer = await talk(service, bytes);
      assert.match(
        answer,
        /^\{"error":"bad-request","message":"the socket service was asked .*"\}\n$/,
        String(bytes),
      );
    }
  });

  test('half a request is waited for no longer than some seconds', async t => {
    const { service } = await site(t, ours);
    await service.start();
    assert.match(await talk(service, '{"name":"home"'), /"bad-request".*no line within 5000 ms/);
  });

  test('one who goes away is left alone, and uses nothing up', async t => {
    const { service } = await site(t, ours);
    const program = await service.start();
    assert.equal(await talk(service, '{"name":"home",', true), '');
    await program.line(/gave uid \d+ \(pid \d+\) none, asked for nothing that is known: went away/);
    for (let i = 0; i < numbersAtOnce; i++) {
      const { socket } = await throughService({ ...wish(service), name: 'home' });
      assert.equal(await textOf(socket), 'in\n');
    }
  });

  test('one who goes away while it connects ends that', async t => {
    const { service } = await site(t, { ...ours, psk: 'another key' });
    const program = await service.start();
    const socket = connect(service.path);
    await once(socket, 'connect');
    socket.write('{"name":"home","port":22,"timeout_ms":60000}\n');
    const state = service.environment.STATE_DIRECTORY;
    // What is sent is remembered before.
    await eventually('it has sent a number', () => existsSync(state) && readdirSync(state).length > 0);
    socket.destroy();
    await program.line(/none, asked for "home" port 22: went away/);
  });

  test('a hundred at once, of whom as many are connected as there are numbers', async t => {
    const { service } = await site(t, ours);
    const program = await service.start();
    const begun = Date.now();
    const asking = Array.from({ length: 100 }, (_, at) =>
      at % 2 === 0 ? throughService({ ...wish(service), name: 'home' }) : talk(service, 'x\n'),
    );
    const results = await Promise.allSettled(asking);
    const given = results.filter(({ status }, at) => at % 2 === 0 && status === 'fulfilled');
    assert.ok(given.length >= numbersAtOnce && given.length <= numbersSince(begun), String(given.length));
    const why = results.flatMap(result => (result.status === 'rejected' ? [result.reason.code] : []));
    assert.deepEqual(new Set(why), new Set(['used-up']));
    for (const result of results) {
      if (result.status === 'fulfilled' && typeof result.value !== 'string') result.value.socket.destroy();
    }
    assert.deepEqual(await program.stop(), { status: 0, signal: null });
  });
});

test('a service that is not there, and one that answers nonsense', { skip: notIsolated }, async t => {
  const { service } = await site(t, ours);
  const ask = () => throughService({ ...wish(service), name: 'home' });
  await assert.rejects(ask(), {
    code: 'no-service',
    hint: /systemctl enable --now portknock-sockets.socket/,
  });
  const answers = [
    '',
    'x\n',
    '{"ok":true,"address":"192.0.2.1"}\n',
    '{"error":"x","message":"\\u001b[2J"}\n',
  ];
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answers.shift() ?? ''));
  }).listen(service.path);
  t.after(() => server.close());
  await once(server, 'listening');
  while (answers.length > 0) await assert.rejects(ask(), { code: 'no-answer' });
});

/** Those who connect and say nothing, and what they hear. */
async function silent(t: TestContext, service: SocketService, count: number): Promise<string[]> {
  const heard: string[] = [];
  for (let at = 0; at < count; at++) {
    const socket = connect(service.path);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', text => heard.push(String(text)));
    await once(socket, 'connect');
  }
  return heard;
}

test('one user keeps nobody else out', { skip: oneUser() }, async t => {
  const { server, service } = await site(t, ours);
  const program = await service.start();
  const surplus = 4;
  const heard = await silent(t, service, mostServedOfOne + mostWaitingOfOne + surplus);
  await eventually('those for whom there is no room hear so', () => heard.length >= surplus);
  assert.equal(heard.filter(text => text.includes('"busy"')).length, surplus);
  const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8');
  assert.equal(children.trim().split(' ').length, mostServedOfOne);
  const asking = service.ask(stranger, ['connect', server.ipv4, '22']);
  assert.equal((await asking.end(30_000)).status, 1);
  assert.match(asking.stderr, /no such connection for you/);
  // Had it waited for its turn among them, most of them would have been answered.
  assert.ok(heard.length - surplus <= 3 * mostServedOfOne, String(heard.length));
});
