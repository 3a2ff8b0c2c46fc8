/** That the units in examples/systemd are sound, and that the daemon does its work in the sandbox they describe. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  allowedCalls,
  capabilities,
  commandOf,
  copyUnits,
  mistakesIn,
  Notifications,
  only,
  readOnly,
  readUnit,
  type Unit,
  unitFolder,
} from './example-unit.js';
import { Asker, ask, SshSigner } from './harness/asker.js';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { hasManyUsers, missing, notIsolated } from './harness/isolation.js';
import { Network } from './harness/network.js';

const daemonUnit = readUnit('portknockd.service');
const firewallUnit = readUnit('portknockd-firewall.service');
/** With the most that each may be exposed, as systemd counts: knockd's commands are not ours to shut in. */
const exposures = {
  'portknockd.service': 25,
  'portknockd-firewall.service': 25,
  'portknockd-knockd.service': 60,
};
const units = Object.keys(exposures);

/** In a mount namespace that is ours alone and where root is root, the whole of the sandbox can be built. */
const sandbox = process.env['PORTKNOCK_ISOLATED'] === 'root' ? readOnly : [];

describe('read by systemd', { skip: missing('systemd-analyze') }, () => {
  test('the units have no mistake', t => {
    const paths = copyUnits(t, units);
    assert.deepEqual(mistakesIn(paths), []);
    appendFileSync(paths[0]!, 'Restrat=always\n');
    assert.equal(mistakesIn(paths).length, 1);
  });

  test('nor has what one of them lacks for challenges, and that is all that it lacks', t => {
    const [path] = copyUnits(t, ['portknockd.service']);
    const folder = `${path}.d`;
    cpSync(join(unitFolder, 'portknockd.service.d'), folder, { recursive: true });
    assert.deepEqual(mistakesIn([path!]), []);
    appendFileSync(join(folder, 'challenges.conf'), 'Restrat=always\n');
    assert.equal(mistakesIn([path!]).length, 1);
    const more = readUnit('portknockd.service.d/challenges.conf');
    assert.deepEqual(more.get('RestrictAddressFamilies'), ['AF_INET AF_INET6']);
    assert.deepEqual(more.get('IPAddressDeny'), ['']);
  });

  for (const [unit, threshold] of Object.entries(exposures)) {
    test(`${unit} is exposed to little`, t => {
      const args = ['security', '--offline=true', `--threshold=${threshold}`, ...copyUnits(t, [unit])];
      const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
    });
  }
});

test('systemd makes the user', { skip: missing('systemd-sysusers') }, t => {
  const root = temporaryFolder(t, 'root');
  mkdirSync(join(root, 'etc'));
  execFileSync('systemd-sysusers', [`--root=${root}`, join(unitFolder, 'sysusers.d/portknock.conf')], {
    stdio: 'pipe',
  });
  assert.match(readFileSync(join(root, 'etc/passwd'), 'utf8'), /^portknock:x:\d+:\d+:/m);
});

describe('in the sandbox', { skip: missing('setpriv') }, () => {
  test('the table is there before the daemon is', async t => {
    const { server, client, daemon } = await site(t);
    const argv = [...capabilities(firewallUnit), ...commandOf(firewallUnit, daemon.configFile)];
    await server.namespace.exec(sandbox[0] ?? 'env', [...sandbox.slice(1), ...argv]);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
    assert.equal(await client.portState(server.ipv6, 22), 'silent');
  });

  test('a connection that is there before the table lives on', async t => {
    const { server, client, daemon } = await site(t);
    const echo =
      "net.createServer(s => s.on('error', () => {}).pipe(s)).listen(23, '::', () => console.log('up'))";
    await server.namespace.start(process.execPath, ['-e', echo]).line(/up/);
    daemon.configure({ doors: [{ name: 'echo', command: 1, services: ['tcp/23'] }] });
    const call = `const s = net.connect(23, '${server.ipv4}'); process.stdin.pipe(s); s.pipe(process.stdout)`;
    const session = client.namespace.start(process.execPath, ['-e', call]);
    session.write('before\n');
    await session.line(/before/);
    const argv = [...capabilities(firewallUnit), ...commandOf(firewallUnit, daemon.configFile)];
    await server.namespace.exec(sandbox[0] ?? 'env', [...sandbox.slice(1), ...argv]);
    assert.equal(await client.portState(server.ipv4, 23), 'silent');
    session.write('after\n');
    await session.line(/after/);
  });

  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`a knock opens a port over ${family}`, async t => {
      const { server, client, daemon } = await site(t);
      const { program } = await start(t, daemon, daemonUnit);
      await program.line(/ready/);
      assert.equal(await client.portState(server[family], 22), 'silent');
      const knock = daemon.knock(client, ['--wait', '22'], { address: server[family] });
      assert.equal((await knock.end()).status, 0, knock.output);
      assert.equal(await client.portState(server[family], 22), 'open');
      assert.deepEqual(await program.stop(), { status: 0, signal: null });
    });
  }

  test('the listener has nothing left', async t => {
    const { daemon } = await site(t);
    const { program } = await start(t, daemon, daemonUnit);
    await program.line(/ready/);
    const status = readFileSync(`/proc/${await listenerOf(daemon)}/status`, 'utf8');
    const capable = Array.from(status.matchAll(/^(Cap\w+):\s*(\w+)$/gm), match => match.slice(1, 3));
    assert.deepEqual(new Set(capable.map(([, set]) => set)), new Set(['0000000000000000']), status);
    assert.match(status, /^NoNewPrivs:\s*1$/m);
  });

  test('a hello is answered, and a signature opens a port', async t => {
    const { server, client, daemon } = await site(t);
    const signer = new SshSigner();
    daemon.configure({
      clients: [{ name: 'john', ssh_keys: [signer.line] }],
      challenge: { port: 54_321, site_key_file: 'site.key' },
    });
    const { program } = await start(t, daemon, daemonUnit);
    await program.line(/ready/);
    const asker = new Asker(client);
    const door = { site: { siteKey: daemon.siteKey }, address: server.ipv4, port: 54_321, door: 'ssh' };
    const { response } = await ask(asker, door, signer);
    await asker.send(door.address, door.port, response, 0);
    await program.line(/opened ssh for john/);
  });

  test('a port below 1024 is another capability, and that is said', { skip: oneUser() }, async t => {
    const started = async (unit: Unit) => {
      const { daemon } = await site(t);
      daemon.configure({ clients: [], challenge: { port: 53, site_key_file: 'site.key' } });
      return (await start(t, daemon, unit)).program;
    };
    const program = await started(daemonUnit);
    await program.line(/cannot send challenges from UDP port 53: EACCES/);
    await program.line(
      /hint: .*CAP_NET_BIND_SERVICE: add it as portknockd\.service\.d\/challenges\.conf says/,
    );
    await (await started(withToo(daemonUnit, 'CAP_NET_BIND_SERVICE'))).line(/ready/);
  });

  test('a command of another user is ended at its time limit', { skip: oneUser() }, async t => {
    const { client, daemon } = await site(t, {
      doors: [{ name: 'slow', command: 1, run: ['/bin/sleep', '60'], run_as: 'nobody', time_limit: '200ms' }],
    });
    const { program } = await start(t, daemon, daemonUnit);
    await program.line(/ready/);
    await daemon.knock(client).end();
    await program.line(/took longer than its time limit \(200 ms\) and was ended/);
  });
});

function oneUser(): string | false {
  return missing('setpriv') || (!hasManyUsers() && 'there is one user only');
}

/** What is taken out of the unit's capabilities, and what the daemon then says. */
for (const [capability, pattern] of [
  ['CAP_NET_ADMIN', /cannot read NFLOG group 5: EPERM/],
  ['CAP_SETUID', /the listener ended with status/],
  ['CAP_SETGID', /the listener ended with status/],
] as const) {
  test(`it does not start without ${capability}`, { skip: oneUser() }, async t => {
    const { daemon } = await site(t);
    const { program } = await start(t, daemon, without(daemonUnit, capability));
    await program.line(pattern);
    assert.equal((await program.end()).status, 1);
  });
}

test('CAP_SETPCAP empties the bounding set of the listener', { skip: oneUser() }, async t => {
  const { daemon } = await site(t);
  const { program } = await start(t, daemon, without(daemonUnit, 'CAP_SETPCAP'));
  await program.line(/ready/);
  const status = readFileSync(`/proc/${await listenerOf(daemon)}/status`, 'utf8');
  assert.doesNotMatch(status, /^CapBnd:\s*0+$/m);
});

describe('told to the service manager', { skip: notIsolated }, () => {
  test('ready, reloading and ready again, stopping', async t => {
    const { daemon } = await site(t);
    const { program, notifications } = await start(t, daemon, daemonUnit);
    await program.line(/ready/);
    assert.deepEqual(words(notifications), ['READY=1']);
    program.signal('SIGHUP');
    await program.line(/reloaded/);
    await eventually('it is ready again', () => words(notifications).length === 3);
    assert.deepEqual(words(notifications), ['READY=1', 'RELOADING=1', 'READY=1']);
    assert.match(notifications.all[1]!, /^MONOTONIC_USEC=\d+$/m);
    await program.stop();
    assert.deepEqual(words(notifications), ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
  });

  test('alive, for as long as both processes are', async t => {
    const { daemon } = await site(t);
    const { program, notifications } = await start(t, daemon, daemonUnit, { WATCHDOG_USEC: '150000' });
    await program.line(/ready/);
    const beats = () => notifications.all.filter(message => message === 'WATCHDOG=1').length;
    await eventually('it beats', () => beats() >= 5);
    const listener = await listenerOf(daemon);
    process.kill(listener, 'SIGSTOP');
    await sleep(100);
    const before = beats();
    await sleep(500);
    assert.equal(beats(), before);
    process.kill(listener, 'SIGCONT');
    await eventually('it beats again', () => beats() > before);
  });
});

test('its system calls are those that the units allow', { skip: noStrace() }, async t => {
  const { client, daemon } = await site(t, {
    doors: [
      { name: 'ssh', command: 1, services: ['tcp/22'], open_for: '1s' },
      { name: 'run', command: 2, run: ['/bin/true'], close_run: ['/bin/true'], open_for: '1s' },
    ],
  });
  const trace = join(daemon.folder, 'trace');
  // As a grandchild, so that what is started is the daemon and not its tracer.
  const tracer = [
    'strace',
    '--daemonize',
    '--follow-forks',
    '--quiet=all',
    '--signal=none',
    '--output',
    trace,
  ];
  const { program } = await start(t, daemon, daemonUnit, {}, tracer);
  await program.line(/ready/, 60_000);
  await daemon.knock(client).end();
  await program.line(/opened ssh/, 30_000);
  await daemon.knock(client, [], { command: 2 }).end();
  await program.line(/closed run/, 30_000);
  await program.stop(30_000);
  const used = new Set(Array.from(readFileSync(trace, 'utf8').matchAll(/^\d+\s+(\w+)\(/gm), m => m[1]!));
  assert.ok(used.has('sendto') && used.has('execve'), [...used].join(' '));
  const allowed = allowedCalls(daemonUnit);
  assert.deepEqual(
    [...used].filter(call => !allowed.has(call)),
    [],
  );
});

function noStrace(): string | false {
  return missing('strace', 'systemd-analyze');
}

async function site(t: TestContext, settings: DaemonSettings = {}) {
  const network = await Network.create(t);
  const client = await network.addClient();
  await network.server.serve(22, 'in');
  return { server: network.server, client, daemon: new Daemon(t, network.server, settings) };
}

/** Starts what a unit starts, in its sandbox, with a service manager that listens. */
async function start(
  t: TestContext,
  daemon: Daemon,
  unit: Unit,
  env: Readonly<Record<string, string>> = {},
  tracer: readonly string[] = [],
) {
  const notifications = new Notifications(t, daemon.folder);
  const [command = '', ...argv] = [
    ...sandbox,
    ...tracer,
    ...capabilities(unit),
    ...commandOf(unit, daemon.configFile),
  ];
  const options = { env: { NOTIFY_SOCKET: notifications.path, ...env } };
  return { program: daemon.host.namespace.start(command, argv, options), notifications };
}

function without(unit: Unit, capability: string): Unit {
  const set = only(unit, 'CapabilityBoundingSet').split(' ');
  assert.ok(set.includes(capability));
  const rest = set.filter(name => name !== capability);
  return new Map([...unit, ['CapabilityBoundingSet', [rest.join(' ')]]]);
}

/** As by a file of `systemctl edit`. */
function withToo(unit: Unit, capability: string): Unit {
  const set = `${only(unit, 'CapabilityBoundingSet')} ${capability}`;
  return new Map([...unit, ['CapabilityBoundingSet', [set]]]);
}

function words(notifications: Notifications): string[] {
  return notifications.all.map(message => message.split('\n')[0]!);
}

/** The daemon's two processes, as it says itself. */
async function pidsOf(daemon: Daemon): Promise<{ readonly pid: number; readonly listener_pid: number }> {
  const status = daemon.command(['status', '--json']);
  assert.equal((await status.end()).status, 0, status.output);
  return JSON.parse(status.stdout);
}

async function listenerOf(daemon: Daemon): Promise<number> {
  return (await pidsOf(daemon)).listener_pid;
}
