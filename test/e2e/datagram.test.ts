/** Datagrams signed by certificates, from the kernel's rule to the service: what opens, for how long, and what does not. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon, type DaemonSettings, type Settings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { notIsolated } from './harness/isolation.js';
import { flood, Organisation, send, type Wish } from './harness/organisation.js';
import type { Program, Scope } from './harness/program.js';
import { near } from './harness/sequenced.js';
import { greeting, plain } from './harness/service.js';
import { diePort, hangPort, stubbornDaemon } from './harness/stubborn.js';

const door = { name: 'web', services: ['tcp/22', 'tcp/23'] };

let organisation: Organisation;

class Site {
  readonly server: Host;
  readonly client: Host;
  readonly daemon: Daemon;

  private constructor(server: Host, client: Host, daemon: Daemon) {
    this.server = server;
    this.client = client;
    this.daemon = daemon;
  }

  /** A server with services at tcp/22 and tcp/23, both of the door "web", and a client. */
  static async start(
    scope: Scope,
    datagram: Settings = {},
    more: DaemonSettings = {},
    path?: string,
  ): Promise<Site> {
    const { server, client } = await plain(scope);
    await server.serve(23, greeting);
    const daemon = new Daemon(scope, server);
    const site = new Site(server, client, daemon);
    site.configure(datagram, more);
    if (path !== undefined) daemon.path = path;
    await daemon.run();
    return site;
  }

  configure(datagram: Settings | undefined, more: DaemonSettings = {}): void {
    const tables = datagram === undefined ? {} : { datagram: organisation.settings(datagram) };
    this.daemon.configure({ doors: [{ command: 1, open_for: '30s', ...door }], ...tables, ...more });
  }

  get program(): Program {
    assert(this.daemon.program);
    return this.daemon.program;
  }

  /** @param port that it is sent to */
  async ask(wish: Partial<Wish> = {}, port?: number): Promise<Buffer> {
    const bytes = organisation.compose({ service: 'tcp/22', address: this.client.ipv4, ...wish });
    await send(this.client, near.ipv4, bytes, port);
    return bytes;
  }

  state(port: number, address = near.ipv4) {
    return this.client.portState(address, port, 150);
  }

  async shuts(port: number): Promise<void> {
    await eventually(`tcp/${port} shuts`, async () => (await this.state(port)) === 'silent', 15_000);
  }
}

describe('datagrams', { skip: notIsolated }, () => {
  const undos: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const undo of undos) await undo();
  });

  before(() => {
    organisation = new Organisation({ after: undo => undos.push(undo) });
    organisation.admit('laptop', '1.22,1.23,1.24,0.53');
  });

  test('a right one opens its service and no other, for its time, once', async t => {
    const site = await Site.start(t, { open_for: '3s' });
    const { program, client } = site;
    const bytes = await site.ask();
    const who = `cert:laptop \\(serial ${organisation.serialOf('laptop')}\\)`;
    await program.line(new RegExp(`opened tcp/22 \\(door web\\) for ${who} from ${client.ipv4}, for 3s$`));
    assert.equal(await client.greeting(near.ipv4, 22), greeting);
    assert.equal(await site.state(23), 'silent');
    const status = site.daemon.command(['status']);
    assert.equal((await status.end()).status, 0, status.output);
    assert.match(status.stdout, new RegExp(`web +cert:laptop +${client.ipv4} +tcp/22 `));
    assert.match(status.stdout, / opened +cert:laptop +web +/);
    assert.match(status.stdout, / 1 +datagrams\n/);
    await site.shuts(22);
    await program.line(/closed web for cert:laptop from .* \(tcp\/22\)$/);
    await send(client, near.ipv4, bytes);
    await program.line(new RegExp(`refused: replayed: .*from ${client.ipv4}.*each try needs a datagram`));
    assert.equal(await site.state(22), 'silent');
    assert.equal(program.stderr.split('opened tcp/22').length, 2);
  });

  test('over IPv6 as well', async t => {
    const site = await Site.start(t);
    const { program, client } = site;
    const bytes = organisation.compose({ service: 'tcp/23', address: client.ipv6 });
    await send(client, near.ipv6, bytes);
    await program.line(new RegExp(`opened tcp/23 .* from ${client.ipv6},`));
    assert.equal(await client.greeting(near.ipv6, 23), greeting);
    assert.equal(await site.state(22, near.ipv6), 'silent');
  });

  test('one that was accepted is refused after a restart and after kill -9 of either process', async t => {
    const site = await Site.start(t, { open_for: '100ms' });
    const bytes = await site.ask();
    await site.program.line(/opened tcp\/22/);
    const ends = [
      () => site.program.stop(),
      () => site.program.kill(),
      async () => process.kill(Number((await listenerOf(site.daemon)).pid), 'SIGKILL'),
    ];
    for (const end of ends) {
      await end();
      await site.program.ended;
      await site.shuts(22);
      await site.daemon.run();
      await send(site.client, near.ipv4, bytes);
      await site.program.line(/refused: replayed: /);
      assert.doesNotMatch(site.program.stderr, /opened/);
    }
    await site.ask();
    await site.program.line(/opened tcp\/22/);
  });

  test('kill -9 of either process at any moment opens nothing twice', async t => {
    const site = await Site.start(t, { open_for: '500ms' });
    let opened = 0;
    for (let round = 0; round < 8; round++) {
      const bytes = await site.ask();
      await sleep(round * 3);
      const pid = round % 2 === 0 ? site.program.pid : Number(listenerUnder(site.program.pid));
      process.kill(pid, 'SIGKILL');
      await site.program.ended;
      const set = ['--json', 'list', 'set', 'inet', 'portknock', 'open4'];
      const hadOpened = (await site.server.namespace.exec('nft', set)).includes('"expires"');
      if (hadOpened) opened++;
      await site.shuts(22);
      await site.daemon.run();
      await send(site.client, near.ipv4, bytes);
      const line = await site.program.line(/refused: replayed|opened tcp\/22/);
      assert(!hadOpened || line.includes('replayed'), `opened twice: ${site.program.output}`);
      await site.shuts(22);
    }
    t.diagnostic(`${opened} had opened when the kill came`);
  });

  test('another address than its own is refused, or with allow_other_address opened', async t => {
    const site = await Site.start(t);
    const { program, client } = site;
    const wish = { address: '192.0.2.99' };
    await site.ask(wish);
    await program.line(/refused: wrong-address: .*allow_other_address = true/);
    assert.equal(await site.state(22), 'silent');
    await reload(site, { allow_other_address: true });
    await site.ask(wish);
    await program.line(new RegExp(`opened tcp/22 .* from ${client.ipv4},`));
    assert.equal(await client.greeting(near.ipv4, 22), greeting);
  });

  const refusals: readonly [string, Partial<Wish>, RegExp][] = [
    [
      'no right to it',
      { service: 'tcp/25' },
      /not-allowed: cert:laptop .* for web: its certificate has no right/,
    ],
    [
      'no door',
      { service: 'udp/53' },
      /unknown-command: cert:laptop .* for udp\/53: no door has this service/,
    ],
    ['a clock behind', { time: 1_700_000_000 }, /stale: somebody from [0-9.]+.*: its clock is .* behind/],
  ];

  test('each refusal says what to do', async t => {
    const doors = [{ ...door, command: 1, services: ['tcp/22', 'tcp/25'] }];
    const site = await Site.start(t, {}, { doors });
    for (const [, wish, pattern] of refusals) {
      await site.ask(wish);
      await site.program.line(pattern);
    }
    await send(site.client, near.ipv4, garbage(site.client.ipv4));
    await site.program.line(/refused: bad-tag: somebody from .*: it was made for another server certificate/);
    assert.doesNotMatch(site.program.stderr, /opened/);
  });

  test('a service of no door opens where the policy shuts it', async t => {
    const site = await Site.start(t, { policy: 'drop' });
    await site.server.serve(24, greeting);
    assert.equal(await site.state(24), 'silent');
    await site.ask({ service: 'tcp/24' });
    await site.program.line(/opened tcp\/24 for cert:laptop .* from [0-9.]+, for 15s$/);
    assert.equal(await site.client.greeting(near.ipv4, 24), greeting);
    await reload(site, { policy: 'drop' });
    assert.equal(
      await site.client.greeting(near.ipv4, 24),
      greeting,
      'a reload closes nothing that is allowed',
    );
    const close = site.daemon.command(['close', 'tcp/24', site.client.ipv4]);
    assert.equal((await close.end()).status, 0, close.output);
    assert.equal(await site.state(24), 'silent');
    await site.ask({ service: 'tcp/24' });
    await eventually('opens', async () => (await site.client.greeting(near.ipv4, 24)) === greeting);
    await reload(site, { policy: 'none' });
    assert.match(site.program.stderr, /closed tcp\/24 for cert:laptop .*: no longer allowed/);
  });

  test('what was opened closes when datagrams may no more open it', async t => {
    const site = await Site.start(t, { open_for: '10m' });
    const changes: readonly (() => void)[] = [
      () => site.configure({}, { doors: [{ ...door, command: 1, datagram: false }] }),
      () => site.configure(undefined),
    ];
    for (const change of changes) {
      await reload(site, { open_for: '10m' });
      await site.ask();
      await eventually('opens', async () => (await site.client.greeting(near.ipv4, 22)) === greeting);
      await reload(site, undefined, change);
      await site.program.line(/closed web for cert:laptop .*: no longer allowed/);
      assert.equal(await site.state(22), 'silent');
    }
  });

  test('under a flood of noise port sequences go on opening, and datagrams do', async t => {
    const site = await Site.start(t);
    const noise = flood(site.client, near.ipv4, 5000);
    await noise.line(/flooding/);
    for (let round = 0; round < 3; round++) {
      await site.daemon.knock(site.client, [], { address: near.ipv4 }).end();
      await eventually('opens', async () => (await site.client.greeting(near.ipv4, 23)) === greeting);
      await closeByHand(site);
    }
    await eventually('a datagram opens, after three tries at most', async () => {
      await site.ask();
      return (await site.client.greeting(near.ipv4, 22)) === greeting;
    });
    await eventually('noise does not use up the words for others', async () => {
      await site.ask({ service: 'udp/53' });
      return site.program.stderr.includes('unknown-command: cert:laptop');
    });
    assert.equal(noise.ending, undefined, 'all of that happened under the flood');
    await noise.kill();
    const status = site.daemon.command(['status', '--json']);
    await status.end();
    const { counters } = JSON.parse(status.stdout);
    assert.ok(counters['refused bad-tag'] > 100, status.stdout);
    const told = site.program.lines.filter(line => line.includes('refused: bad-tag')).length;
    assert.ok(told > 0 && told < 50, `${told} lines of it`);
  });

  test('a thread that hangs or dies is started again, and all else goes on meanwhile', async t => {
    const site = await Site.start(t, {}, {}, stubbornDaemon(t));
    const { program } = site;
    await site.ask({}, diePort);
    await program.line(/the thread that verifies datagrams has ended; it is started again/);
    // Once it is there again: what waits together is given to it together, and lost together.
    await site.ask({ service: 'udp/53' });
    await program.line(/refused: unknown-command/);
    await site.ask({}, hangPort);
    await site.ask();
    await site.daemon.knock(site.client, [], { address: near.ipv4 }).end();
    await eventually('opens', async () => (await site.client.greeting(near.ipv4, 23)) === greeting);
    await program.line(/the thread that verifies datagrams did not answer in time; it is started again/);
    await program.line(/opened tcp\/22 \(door web\) for cert:laptop/);
    const status = site.daemon.command(['status']);
    await status.end();
    assert.match(status.stdout, / 2 +verifier restarts\n/);
    assert.match(status.stdout, / 2 +datagrams dropped\n/);
  });
});

async function reload(site: Site, datagram: Settings | undefined, change?: () => void): Promise<void> {
  site.program.forget();
  if (change === undefined) site.configure(datagram);
  else change();
  site.program.signal('SIGHUP');
  await site.program.line(/ reloaded: /);
}

async function closeByHand(site: Site): Promise<void> {
  const command = site.daemon.command(['close', 'web', site.client.ipv4]);
  assert.equal((await command.end()).status, 0, command.output);
}

async function listenerOf(daemon: Daemon): Promise<{ pid: string }> {
  const command = daemon.command(['status', '--json']);
  await command.end();
  return { pid: String(JSON.parse(command.stdout).listener_pid) };
}

function listenerUnder(monitor: number): string {
  const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim().split(' ');
  const isListener = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('listener.cjs');
  return children.find(isListener) ?? String(monitor);
}

/** Made for another server. */
function garbage(address: string): Buffer {
  const bytes = organisation.compose({ service: 'tcp/22', address });
  bytes[bytes.length - 1]! ^= 1;
  return bytes;
}
