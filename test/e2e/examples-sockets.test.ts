/** That the units of the socket service are sound, and that it does its work in the sandbox they describe. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { throughService } from '../../src/client/throughservice.js';
import {
  allowedCalls,
  capabilities,
  clientCommandOf,
  copyUnits,
  mistakesIn,
  only,
  readOnly,
  readUnit,
  type Unit,
} from './example-unit.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { missing } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { guard, profileOf, SocketService } from './harness/socketed.js';

const units = ['portknock-sockets.socket', 'portknock-sockets@.service'];
const socketUnit = readUnit(units[0]!);
const serviceUnit = readUnit(units[1]!);

const sandbox = process.env['PORTKNOCK_ISOLATED'] === 'root' ? readOnly : [];

describe('read by systemd', { skip: missing('systemd-analyze') }, () => {
  test('the units have no mistake', t => {
    for (const at of [0, 1]) {
      const paths = copyUnits(t, units);
      assert.deepEqual(mistakesIn(paths), []);
      appendFileSync(paths[at]!, 'Restrat=always\n');
      assert.notDeepEqual(mistakesIn(paths), []);
    }
  });

  test('the service is exposed to little', t => {
    const args = ['security', '--offline=true', '--threshold=25', ...copyUnits(t, units.slice(1))];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });
});

test('the service may do one thing alone, and everyone may ask for it', () => {
  assert.equal(only(serviceUnit, 'CapabilityBoundingSet'), 'CAP_NET_ADMIN');
  assert.equal(only(serviceUnit, 'NoNewPrivileges'), 'yes');
  assert.equal(only(socketUnit, 'ListenStream'), '/run/portknock/sockets');
  assert.equal(only(socketUnit, 'SocketMode'), '0666');
  assert.equal(only(socketUnit, 'Accept'), 'yes');
  assert.ok(Number(only(socketUnit, 'MaxConnections')) > 0);
});

/** The service as systemd starts it, for each connection in the sandbox of its unit. */
async function activated(t: TestContext, unit: Unit, tracer: readonly string[] = []) {
  const network = await Network.create(t);
  const client = await network.addClient();
  await network.server.serve(22, 'in');
  await guard(network.server);
  const users = [String(process.getuid?.())];
  const service = new SocketService(t, client, [profileOf(network.server, { users })]);
  const serving = clientCommandOf(unit, ['--profiles', service.profiles]);
  const program = client.namespace.start('systemd-socket-activate', [
    ...[
      '--accept',
      `--listen=${service.path}`,
      `--setenv=STATE_DIRECTORY=${service.environment.STATE_DIRECTORY}`,
    ],
    ...[...sandbox, ...tracer, ...capabilities(unit), ...serving],
  ]);
  await program.line(/Listening on/);
  const ask = () => throughService({ path: service.path, name: 'home', port: 22, timeoutMs: 20_000 });
  return { program, ask };
}

function noActivation(...further: readonly string[]): string | false {
  return missing('setpriv', 'systemd-socket-activate', ...further);
}

describe('started for each connection', { skip: noActivation() }, () => {
  test('it gives a connection, with the capability of its unit', async t => {
    const { program, ask } = await activated(t, serviceUnit);
    for (let i = 0; i < 2; i++) {
      const { socket } = await ask();
      let text = '';
      for await (const piece of socket) text += String(piece);
      assert.equal(text, 'in\n');
    }
    await program.line(/gave uid \d+ \(pid \d+\) a connection to/);
  });

  test('without it it says what is missing', async t => {
    const none = new Map([...serviceUnit, ['CapabilityBoundingSet', ['CAP_KILL']]]);
    const { ask } = await activated(t, none);
    await assert.rejects(ask(), {
      name: 'KnockError',
      code: 'not-permitted',
      message: /CAP_NET_ADMIN/,
      hint: /see its unit/,
    });
  });
});

test('its system calls are those that the unit allows', {
  skip: noActivation('strace', 'systemd-analyze'),
}, async t => {
  const trace = join(temporaryFolder(t, 'trace'), 'calls');
  const tracer = ['strace', '--follow-forks', '--quiet=all', '--signal=none', '--output', trace];
  const { program, ask } = await activated(t, serviceUnit, tracer);
  (await ask()).socket.destroy();
  await program.line(/gave uid/);
  const used = () =>
    new Set(Array.from(readFileSync(trace, 'utf8').matchAll(/^\d+\s+(\w+)\(/gm), match => match[1]!));
  await eventually('it has ended', () => used().has('exit_group') && used().has('sendmsg'));
  const allowed = allowedCalls(serviceUnit);
  assert.deepEqual(
    [...used()].filter(call => !allowed.has(call)),
    [],
  );
});
