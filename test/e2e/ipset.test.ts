/** The same sets for rules of iptables: made, filled, read back, emptied, and taken away. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { missing } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Scope } from './harness/program.js';
import { succeeds } from './harness/service.js';

const settings: DaemonSettings = {
  firewall: { backend: 'ipset' },
  doors: [
    { name: 'ssh', command: 1, services: ['tcp/22'] },
    { name: 'short', command: 2, services: ['tcp/22'], open_for: '2s' },
    { name: 'script', command: 3, run: ['/bin/true'], close_run: ['/bin/true'] },
  ],
};

async function site(scope: Scope) {
  const network = await Network.create(scope);
  const { server } = network;
  const client = await network.addClient();
  await server.serve(22, 'ssh');
  const daemon = await Daemon.start(scope, server, settings);
  const log =
    '-t raw -A PREROUTING -p tcp --dport 40000:44095 --syn -j NFLOG --nflog-group 5 --nflog-size 256';
  for (const [program, set] of [
    ['iptables', 'client_laptop'],
    ['ip6tables', 'client6_laptop'],
  ] as const) {
    await server.namespace.exec(program, log.split(' '));
    const rules = [
      `-A INPUT -p tcp --dport 22 -m set --match-set ${set} src -j ACCEPT`,
      '-A INPUT -p tcp --dport 22 -j DROP',
    ];
    for (const rule of rules) await server.namespace.exec(program, rule.split(' '));
  }
  const knock = async (command: number, address = server.ipv4) => {
    daemon.program?.forget();
    await succeeds(daemon.knock(client, [], { command, address }));
    await daemon.program?.line(/(?:opened|ran|extended) /);
  };
  const members = async (set: string) => {
    const text = await server.namespace.exec('ipset', ['save', set]);
    return [...text.matchAll(/^add \S+ (\S+)/gm)].map(([, address]) => address);
  };
  return { server, client, daemon, knock, members };
}

describe('backend = "ipset"', { skip: missing('ipset', 'iptables', 'ip6tables') }, () => {
  test('a knock lets in by rules of iptables, for a time, over IPv4 and IPv6, without a table', async t => {
    const { server, client, daemon, knock, members } = await site(t);
    for (const address of [server.ipv4, server.ipv6]) {
      assert.equal(await client.portState(address, 22), 'silent');
      await knock(2, address);
      assert.equal(await client.greeting(address, 22), 'ssh');
      await daemon.program?.line(/closed short for laptop/);
      await eventually('shut', async () => (await client.portState(address, 22)) === 'silent');
    }
    assert.deepEqual(await members('client_laptop'), []);
    const tables = await server.namespace.exec('nft', ['list', 'tables']);
    assert.doesNotMatch(tables, /inet portknock/);
  });

  test('tells what is open, closes it by hand, and forgets a removed client', async t => {
    const { client, daemon, knock, members } = await site(t);
    for (const command of [1, 3]) await knock(command);
    const status = await succeeds(daemon.command(['status', '--json']));
    const { openings } = JSON.parse(status.stdout) as { openings: { door: string; service: string }[] };
    assert.deepEqual(openings.map(({ door, service }) => `${door} ${service}`).sort(), [
      'script command',
      'ssh sets',
    ]);
    const shown = await succeeds(daemon.command(['firewall', 'show']));
    assert.match(shown.stdout, /^Name: client_laptop$/m);
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    assert.deepEqual(await members('door_ssh'), []);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await succeeds(daemon.command(['client', 'remove', 'laptop']));
    assert.deepEqual(await members('client_laptop'), []);
    assert.deepEqual(await members('door_script'), []);
  });

  test('a daemon that was killed takes over who is in its sets; a reload changes which there are', async t => {
    const { server, client, daemon, knock, members } = await site(t);
    await knock(1);
    await daemon.program?.kill();
    assert.equal(await client.greeting(server.ipv4, 22), 'ssh');
    await daemon.run();
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    daemon.configure({ ...settings, doors: [{ name: 'other', command: 1, services: ['tcp/22'] }] });
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/reloaded/);
    // The door is gone, and with it what it had let in.
    assert.deepEqual(await members('client_laptop'), []);
    assert.deepEqual(await members('door_other'), []);
    await assert.rejects(members('door_ssh'));
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('removing empties what rules look into, and takes away the rest', async t => {
    const { server, daemon, knock, members } = await site(t);
    await knock(1);
    const removed = await succeeds(daemon.command(['firewall', 'remove']));
    assert.match(removed.stdout, /rules still look into client_laptop, client6_laptop/);
    assert.deepEqual(await members('client_laptop'), []);
    await assert.rejects(members('door_ssh'));
    await succeeds(daemon.command(['firewall', 'install']));
    await knock(1);
    assert.deepEqual((await members('door_ssh')).length, 1);
    await server.namespace.exec('ipset', ['destroy', 'door_ssh']);
    await knock(1);
    assert.deepEqual((await members('door_ssh')).length, 1);
  });

  test('what a rule has taken out of one set stays out when another set is made again', async t => {
    const { server, client, knock, members } = await site(t);
    await knock(1);
    await server.namespace.exec('ipset', ['del', 'door_ssh', client.ipv4]);
    await server.namespace.exec('ipset', ['destroy', 'door_script']);
    await knock(3);
    await eventually('the set is back', async () => (await members('door_script')).length === 1);
    assert.deepEqual(await members('door_ssh'), []);
  });

  test('a set that is full is told of', async t => {
    const { server, client, daemon } = await site(t);
    // The kernel takes more than it says in those parts of its table that have less than their share: until none has.
    const others = Array.from(
      { length: 90_000 },
      (_, n) => `add door_ssh 198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255} timeout 600\n`,
    );
    const [first, then] = [others.slice(0, 65_535), others.slice(65_535)].map(lines => lines.join(''));
    await server.namespace.exec('ipset', ['restore'], { input: first! });
    await server.namespace.exec('sh', ['-c', 'ipset - >/dev/null 2>&1 || true'], { input: then! });
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/cannot open ssh for laptop .*: a set of ssh or of laptop is full/);
  });

  test('what stands in its way is told by name', async t => {
    const { server, daemon } = await site(t);
    await daemon.program?.kill();
    await server.namespace.exec('ipset', ['destroy', 'door6_script']);
    await server.namespace.exec('ipset', ['create', 'door6_script', 'hash:net']);
    const refused = daemon.command(['firewall', 'install']);
    assert.equal((await refused.end()).status, 1);
    assert.match(
      refused.stderr,
      /ipset: door6_script: .* already exists\n.*hint: .* ipset destroy door6_script\n/,
    );
    await server.namespace.exec('ipset', ['destroy', 'door6_script']);
    // Of a configuration without ipset.
    await server.namespace.nft('add table inet portknock');
    const installed = await succeeds(daemon.command(['firewall', 'install']));
    assert.match(installed.stdout, /no knock opens what it shuts: nft delete table inet portknock/);
    await daemon.run();
    assert.match(daemon.program?.stderr ?? '', /no knock opens what it shuts/);
  });

  test('a machine without ipset is told what to install; one without nft needs none', async t => {
    const { daemon, server } = await site(t);
    await daemon.program?.kill();
    const bin = `${daemon.folder}/bin`;
    await server.namespace.exec('mkdir', [bin]);
    const run = (program: string) =>
      server.namespace.start('unshare', [
        ...['--mount', 'sh', '-c', `mount --bind ${bin}/none "$(command -v ${program})" && exec "$@"`, 'sh'],
        ...[process.execPath, daemon.path, 'firewall', 'install', '--config', daemon.configFile],
      ]);
    await server.namespace.exec('touch', [`${bin}/none`]);
    const without = run('ipset');
    assert.equal((await without.end()).status, 1);
    assert.match(without.stderr, /cannot run ipset|ipset is not installed/);
    await succeeds(run('nft'));
  });
});
