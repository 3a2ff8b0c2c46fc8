/** Sequence numbers from end to end: the real ssh through `portknock connect` and `proxy`, the real sshd, the real daemon. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { Daemon, type DaemonSettings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import type { Family, Host } from './harness/host.js';
import { missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Program } from './harness/program.js';
import { succeeds } from './harness/service.js';
import { SshServer } from './harness/ssh.js';

const clientPath = `${project}/dist/src/client/portknock.cjs`;
const door = { name: 'ssh', services: ['tcp/22'], sequence_number: true };
const key = 'correct horse battery staple';
const notOpen = 3;

interface Machines {
  readonly server: Host;
  readonly client: Host;
  readonly daemon: Daemon;
  readonly sshd: SshServer;
}

/** A daemon whose client is `laptop`, and more of them where named, with the key in `NAME.psk`. */
async function guarded(
  t: TestContext,
  settings: DaemonSettings = {},
  others: readonly string[] = [],
): Promise<Machines> {
  const network = await Network.create(t);
  const { server } = network;
  const client = await network.addClient();
  const sshd = await SshServer.start(t, server);
  const daemon = await startDaemon(t, server, settings, others);
  return { server, client, daemon, sshd };
}

async function startDaemon(
  t: TestContext,
  server: Host,
  settings: DaemonSettings,
  others: readonly string[] = [],
): Promise<Daemon> {
  const names = ['laptop', ...others];
  const clients = names.map(name => ({ name, psk_file: `${name}.psk` }));
  const daemon = new Daemon(t, server, { doors: [door], clients, ...settings });
  for (const name of names) writeSecret(daemon.folder, `${name}.psk`, `${keyOf(name)}\n`);
  await daemon.run();
  return daemon;
}

function keyOf(name: string): string {
  return name === 'laptop' ? key : `${key} of ${name}`;
}

/** A user's machine: the same key on another one remembers nothing of what this one has used. */
class User {
  readonly #machines: Machines;
  readonly #from: Host;
  readonly #keyFile: string;
  readonly #home: string;

  constructor(t: TestContext, machines: Machines, psk = key, from = machines.client) {
    this.#machines = machines;
    this.#from = from;
    this.#home = temporaryFolder(t, 'home');
    this.#keyFile = writeSecret(this.#home, 'key', `${psk}\n`);
  }

  /** Has sshd run a command. */
  ssh(
    command: string,
    options: readonly string[] = [],
    address = this.#machines.server.ipv4,
    configuration: readonly string[] = [],
  ): Program {
    const proxy = [
      ...['env', `XDG_STATE_HOME=${this.#home}/state`, process.execPath, clientPath],
      ...['connect', '%h', '%p', '--psk-file', this.#keyFile, ...options],
    ];
    const settings = ['-o', `ProxyCommand=${proxy.join(' ')}`, ...configuration];
    return this.#machines.sshd.call(this.#from, address, command, settings);
  }

  /** `portknock connect` alone, to its end. */
  async connect(options: readonly string[] = [], address = this.#machines.server.ipv4, port = 22) {
    const argv = ['connect', address, String(port), '--psk-file', this.#keyFile, ...options];
    const env = { XDG_STATE_HOME: `${this.#home}/state` };
    const program = this.#from.namespace.start(process.execPath, [clientPath, ...argv], { env, input: '' });
    return { program, ...(await program.end(20_000)) };
  }

  async getsIn(options: readonly string[] = [], address = this.#machines.server.ipv4): Promise<void> {
    const call = this.ssh('echo in', options, address);
    assert.equal((await call.end(20_000)).status, 0, call.output);
    assert.equal(call.stdout, 'in\n');
  }

  async staysOut(options: readonly string[] = [], address = this.#machines.server.ipv4): Promise<void> {
    const { program, status } = await this.connect(['--timeout', '600ms', ...options], address);
    assert.equal(status, notOpen, program.output);
    assert.equal(program.stdout, '');
  }
}

const skip = missing('sshd', 'ssh', 'ssh-keygen');

describe('ssh through portknock connect', { skip }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`gets in over ${family}; the log, status and explain's words say who`, async t => {
      const machines = await guarded(t);
      const { server, client, daemon } = machines;
      const address = server[family];
      assert.equal(await client.portState(address, 22), 'silent');
      await new User(t, machines).getsIn([], address);
      await daemon.program?.line(new RegExp(`opened ssh for laptop from ${client[family].slice(0, 4)}`));
      const { stdout } = await succeeds(daemon.command(['status', '--json']));
      const { last_knocks: knocks } = JSON.parse(stdout) as { last_knocks: Record<string, string>[] };
      assert.deepEqual(
        knocks.map(({ outcome, door, client: name, source }) => ({ outcome, door, name, source })),
        [{ outcome: 'opened', door: 'ssh', name: 'laptop', source: client[family] }],
      );
      assert.equal(await client.portState(address, 22), 'silent');
    });
  }

  test('gets in by a connection that is handed over, and nothing of ours stays between', async t => {
    const machines = await guarded(t);
    const call = new User(t, machines).ssh('echo in; read word; echo $word', ['--fdpass'], undefined, [
      ...['-o', 'ProxyUseFdpass=yes'],
    ]);
    await call.line(/^in$/);
    const children = readFileSync(`/proc/${call.pid}/task/${call.pid}/children`, 'utf8');
    assert.equal(children, '');
    call.write('still\n');
    await call.line(/^still$/);
    assert.equal((await call.end()).status, 0, call.output);
  });

  test('stays out with a wrong key, a wrong period, a number for another port, or none', async t => {
    const machines = await guarded(t);
    await new User(t, machines, 'incorrect horse battery staple').staysOut();
    const user = () => new User(t, machines);
    await user().staysOut(['--period', '29s']);
    await user().staysOut(['--mac-port', '2222']);
    assert.equal(await machines.client.portState(machines.server.ipv4, 22), 'silent');
    await user().getsIn();
  });

  test('the same number again stays out, and the next one of the same key gets in', async t => {
    const settings = { sequenceNumber: { period: '1h', tolerance: '1h' } };
    const machines = await guarded(t, settings);
    const periods = ['--period', '1h', '--tolerance', '1h'];
    await new User(t, machines).getsIn(periods);
    // Another machine with the same key knows nothing of that, and tries the next number by itself.
    const second = new User(t, machines);
    await second.staysOut(periods);
    await machines.daemon.program?.line(/refused: replayed: laptop/);
    await second.getsIn(periods);
  });

  test('clocks may be off by the tolerance, and not by a period more', async t => {
    const sequenceNumber = { period: '30s', tolerance: '30s' };
    const machines = await guarded(t, { sequenceNumber });
    for (const offset of ['30s', '-30s']) await new User(t, machines).getsIn(['--clock-offset', offset]);
    for (const offset of ['65s', '-65s'])
      await new User(t, machines).staysOut(['--clock-offset', offset, '--tolerance', '0s']);
    const stale = await machines.daemon.program?.line(/refused: stale: laptop/);
    assert.match(stale ?? '', /its clock is .* (ahead of|behind) ours/);
  });

  test('several clients at once each get in', async t => {
    const names = ['anna', 'ben', 'carla', 'david', 'emil'];
    const machines = await guarded(t, {}, names);
    const calls = names.map(name => new User(t, machines, keyOf(name)).getsIn());
    await Promise.all(calls);
    for (const name of names) await machines.daemon.program?.line(new RegExp(`opened ssh for ${name} from`));
  });

  test('behind a forwarded port, by `port` on the server or --mac-port on the client', async t => {
    const network = await Network.create(t);
    const inner = await network.addInnerHost();
    const client = await network.addClient();
    await network.forward(2200, inner, 22);
    const sshd = await SshServer.start(t, inner);
    const daemon = await startDaemon(t, inner, { sequenceNumber: { port: 2200 } });
    const machines = { server: network.server, client, daemon, sshd };
    const outside = await new User(t, machines).connect(['--timeout', '600ms'], network.server.ipv4, 2200);
    assert.match(outside.program.stdout, /^SSH-/, outside.program.output);
    const inside = await new User(t, machines).connect(['--timeout', '600ms'], inner.ipv4, 22);
    assert.equal(inside.status, notOpen);
    const told = await new User(t, machines).connect(
      ['--timeout', '600ms', '--clock-offset', '30s', '--mac-port', '2200'],
      network.server.ipv6,
      2200,
    );
    assert.match(told.program.stdout, /^SSH-/, told.program.output);
  });
});

describe('a session that stands', { skip }, () => {
  test('lives through new periods, a restart and the death of the daemon', async t => {
    const machines = await guarded(t, { sequenceNumber: { period: '1s', tolerance: '1s' } });
    const { daemon } = machines;
    const session = new User(t, machines).ssh('cat', ['--period', '1s', '--tolerance', '1s']);
    let said = 0;
    const answers = async () => {
      session.write(`line ${++said}\n`);
      await session.line(new RegExp(`^line ${said}$`));
    };
    await answers();
    // Three periods and more: every number that was good at its begin is gone.
    for (const end = Date.now() + 3500; Date.now() < end; ) await answers();
    await daemon.program?.stop();
    await answers();
    await daemon.run();
    await answers();
    await daemon.program?.kill();
    await answers();
    await daemon.run();
    await answers();
    session.closeInput();
    assert.equal((await session.end()).status, 0);
  });

  test('a number that was used before a restart or a kill stays used', async t => {
    const settings = { sequenceNumber: { period: '1h', tolerance: '0s' } };
    const machines = await guarded(t, settings);
    const { daemon } = machines;
    const periods = ['--period', '1h', '--tolerance', '0s'];
    await new User(t, machines).getsIn(periods);
    for (const end of ['stop', 'kill'] as const) {
      await daemon.program?.[end]();
      await daemon.run();
      await new User(t, machines).staysOut(periods);
    }
  });
});

describe('portknock proxy', { skip }, () => {
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  for (const family of families) {
    test(`takes a profile from client add to ssh over ${family}`, async t => {
      const machines = await guarded(t);
      const { server, client, daemon, sshd } = machines;
      const home = temporaryFolder(t, 'home');
      const added = await succeeds(
        daemon.command(['client', 'add', 'tablet', '--door', 'ssh', '--host', server[family]]),
      );
      assert.equal((JSON.parse(added.stdout) as { method: string }).method, 'sequence-number');
      const env = { XDG_CONFIG_HOME: `${home}/config`, XDG_STATE_HOME: `${home}/state` };
      const argv = [clientPath, 'import', '-', '--name', 'home'];
      await client.namespace.exec(process.execPath, argv, { env, input: added.stdout });
      const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const proxy = ['env', ...words, process.execPath, clientPath, 'proxy', 'home', '%h', '%p'];
      const call = sshd.call(client, server[family], 'cat', ['-o', `ProxyCommand=${proxy.join(' ')}`]);
      call.write('x'.repeat(100_000));
      call.closeInput();
      assert.equal((await call.end(20_000)).status, 0, call.stderr);
      assert.equal(call.stdout.length, 100_000);
      await eventually('who came in is known', () =>
        daemon.program?.stderr.includes('opened ssh for tablet'),
      );
    });
  }
});
