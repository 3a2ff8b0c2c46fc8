/** Doors that clients and sequences open: each by its own right, and both are taken away by themselves. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from './harness/eventually.js';
import { missing } from './harness/isolation.js';
import type { Scope } from './harness/program.js';
import { fromInterface, near, Sequenced, usual, usualDoor } from './harness/sequenced.js';
import { greeting, succeeds } from './harness/service.js';

const skip = missing('/usr/bin/knock');
const bothDoor = { ...usualDoor, command: 1 };
const { sequence: _, ...clientsDoor } = bothDoor;

async function begin(scope: Scope) {
  const clients = [{ name: 'laptop', id: 7, doors: ['ssh'] }];
  const s = await Sequenced.start(scope, { clients }, bothDoor);
  const other = await s.network.addClient();
  const isOpenForOther = async () => (await other.greeting(s.server.ipv4, 22, 150)) === greeting;
  return { s, clients, other, isOpenForOther };
}

describe('a door with a command and a sequence', { skip, concurrency: 4 }, () => {
  test('opens by both, and without the sequence only what that has opened is closed', async t => {
    const { s, clients, other, isOpenForOther } = await begin(t);
    await succeeds(s.daemon.knock(other));
    await eventually('opens for the client', isOpenForOther);
    await s.shuts();
    await s.knock(usual);
    await s.opens();
    await s.reload({ clients }, clientsDoor);
    await s.program.line(/closed ssh for \* from 10\.77\.1\.2 .*: no longer allowed/);
    await s.shuts();
    assert(await isOpenForOther());
    await s.knock(usual);
    await s.stayedShut();
    // Keys are new with every configuration.
    await succeeds(s.daemon.knock(s.client));
    await s.opens();
  });

  test('closes at once what a sequence opened that is gone at the next start', async t => {
    const { s, clients, other, isOpenForOther } = await begin(t);
    await succeeds(s.daemon.knock(other));
    await s.knock(usual);
    await s.opens();
    await eventually('opens for the client', isOpenForOther);
    await s.program.kill();
    s.configure({ clients }, clientsDoor);
    await s.daemon.run();
    await s.shuts();
    assert(await isOpenForOther());
  });
});

describe('a door with a sequence alone', { skip, concurrency: 4 }, () => {
  test('is no client’s to ask for', async t => {
    const s = await Sequenced.start(t);
    s.configure({ clients: [{ name: 'laptop', id: 7, doors: ['ssh'] }] }, usualDoor);
    const command = s.daemon.command(['check']);
    assert.equal((await command.end()).status, 1);
    assert.match(command.stderr, /client "laptop": door "ssh" has no "command" to ask for/);
    s.program.signal('SIGHUP');
    await s.program.line(/not reloaded/);
    await s.knock(usual);
    await s.opens();
  });

  test('closes by its command when it is taken away', async t => {
    const s = await Sequenced.start(t);
    const said = join(s.daemon.folder, 'said');
    const say = (word: string) => ['/bin/sh', '-c', `echo ${word} {source} >> ${said}`];
    const door = { ...usualDoor, name: 'job', run: say('run'), close_run: say('close') };
    const { services: _, ...job } = door;
    await s.reload({}, job);
    await s.knock(usual);
    await eventually('the command ran', () => existsSync(said));
    await s.reload({}, { ...job, name: 'another', sequence: ['1000/tcp', '3000/tcp', '2000/tcp'] });
    await s.program.line(/closed job for \* from 10\.77\.1\.2/);
    assert.equal(readFileSync(said, 'latin1'), 'run 10.77.1.2\nclose 10.77.1.2\n');
  });

  test('is heard by another sequence after a reload, and an attempt at one that stays goes on', async t => {
    const s = await Sequenced.start(t);
    await s.knock([7000]);
    await s.knock(['8000:udp']);
    await s.reload({}, usualDoor, {
      name: 'web',
      sequence: ['1000/tcp', '3000/tcp', '2000/tcp'],
      services: ['tcp/80'],
    });
    await s.knock([9000]);
    await s.opens();
    await s.close();
    await s.reload({}, { ...usualDoor, sequence: ['7000/tcp', '8000/udp', '9001/tcp'] });
    // The last one ends the attempt, so that the next knock is not its continuation.
    await s.knock([...usual, 7000]);
    await s.stayedShut();
    await s.knock([7000, '8000:udp', 9001]);
    await s.opens();
    appendFileSync(s.daemon.configFile, 'sequence_timout = "3s"\n');
    s.program.signal('SIGHUP');
    await s.program.line(/error: .*sequence_timout/);
    await s.knock([7000, '8000:udp', 9001], { address: near.ipv6, options: ['-6'] });
    await s.opens('ipv6');
  });
});

test('a configuration that is refused for its many ports guards nothing either', { skip }, async t => {
  const settings = { capture: fromInterface };
  const door = { ...usualDoor, scan_guard: false };
  const s = await Sequenced.start(t, settings, door);
  const many = Array.from({ length: 80 }, (_, i) => ({
    name: `door${i}`,
    sequence: Array.from({ length: 32 }, (_, j) => `${10_000 + 2 * (32 * i + j)}/tcp`),
    services: ['tcp/2222'],
    scan_guard: false,
  }));
  s.configure(settings, door, ...many);
  s.program.signal('SIGHUP');
  await s.program.line(/the configuration was not reloaded; the one before stays in force/);
  assert.match(s.log, /cannot listen on down1: (too many ports for one filter|its filter is too long)/);
  const table = await succeeds(s.daemon.command(['firewall', 'show']));
  assert.match(table.stdout, /th dport @?.*22/);
  assert.doesNotMatch(table.stdout, /2222/);
  await s.knock(usual);
  await s.opens();
});
