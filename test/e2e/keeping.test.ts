/** What administrators and accidents do to a running daemon, and what of it must not matter. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Program, Scope } from './harness/program.js';

const greeting = 'hello from inside';
/** SYNs a second of one source that the kernel lets through to the daemon (daemon/table.ts). */
const noisyRate = 32_768;

async function guarded(scope: Scope, openFor = '30s') {
  const network = await Network.create(scope);
  const client = await network.addClient();
  await network.server.serve(22, greeting);
  const doors = [{ name: 'ssh', command: 1, services: ['tcp/22'], open_for: openFor }];
  const daemon = await Daemon.start(scope, network.server, { doors });
  const isOpen = async () => (await client.greeting(network.server.ipv4, 22)) === greeting;
  return { network, server: network.server, client, daemon, isOpen };
}

async function succeeds(program: Program): Promise<Program> {
  const { status } = await program.end();
  assert.equal(status, 0, program.output);
  return program;
}

async function fails(program: Program, message: RegExp): Promise<void> {
  const { status } = await program.end();
  assert.notEqual(status, 0, program.output);
  assert.match(program.stderr, message);
}

describe('a running daemon', { skip: notIsolated }, () => {
  test('puts table and openings back after somebody flushed the ruleset', async t => {
    const { server, client, daemon, isOpen } = await guarded(t);
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
    await server.namespace.nft('flush ruleset');
    await daemon.program?.line(/putting it back/);
    await eventually('open again', isOpen);
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    await eventually('shut', async () => (await client.portState(server.ipv4, 22)) === 'silent');
  });

  test('puts back a rule that somebody added or deleted', async t => {
    const { server, client, daemon } = await guarded(t);
    await server.namespace.nft('insert rule inet portknock door accept');
    await daemon.program?.line(/putting it back/);
    await eventually('shut', async () => (await client.portState(server.ipv4, 22)) === 'silent');
    daemon.program?.forget();
    await server.namespace.nft('flush chain inet portknock guard');
    await daemon.program?.line(/putting it back/);
    await eventually('shut', async () => (await client.portState(server.ipv4, 22)) === 'silent');
  });

  test('takes a new configuration over without dropping openings or half a knock', async t => {
    const { client, server, daemon, isOpen } = await guarded(t);
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
    await sleep(5);
    const printed = await succeeds(daemon.knock(client, ['--dry-run']));
    const ports = printed.stdout.trim().split('\n').map(Number);
    await client.tap(server.ipv4, ports.slice(0, 9));
    writeFileSync(daemon.configFile, readFileSync(daemon.configFile, 'utf8').replace('30s', '20s'));
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/reloaded/);
    assert(await isOpen());
    await client.tap(server.ipv4, ports.slice(9));
    await daemon.program?.line(/opened ssh.*20s/);
    assert.doesNotMatch(daemon.program?.stderr ?? '', /putting it back/);
  });

  test('keeps the old configuration when the new one is broken', async t => {
    const { client, daemon, isOpen } = await guarded(t);
    appendFileSync(daemon.configFile, '[[door]]\nname = "web"\ncommnd = 2\nservices = ["tcp/0"]\n');
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/not reloaded/);
    for (const mistake of [/unknown key "commnd"/, /tcp\/0/]) {
      assert.match(daemon.program?.stderr ?? '', mistake);
    }
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
  });

  test('leaves the running table as it is when it refuses its configuration at start', async t => {
    const { server, client, daemon } = await guarded(t);
    await daemon.program?.kill();
    appendFileSync(daemon.configFile, 'nonsense = 1\n');
    await fails(daemon.command(['run']), /portknockd\.toml:\d+: unknown key "nonsense"/);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('is alone: a second one is refused and harms nothing', async t => {
    const { client, daemon, isOpen } = await guarded(t);
    await fails(daemon.command(['run']), /another portknockd/);
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
  });

  test('refuses a removed client from that moment, and closes what it had open', async t => {
    const { server, client, daemon, isOpen } = await guarded(t);
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
    await succeeds(daemon.command(['client', 'remove', 'laptop']));
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/refused: revoked: laptop/);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('opens and closes by hand, and tells what is open', async t => {
    const { server, client, daemon, isOpen } = await guarded(t);
    await fails(daemon.command(['open', 'shs', client.ipv4]), /no door "shs"/);
    await fails(daemon.command(['open', 'ssh', 'client']), /"client" is no address/);
    await succeeds(daemon.command(['open', 'ssh', client.ipv4]));
    assert(await isOpen());
    await succeeds(daemon.knock(client));
    await daemon.program?.line(/opened ssh for laptop/);
    const status = JSON.parse((await succeeds(daemon.command(['status', '--json']))).stdout) as StatusJson;
    const [opening] = status.openings;
    assert.equal(status.openings.length, 1);
    assert.deepEqual([opening?.door, opening?.client, opening?.source], ['ssh', 'laptop', client.ipv4]);
    assert((opening?.remaining_seconds ?? 0) > 20 && (opening?.remaining_seconds ?? 0) <= 30);
    // It opened at the nineteenth; the rest was on its way.
    assert((status.counters['seen'] ?? 0) >= 19 && (status.counters['seen'] ?? 0) <= 32);
    assert.equal(status.last_knocks.at(-1)?.outcome, 'opened');
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
    assert.match((await succeeds(daemon.command(['status']))).stdout, /open {2}nothing/);
  });

  test('ends when its listener ends, and its listener with it: one line each, everything shut', async t => {
    const { server, client, daemon } = await guarded(t);
    const status = JSON.parse((await succeeds(daemon.command(['status', '--json']))).stdout) as StatusJson;
    process.kill(status.listener_pid, 'SIGKILL');
    assert.equal((await daemon.program?.end())?.status, 1);
    assert.match(daemon.program?.stderr ?? '', /the listener ended with SIGKILL/);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
    const again = await daemon.run();
    process.kill(again.pid, 'SIGKILL');
    await again.line(/the monitor has ended; the listener ends too/);
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('keeps a noisy source away from itself, and newcomers in', async t => {
    const { network, client, daemon, isOpen } = await guarded(t);
    const noisy = await network.addClient();
    const packets = 300_000;
    const begun = performance.now();
    await flood(network.server, noisy, { packets, sources: [noisy.ipv4] });
    // As many at once and in each second; the kernel counts a little otherwise than we do.
    const most = ((performance.now() - begun) / 1000 + 1) * noisyRate * 1.1;
    if (most >= packets) return t.skip('this machine sends too slowly for a source to be noisy');
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
    const status = JSON.parse((await succeeds(daemon.command(['status', '--json']))).stdout) as StatusJson;
    const seen = status.counters['seen'] ?? 0;
    assert(seen > 32_000 && seen < most, `the daemon saw ${seen} of ${packets} SYNs`);
  });

  test('lets newcomers in when its memory of noisy sources is full of spoofed ones', async t => {
    const { network, client, daemon, isOpen } = await guarded(t);
    await flood(network.server, await network.addClient(), { packets: 150_000 });
    const noisy = await network.server.namespace.exec('nft', ['list', 'set', 'inet', 'portknock', 'noisy4']);
    // Full, or nearly: two processors may fill it side by side.
    assert((noisy.match(/expires/g)?.length ?? 0) > 65_000);
    await succeeds(daemon.knock(client));
    await eventually('open', isOpen);
    // One line for all of it, ten seconds after it began.
    await daemon.program?.line(/since the last such line: 1\d\d,\d{3} packets heard/, 15_000);
    assert.equal(daemon.program?.stderr.match(/since the last such line/g)?.length, 1);
  });
});

/** SYNs into the window, as fast as they go: from spoofed sources, or in the names of some. */
async function flood(
  server: Host,
  stranger: Host,
  plan: { readonly packets: number; readonly sources?: readonly string[] },
): Promise<void> {
  const garbage = { ports: [40_000, 40_100] };
  const request = { garbage, address: server.ipv4, timeoutMs: 10_000, ...plan };
  const sent = await stranger.namespace.exec(process.execPath, [
    '--input-type=module',
    '-e',
    `import { flood } from '${project}/dist/bench/flooder.js'; console.log(flood(${JSON.stringify(request)}).sent)`,
  ]);
  assert.equal(Number(sent), plan.packets);
}

describe('the table', { skip: notIsolated }, () => {
  test('is taken away again unless confirmed', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    await network.server.serve(22, greeting);
    const daemon = new Daemon(t, network.server);
    const state = () => client.portState(network.server.ipv4, 22);
    await fails(daemon.command(['firewall', 'show']), /not in the kernel/);
    await succeeds(daemon.command(['firewall', 'install', '--undo-after', '3s']));
    assert.equal(await state(), 'silent');
    await eventually('undone', async () => (await state()) === 'open');
    await succeeds(daemon.command(['firewall', 'install', '--undo-after', '4s']));
    await succeeds(daemon.command(['firewall', 'confirm']));
    await sleep(4500);
    assert.equal(await state(), 'silent');
    assert.match((await succeeds(daemon.command(['firewall', 'show']))).stdout, /table inet portknock/);
    await succeeds(daemon.command(['firewall', 'remove']));
    assert.equal(await state(), 'open');
  });

  test('that was loaded last stands in for a configuration that is refused when there is none', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    await network.server.serve(22, greeting);
    const daemon = new Daemon(t, network.server);
    const state = () => client.portState(network.server.ipv4, 22);
    const good = readFileSync(daemon.configFile, 'utf8');
    writeFileSync(daemon.configFile, `${good}\n[door`);
    await fails(daemon.command(['firewall', 'install']), /portknockd\.toml:\d+: /);
    assert.equal(await state(), 'open');
    writeFileSync(daemon.configFile, good);
    await succeeds(daemon.command(['firewall', 'install']));
    await network.server.namespace.nft('flush ruleset');
    writeFileSync(daemon.configFile, good.replace('open_for', 'open_fro'));
    await fails(daemon.command(['firewall', 'install']), /unknown key "open_fro"[\s\S]*last good table/);
    assert.equal(await state(), 'silent');
  });

  test('that was loaded last stands in where rules of the administrator’s own are refused, without them if need be', async t => {
    const network = await Network.create(t);
    const client = await network.addClient();
    const { server } = network;
    await server.serve(22, greeting);
    const daemon = new Daemon(t, server, {
      rules: { 'x.nft': 'chain x { type filter hook input priority 0; iif "later" drop; }\n' },
    });
    await server.namespace.ip('link add later type veth peer name other');
    await succeeds(daemon.command(['firewall', 'install']));
    await server.namespace.nft('flush ruleset');
    // As at boot: it is not there yet.
    await server.namespace.ip('link delete later');
    await fails(
      daemon.command(['firewall', 'install']),
      /x\.nft:1: nft: Interface does not exist\n.*last good table, \S+ without the rules of yours in it, is in force/,
    );
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });

  test('is said to be the running daemon’s, and what that has not read is not kept', async t => {
    const { server, daemon } = await guarded(t);
    daemon.writeRules({ 'x.nft': 'chain x { jump nowhere; }\n' });
    const done = await succeeds(daemon.command(['firewall', 'install']));
    assert.match(done.stdout, /in force, as the running daemon has read its configuration/);
    await daemon.program?.kill();
    await server.namespace.nft('flush ruleset');
    await fails(daemon.command(['firewall', 'install']), /the last good table, \S+, is in force/);
  });

  test('that an administrator takes away stays away, also from a running daemon that reads its configuration again', async t => {
    const { server, client, daemon } = await guarded(t);
    await succeeds(daemon.command(['firewall', 'remove']));
    daemon.program?.signal('SIGHUP');
    await daemon.program?.line(/reloaded/);
    await sleep(200);
    assert.equal(await client.portState(server.ipv4, 22), 'open');
    await succeeds(daemon.command(['firewall', 'install']));
    assert.equal(await client.portState(server.ipv4, 22), 'silent');
  });
});

interface StatusJson {
  readonly listener_pid: number;
  readonly openings: readonly { door: string; client: string; source: string; remaining_seconds: number }[];
  readonly last_knocks: readonly { outcome: string }[];
  readonly counters: Readonly<Record<string, number>>;
}
