/** Named sets and rules of the administrator's own while the daemon runs: who is in which set when, and what of it survives. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Scope } from './harness/program.js';
import { succeeds } from './harness/service.js';

const rules = `
chain web {
  type filter hook input priority filter; policy accept;
  tcp dport 80 ip saddr @client_laptop accept
  tcp dport 80 ip6 saddr @client6_laptop accept
  tcp dport 80 drop
}
`;
const settings: DaemonSettings = {
  doors: [
    { name: 'ssh', command: 1, services: ['tcp/22'] },
    { name: 'sets-only', command: 2, services: [] },
    { name: 'once', command: 3, services: [], single_use: true },
    { name: 'script', command: 4, run: ['/bin/true'], close_run: ['/bin/true'] },
  ],
  rules: { '10-web.nft': rules },
};

async function site(scope: Scope, changes: DaemonSettings = {}) {
  const network = await Network.create(scope);
  const client = await network.addClient();
  await network.server.serve(22, 'ssh');
  await network.server.serve(80, 'web');
  const daemon = await Daemon.start(scope, network.server, { ...settings, ...changes });
  const knock = async (command: number, address = network.server.ipv4) => {
    daemon.program?.forget();
    await succeeds(daemon.knock(client, [], { command, address }));
    await daemon.program?.line(/(?:opened|ran|extended) /);
  };
  const reload = async (next: Readonly<Record<string, string>>, word: RegExp = /reloaded/) => {
    daemon.program?.forget();
    daemon.writeRules(next);
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(word);
  };
  const { server } = network;
  return { network, server, client, daemon, knock, reload, members: (set: string) => members(server, set) };
}

/** The addresses in a set. */
async function members(server: Host, set: string): Promise<string[]> {
  const text = await server.namespace.exec('nft', ['-j', 'list', 'set', 'inet', 'portknock', set]);
  const { nftables } = JSON.parse(text) as { nftables: { set?: { elem?: { elem: { val: string } }[] } }[] };
  return nftables.flatMap(({ set }) => set?.elem ?? []).map(({ elem }) => elem.val);
}

describe('named sets', { skip: notIsolated }, () => {
  test('every opening of a door puts its source into the sets of the door and of the client', async t => {
    const { server, client, daemon, knock, members } = await site(t);
    assert.equal(await client.portState(server.ipv4, 80), 'silent');
    await knock(1);
    assert.deepEqual(await members('door_ssh'), [client.ipv4]);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    assert.equal(await client.greeting(server.ipv4, 80), 'web');
    assert.equal(await client.portState(server.ipv6, 80), 'silent');
    await knock(4);
    assert.deepEqual(await members('door_script'), [client.ipv4]);
    await knock(2, server.ipv6);
    assert.deepEqual(await members('door6_sets_only'), [client.ipv6]);
    assert.equal(await client.greeting(server.ipv6, 80), 'web');
    const status = await succeeds(daemon.command(['status', '--json']));
    assert.match(status.stdout, /"service": "sets"/);
    // By hand it is nobody's.
    await succeeds(daemon.command(['open', 'ssh', '192.0.2.9']));
    assert.deepEqual((await members('door_ssh')).sort(), [client.ipv4, '192.0.2.9'].sort());
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
  });

  test('a membership lasts as long as any opening that holds it', async t => {
    const doors = [
      { name: 'ssh', command: 1, services: ['tcp/22'] },
      { name: 'short', command: 2, services: [], open_for: '1s' },
    ];
    const { client, daemon, knock, members } = await site(t, { doors });
    await knock(1);
    await knock(2);
    await daemon.program?.line(/closed short for laptop/);
    assert.deepEqual(await members('door_short'), []);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await knock(2);
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    assert.deepEqual(await members('door_ssh'), []);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await daemon.program?.line(/closed short for laptop/);
    assert.deepEqual(await members('client_laptop'), []);
  });

  test('after a restart, what is left of a closed opening is as long as the others', async t => {
    const doors = [
      { name: 'ssh', command: 1, services: ['tcp/22'], open_for: '10m' },
      { name: 'short', command: 2, services: [], open_for: '1m' },
    ];
    const { server, client, daemon, knock } = await site(t, { doors });
    for (const command of [1, 2]) await knock(command);
    await daemon.program?.kill();
    await daemon.run();
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    const set = await server.namespace.exec('nft', ['list', 'set', 'inet', 'portknock', 'client_laptop']);
    assert.match(set, /timeout (?:1m|\d+s\w*) .* comment "short laptop"/);
  });

  test('a set that is full keeps nobody out of a service', async t => {
    const { server, client, daemon, knock } = await site(t);
    const others = Array.from({ length: 256 }, (_, index) => `192.0.2.${index} timeout 1h`);
    await server.namespace.nft(`add element inet portknock client_laptop { ${others.join(', ')} }`);
    await knock(1);
    await daemon.program?.line(/a set of ssh or of laptop is full/);
    assert.equal(await client.greeting(server.ipv4, 22), 'ssh');
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/cannot open sets-only for laptop/);
  });

  test('closing by hand and removing a client end it at once', async t => {
    const { client, daemon, knock, members } = await site(t);
    for (const command of [1, 2, 4]) await knock(command);
    for (const door of ['ssh', 'sets-only']) await succeeds(daemon.command(['close', door, client.ipv4]));
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await succeeds(daemon.command(['close', 'script', client.ipv4]));
    assert.deepEqual(await members('client_laptop'), []);
    for (const command of [1, 2]) await knock(command);
    await succeeds(daemon.command(['client', 'remove', 'laptop']));
    for (const set of ['client_laptop', 'door_ssh', 'door_sets_only'])
      assert.deepEqual(await members(set), []);
  });

  test('a daemon that was killed takes over who is in its sets', async t => {
    const { client, daemon, knock, members } = await site(t);
    for (const command of [1, 2]) await knock(command);
    await daemon.program?.kill();
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await daemon.run();
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    await succeeds(daemon.command(['close', 'sets-only', client.ipv4]));
    assert.deepEqual(await members('client_laptop'), []);
  });

  test('a client that is deleted while its knock is waited with gets nothing', async t => {
    const clients = ['laptop', 'desk'].map((name, at) => ({ name, id: 7 + at, doors: ['ssh'] }));
    const doors = [{ name: 'ssh', command: 1, services: ['tcp/22'] }];
    const { server, client, daemon } = await site(t, { doors, clients, rules: {} });
    await daemon.program?.kill();
    const usual = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';
    const nft = join(daemon.folder, 'nft');
    const hold = 'n=0; while [ -e "$0.hold" ] && [ $((n += 1)) -lt 99 ]; do sleep 0.1; done';
    writeFileSync(nft, `#!/bin/sh\n${usual}\nnft "$@" || exit\n[ "$1" != -f ] || { ${hold}; }\n`, {
      mode: 0o755,
    });
    const path = usual.replace('=', `=${daemon.folder}:`);
    const argv = [path, process.execPath, daemon.path, 'run', '--config', daemon.configFile];
    daemon.program = server.namespace.start('env', argv);
    await daemon.program.line(/ready/);
    const knock = await succeeds(daemon.knock(client, ['--dry-run']));
    const text = readFileSync(daemon.configFile, 'utf8');
    // The first of the two.
    writeFileSync(daemon.configFile, text.replace(/\[\[client\]\][\s\S]*?(?=\[\[client)/, ''));
    writeFileSync(`${nft}.hold`, '');
    daemon.program.signal('SIGHUP');
    const isGone = async () =>
      !(await server.namespace.exec('nft', ['list', 'sets'])).includes('client_laptop');
    await eventually('its set is gone', isGone);
    await client.tap(server.ipv4, knock.stdout.trim().split('\n').map(Number));
    await sleep(300);
    rmSync(`${nft}.hold`);
    // Where the knock took longer than that, it is the knock of nobody.
    await daemon.program.line(/opened ssh for laptop|refused: unknown-client/);
    assert.deepEqual(await members(server, 'door_ssh'), []);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('what somebody flushes comes back, but for single use', async t => {
    const { server, client, daemon, knock, members } = await site(t);
    for (const command of [2, 3]) await knock(command);
    assert.deepEqual(await members('door_once'), [client.ipv4]);
    daemon.program?.forget();
    await server.namespace.nft('flush ruleset');
    await daemon.program?.line(/putting it back/);
    await eventually('members are back', async () => (await members('door_sets_only')).length === 1);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    assert.deepEqual(await members('door_once'), []);
    assert.equal(await client.greeting(server.ipv4, 80), 'web');
  });

  test('what a rule has taken out is not given again by anything but a knock', async t => {
    const once = `chain web {
      type filter hook input priority filter; policy accept;
      ct state established accept
      tcp dport 80 ip saddr @client_laptop delete @client_laptop { ip saddr } accept
      tcp dport 80 drop
    }`;
    const { server, client, daemon, knock, members } = await site(t, { rules: { 'web.nft': once } });
    for (const command of [1, 2]) await knock(command);
    assert.equal(await client.greeting(server.ipv4, 80), 'web');
    assert.deepEqual(await members('client_laptop'), []);
    // What is left is over earlier than what was closed.
    await succeeds(daemon.command(['close', 'sets-only', client.ipv4]));
    assert.deepEqual(await members('client_laptop'), []);
    daemon.program?.forget();
    await server.namespace.nft('flush ruleset');
    await daemon.program?.line(/putting it back/);
    await eventually('members are back', async () => (await members('door_ssh')).length === 1);
    assert.deepEqual(await members('client_laptop'), []);
    await knock(2);
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
  });
});

describe('rules of the administrator’s own', { skip: notIsolated }, () => {
  test('a chain that is gone from them at a reload is gone, and drops no more', async t => {
    const shut =
      'chain shut { type filter hook input priority filter; policy drop; tcp dport 40000-44095 accept; }\n';
    const { server, client, reload } = await site(t, { rules: { 'shut.nft': shut } });
    assert.equal(await client.portState(server.ipv4, 80), 'silent');
    await reload({});
    assert.equal(await client.greeting(server.ipv4, 80), 'web');
    const table = await server.namespace.exec('nft', ['list', 'table', 'inet', 'portknock']);
    assert.doesNotMatch(table, /shut/);
  });

  test('a chain changes its hook, priority and policy, and a set its type, at a reload', async t => {
    const text = (hook: string, type: string) =>
      `set mine { type ${type}; }\nchain mine { type filter hook ${hook}; }\n`;
    const first = { 'mine.nft': text('input priority 5; policy drop', 'ipv4_addr') };
    const { server, client, knock, members, reload } = await site(t, { rules: first });
    await knock(1);
    await reload({ 'mine.nft': text('forward priority 10', 'inet_service') });
    const table = await server.namespace.exec('nft', ['list', 'table', 'inet', 'portknock']);
    assert.match(table, /chain mine \{\s+type filter hook forward priority filter \+ 10; policy accept;/);
    assert.match(table, /set mine \{\s+type inet_service/);
    // What is open is open.
    assert.deepEqual(await members('client_laptop'), [client.ipv4]);
    assert.equal(await client.greeting(server.ipv4, 22), 'ssh');
  });

  test('a mistake that only nft finds is told with file and line, and all stays as it was', async t => {
    const { server, client, daemon, reload, knock } = await site(t);
    const broken = `# a comment\n${rules.replace('tcp dport 80 drop', 'tcp dport 80 dorp')}`;
    await reload({ '05-ok.nft': 'chain ok { }\n', '10-web.nft': broken }, /not reloaded/);
    assert.match(daemon.program?.stderr ?? '', /rules\.d\/10-web\.nft:7: nft: syntax error/);
    const missingChain = 'chain other {\n\n  jump nowhere\n}\n';
    await reload({ '10-web.nft': rules, '20.nft': missingChain }, /not reloaded/);
    assert.match(daemon.program?.stderr ?? '', /rules\.d\/20\.nft:3: nft: /);
    assert.equal(await client.portState(server.ipv4, 80), 'silent');
    await knock(1);
    assert.equal(await client.greeting(server.ipv4, 80), 'web');
    const check = daemon.command(['check']);
    assert.equal((await check.end()).status, 1);
    assert.match(check.stderr, /rules\.d\/20\.nft:3: nft: /);
  });

  test('a file that closes a brace too many is refused before anything is loaded', async t => {
    const { daemon, reload } = await site(t);
    const broken = 'chain x { }\n}\ntable inet other { chain y { type filter hook input priority 0; }\n';
    await reload({ 'x.nft': broken }, /not reloaded/);
    assert.match(daemon.program?.stderr ?? '', /x\.nft:2: a brace is closed that was not opened/);
  });

  test('are taken where a table of another version is in the kernel', async t => {
    const { server, daemon } = await site(t);
    await daemon.program?.kill();
    const other =
      'table inet portknock { set once4 { type ipv4_addr . inet_proto . inet_service; flags dynamic; }; }';
    await server.namespace.nft(`flush ruleset; ${other}`);
    const checked = await succeeds(daemon.command(['check']));
    assert.match(checked.stdout, /10-web\.nft: taken by nft$/m);
  });

  test('are loaded where no door has a service and packets come from elsewhere', async t => {
    const script = { name: 'script', command: 1, run: ['/bin/true'], close_run: ['/bin/true'] };
    const { server, client, daemon } = await site(t, { doors: [script], capture: { from: 'stdin' } });
    await succeeds(daemon.command(['open', 'script', client.ipv4]));
    assert.equal(await client.portState(server.ipv4, 80), 'silent');
    await eventually('is in its set', async () => (await members(server, 'door_script')).length === 1);
  });

  test('are checked by nft where the kernel may be asked, and said not to be elsewhere', async t => {
    const { daemon } = await site(t);
    const checked = await succeeds(daemon.command(['check']));
    assert.match(checked.stdout, /^rules +\S*10-web\.nft: taken by nft$/m);
    const argv = [process.execPath, daemon.path, 'check', '--config', daemon.configFile];
    const powerless = daemon.host.namespace.start('setpriv', [
      '--bounding-set=-all',
      '--inh-caps=-all',
      ...argv,
    ]);
    await succeeds(powerless);
    assert.match(powerless.stdout, /10-web\.nft: not tried with nft, for only root may ask the kernel$/m);
  });
});
