/** Sequence numbers in a real kernel, kept there by the real daemon: who is let in by one, and who is not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NumberSeries, stepAt } from '../../src/methods/sequence-number/format.js';
import { Daemon, type DaemonSettings, pskOf } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { numberNow } from './harness/numbered.js';
import type { Scope } from './harness/program.js';
import { race } from './harness/race.js';

const greeting = 'hello from inside';
const ssh = { name: 'ssh', services: ['tcp/22'], sequence_number: true };
const web = { name: 'web', services: ['tcp/80'], sequence_number: true };
const clientOf = (name: string, doors = ['ssh']) => ({ name, psk_file: `${name}.psk`, doors });
/** Three numbers at once, and time to use them. */
const hourly = { period: '1h', tolerance: '1h' };

const defaults: DaemonSettings = {
  doors: [ssh],
  clients: [clientOf('desk'), clientOf('phone')],
  sequenceNumber: hourly,
};

async function guarded(scope: Scope, settings: DaemonSettings = {}) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  await network.server.serve(22, greeting);
  const daemon = await Daemon.start(scope, network.server, { ...defaults, ...settings });
  const { server } = network;
  const isLetIn = async (number: number, from: Host = client, address = server.ipv4, port = 22) =>
    (await from.greetingBy(number, address, port)) === greeting;
  return { network, server, client, daemon, isLetIn };
}

const desk = (steps = 0, port = 22) => numberNow(pskOf('desk'), port, steps);
const phone = (steps = 0) => numberNow(pskOf('phone'), 22, steps);

describe('a connection with a sequence number', { skip: notIsolated }, () => {
  test('is let in by the right one, once, and the log says who it was', async t => {
    const { client, server, daemon, isLetIn } = await guarded(t);
    assert.ok(!(await isLetIn(desk() + 1)), 'a wrong number');
    assert.ok(!(await isLetIn(desk(-3))), 'of a period that is over');
    assert.ok(!(await isLetIn(desk(3))), 'of a period to come');
    assert.ok(!(await isLetIn(desk(0, 23))), 'for another port');
    assert.equal(await client.greeting(server.ipv4, 22), undefined, 'none');
    assert.ok(await isLetIn(desk()));
    await daemon.program?.line(
      new RegExp(`opened ssh for desk from ${client.ipv4}: a connection to tcp/22, by its sequence number`),
    );
    assert.ok(!(await isLetIn(desk())), 'a second time');
    assert.equal(await client.greeting(server.ipv4, 22), undefined, 'none, after one with it');
    assert.ok(await isLetIn(desk(-1)));
    assert.ok(await isLetIn(phone()));
    const { last_knocks: knocks } = JSON.parse(await statusOf(daemon));
    const opened = knocks.filter(({ outcome }: { outcome: string }) => outcome === 'opened');
    assert.deepEqual(
      opened.map(({ client: who, door }: { client: string; door: string }) => [who, door]).sort(),
      [
        ['desk', 'ssh'],
        ['desk', 'ssh'],
        ['phone', 'ssh'],
      ],
    );
  });

  test('is let in over IPv6', async t => {
    const { client, server, isLetIn } = await guarded(t);
    assert.ok(!(await isLetIn(desk() + 1, client, server.ipv6)));
    assert.ok(await isLetIn(desk(), client, server.ipv6));
    assert.ok(!(await isLetIn(desk(), client, server.ipv6)));
    assert.ok(!(await isLetIn(desk(), client, server.ipv4)));
  });

  test('is let in by a number for the port that it was sent to, behind a router', async t => {
    const { isLetIn } = await guarded(t, { sequenceNumber: { ...hourly, port: 2222 } });
    assert.ok(!(await isLetIn(desk())));
    assert.ok(await isLetIn(desk(0, 2222)));
  });

  test('is let in on the ports of its client alone', async t => {
    const { client, server, isLetIn } = await guarded(t, {
      doors: [ssh, web],
      clients: [clientOf('desk'), clientOf('phone', ['web'])],
    });
    await server.serve(80, greeting);
    const forWeb = numberNow(pskOf('phone'), 80);
    assert.ok(!(await isLetIn(forWeb)));
    assert.ok(!(await isLetIn(phone())));
    assert.ok(!(await isLetIn(desk(0, 80), client, server.ipv4, 80)));
    assert.ok(await isLetIn(forWeb, client, server.ipv4, 80));
    assert.ok(await isLetIn(desk()));
  });

  test('is not let in again after a restart, nor after kill -9; others are', async t => {
    const { daemon, isLetIn } = await guarded(t);
    assert.ok(await isLetIn(desk()));
    assert.equal((await daemon.program!.stop()).status, 0);
    assert.ok(!(await isLetIn(desk())), 'while nothing runs');
    assert.ok(await isLetIn(desk(-1)), 'while nothing runs');
    await daemon.run();
    assert.ok(!(await isLetIn(desk())), 'after a restart');
    assert.ok(!(await isLetIn(desk(-1))), 'after a restart');
    assert.ok(await isLetIn(desk(1)));
    await daemon.program!.kill();
    await daemon.run();
    for (const steps of [-1, 0, 1]) assert.ok(!(await isLetIn(desk(steps))), `${steps} after kill -9`);
    assert.ok(await isLetIn(phone()));
  });

  test('is let in after somebody flushed the ruleset, but not with a used number', async t => {
    const { client, server, daemon, isLetIn } = await guarded(t);
    assert.ok(await isLetIn(desk()));
    await daemon.program?.line(/opened ssh/);
    await server.namespace.nft('flush ruleset');
    await daemon.program?.line(/putting it back/);
    await eventually('shut', async () => (await client.portState(server.ipv4, 22)) === 'silent');
    await eventually('let in again', () => isLetIn(phone()));
    assert.ok(!(await isLetIn(desk())));
    assert.ok(await isLetIn(desk(1)));
    await daemon.program!.kill();
    await server.namespace.nft('flush ruleset');
    await daemon.run();
    await daemon.program?.line(/given before are not good again/);
    for (const number of [desk(), phone(), phone(1)]) assert.ok(!(await isLetIn(number)));
  });

  test('of a client that is new is let in at once, and of one that is revoked no more', async t => {
    const { daemon, isLetIn } = await guarded(t);
    const clients = [{ ...clientOf('desk'), revoked: true }, clientOf('phone'), clientOf('tablet')];
    daemon.configure({ ...defaults, clients });
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/reloaded/);
    assert.ok(!(await isLetIn(desk())));
    assert.ok(await isLetIn(numberNow(pskOf('tablet'), 22)));
    assert.ok(await isLetIn(phone()));
    daemon.configure({ ...defaults, clients: [...clients, clientOf('lamp')] });
    await daemon.program!.kill();
    await daemon.run();
    assert.ok(await isLetIn(numberNow(pskOf('lamp'), 22)));
    assert.ok(!(await isLetIn(desk())));
    assert.ok(!(await isLetIn(phone())));
  });

  test('with a number that others use at the same moment: one of them is let in', async t => {
    const network = await Network.create(t);
    const { server } = network;
    const hosts = [await network.addClient(), await network.addClient()];
    const sequenceNumber = { period: '1s', tolerance: '1h', guesses_per_second: 100_000 };
    await Daemon.start(t, server, { ...defaults, clients: [clientOf('desk')], sequenceNumber });
    const series = new NumberSeries(Buffer.from(pskOf('desk')), 22);
    const now = stepAt(Date.now(), 1000);
    const numbers = Array.from({ length: 5000 }, (_, index) => series.at(now - 2500 + index));
    assert.equal(await race(server, hosts, numbers.map(String)), numbers.length);
  });

  test('from a source that guesses is not let in for a while; from others it is', async t => {
    const { network, client, server, isLetIn } = await guarded(t, {
      sequenceNumber: { ...hourly, guesses_per_second: 1 },
    });
    const other = await network.addClient();
    for (const address of [server.ipv4, server.ipv6]) {
      const guesses = Array.from({ length: 20 }, (_, index) =>
        client.greetingBy(desk() + 1 + index, address, 22),
      );
      await Promise.all(guesses);
    }
    assert.ok(!(await isLetIn(desk())));
    assert.ok(!(await isLetIn(desk(), client, server.ipv6)));
    assert.ok(await isLetIn(desk(), other));
    const sets = await server.namespace.exec('nft', ['list', 'table', 'inet', 'portknock']);
    const source = client.ipv4.replaceAll('.', '\\.');
    assert.match(sets, new RegExp(`set guessing4 \\{[^}]*\\{ ${source} expires \\d`));
    await eventually('let in again', () => isLetIn(phone()), 15_000);
  });

  test('is counted on by a thousand clients at ten services', async t => {
    const doors = Array.from({ length: 10 }, (_, index) => ({
      ...ssh,
      name: `door${index}`,
      services: [`tcp/${22 + index}`],
    }));
    const names = doors.map(({ name }) => name);
    const clients = Array.from({ length: 1000 }, (_, index) => clientOf(`c${index}`, names));
    const { client, server, daemon, isLetIn } = await guarded(t, { doors, clients });
    await server.serve(31, greeting);
    assert.ok(await isLetIn(numberNow(pskOf('c0'), 22)));
    assert.ok(await isLetIn(numberNow(pskOf('c999'), 31), client, server.ipv4, 31));
    const check = daemon.command(['check']);
    await check.end();
    assert.match(check.stdout, /^numbers +tcp\/22 3000 good at once: one guess in 1431656 is right;/m);
    assert.match(check.output, /tcp\/31: 3000 sequence numbers are good at once, so a source that guesses/);
  });

  test('is not let in again where it was let in for another reason', async t => {
    const network = await Network.create(t);
    const [client, trusted, stranger] = [
      await network.addClient(),
      await network.addClient(),
      await network.addClient(),
    ];
    const { server } = network;
    await server.serve(22, greeting);
    const daemon = await Daemon.start(t, server, {
      ...defaults,
      doors: [{ ...ssh, command: 1 }],
      guard: { always_allow: [trusted.ipv4] },
    });
    const open = daemon.command(['open', 'ssh', client.ipv4]);
    assert.equal((await open.end()).status, 0, open.output);
    assert.equal(await client.greeting(server.ipv4, 22), greeting, 'open');
    assert.equal(await client.greetingBy(desk(), server.ipv4, 22), greeting);
    assert.equal(await trusted.greetingBy(phone(), server.ipv4, 22), greeting);
    for (const number of [desk(), phone()])
      assert.equal(await stranger.greetingBy(number, server.ipv4, 22), undefined, 'a number that was seen');
    assert.equal(await stranger.greetingBy(desk(1), server.ipv4, 22), greeting);
  });

  test('and openings are kept where a table of another version is taken over', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const { server } = network;
    await server.serve(22, greeting);
    await server.namespace.nft(`table inet portknock {
      set open4 { type ipv4_addr . inet_proto . inet_service; size 65535; flags timeout; }
      set guesses4 { type ipv6_addr; }
    }
    add element inet portknock open4 { ${client.ipv4} . tcp . 22 timeout 1m comment "ssh -" }`);
    const door = { ...ssh, command: 1 };
    const daemon = await Daemon.start(t, server, { ...defaults, doors: [door] });
    assert.equal(await client.greetingBy(desk(), server.ipv4, 22), greeting);
    const { openings } = JSON.parse(await statusOf(daemon));
    assert.deepEqual(
      openings.map(({ door, source, service }: Record<string, string>) => [door, source, service]),
      [['ssh', client.ipv4, 'tcp/22']],
    );
  });
});

async function statusOf(daemon: Daemon): Promise<string> {
  const program = daemon.command(['status', '--json']);
  await program.end();
  return program.stdout;
}
