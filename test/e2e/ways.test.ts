/** The ways in: ssh through the proxy, hit lines instead of NFLOG, classic knocks, raw sockets, command doors. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import { listenerUser, missing, notIsolated, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { greeting, opens, plain, succeeds } from './harness/service.js';
import { SshServer } from './harness/ssh.js';

const ssh = { name: 'ssh', command: 1, services: ['tcp/22'], open_for: '30s' };
const clientPath = `${project}/dist/src/client/portknock.cjs`;

describe('ssh through portknock proxy', { skip: missing('sshd', 'ssh', 'ssh-keygen') }, () => {
  for (const single_use of [false, true]) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      test(`gets in over ${family}${single_use ? ', for single use' : ''}, with a profile from client add`, async t => {
        const network = await Network.create(t);
        const { server } = network;
        const client = await network.addClient();
        const sshd = await SshServer.start(t, server);
        const daemon = await Daemon.start(t, server, { doors: [{ ...ssh, single_use }] });
        const home = temporaryFolder(t, 'home');
        const added = await succeeds(
          daemon.command(['client', 'add', 'tablet', '--door', 'ssh', '--host', server[family]]),
        );
        const env = {
          HOME: home,
          XDG_CONFIG_HOME: join(home, 'config'),
          XDG_STATE_HOME: join(home, 'state'),
        };
        await client.namespace.exec(process.execPath, [clientPath, 'import', '-', '--name', 'home'], {
          env,
          input: added.stdout,
        });
        assert.equal(await client.portState(server[family], 22), 'silent');
        const proxy = `ProxyCommand=env HOME=${home} XDG_CONFIG_HOME=${env.XDG_CONFIG_HOME} XDG_STATE_HOME=${env.XDG_STATE_HOME} ${process.execPath} ${clientPath} proxy home %h %p`;
        const call = sshd.call(client, server[family], 'cat; echo done', ['-o', proxy]);
        call.write('x'.repeat(100_000));
        call.closeInput();
        assert.equal((await call.end(20_000)).status, 0, call.stderr);
        assert.equal(call.stdout.length, 100_005);
        const other = await network.addClient();
        assert.equal(await other.portState(server[family], 22), 'silent');
        await succeeds(daemon.command(['close', 'ssh', client[family]]));
        assert.equal(await client.portState(server[family], 22), 'silent');
      });
    }
  }
});

describe('a classic client', { skip: notIsolated }, () => {
  for (const spelling of ['ordered', 'spread'] as const) {
    test(`gets in by passphrase, ${spelling}, and the daemon warns that anyone can repeat it`, async t => {
      const { server, client } = await plain(t);
      const folder = temporaryFolder(t, 'classic');
      const file = writeSecret(folder, 'old.pass', 'an old passphrase\n');
      const clients = [{ name: 'old', doors: ['ssh'], classic_passphrase_file: file }];
      const doors = [{ ...ssh, open_for: '1s' }];
      const daemon = await Daemon.start(t, server, { doors, clients, spelling });
      assert.match(daemon.program?.stderr ?? '', /warning: client "old" knocks with classic blocks/);
      const argv = [clientPath, server.ipv4, '40000', '1', '--classic-passphrase-file', file];
      const knock = () => client.namespace.exec(process.execPath, [...argv, '--spelling', spelling]);
      await knock();
      await opens(client, server);
      await eventually('closes', async () => (await client.portState(server.ipv4, 22)) === 'silent');
      await knock();
      await opens(client, server);
    });
  }
});

describe('the client', { skip: notIsolated }, () => {
  test('knocks through a raw socket, and waits until the port is open', async t => {
    const { server, client } = await plain(t);
    const daemon = await Daemon.start(t, server);
    for (const address of [server.ipv4, server.ipv6]) {
      const knock = await succeeds(daemon.knock(client, ['--raw', '--wait', '22', '--json'], { address }));
      const result = JSON.parse(knock.stdout) as { opened: string; wait_ms: number };
      assert.equal(result.opened, address);
      assert(result.wait_ms < 5000, knock.stdout);
    }
  });

  test('says so when the port does not open, with status 3', async t => {
    const { server, client } = await plain(t);
    const daemon = await Daemon.start(t, server, { clients: [{ name: 'laptop', id: 7, revoked: true }] });
    const knock = daemon.knock(client, ['--wait', '22', '--timeout', '1500ms']);
    assert.equal((await knock.end()).status, 3, knock.output);
  });
});

describe('hit lines', { skip: notIsolated }, () => {
  test('from ulogport through a pipe', async t => {
    const { server, client } = await plain(t);
    const daemon = new Daemon(t, server);
    const pipe = server.namespace.start('sh', [
      '-c',
      '"$0" "$1/ulogport.cjs" --group 5 | "$0" "$1/daemon/portknockd.cjs" run --capture stdin --config "$2"',
      process.execPath,
      `${project}/dist/src`,
      daemon.configFile,
    ]);
    await pipe.line(/ready.*standard input/);
    if (listenerUser() === 'nobody') {
      const pids = await server.namespace.exec('pgrep', ['-u', 'nobody', '-f', '^ulogport']);
      assert.match(pids, /^\d+\n$/);
    }
    for (const address of [server.ipv4, server.ipv6]) {
      await succeeds(daemon.knock(client, ['--wait', '22'], { address }));
    }
    const { pid } = JSON.parse((await succeeds(daemon.command(['status', '--json']))).stdout) as {
      pid: number;
    };
    process.kill(pid, 'SIGKILL');
    // ulogport sees its reader go, though no packet comes.
    await pipe.end();
  });

  test('from a FIFO whose writers come and go, and from a file that grows', async t => {
    const { server, client } = await plain(t);
    const folder = temporaryFolder(t, 'hits', 0o755);
    const fifo = join(folder, 'fifo');
    const file = join(folder, 'file');
    execFileSync('mkfifo', [fifo]);
    writeFileSync(file, '# begun\n');
    for (const path of [fifo, file]) {
      const daemon = await Daemon.start(t, server, {
        capture: { from: path },
        doors: [{ ...ssh, open_for: '1s' }],
      });
      for (let round = 0; round < 2; round++) {
        const ports = await succeeds(daemon.knock(client, ['--dry-run']));
        const lines = ports.stdout
          .trim()
          .split('\n')
          .map(port => `${port} ${client.ipv4}\n`);
        await server.namespace.exec('sh', ['-c', 'cat >> "$0"', path], {
          input: `nonsense\n${lines.join('')}`,
        });
        await opens(client, server);
        await eventually('closes', async () => (await client.portState(server.ipv4, 22)) === 'silent');
      }
      const status = await succeeds(daemon.command(['status', '--json']));
      assert.match(status.stdout, /"malformed": 2/);
      await daemon.program?.stop();
    }
  });

  test('until standard input ends, which ends the daemon', async t => {
    const { server, client } = await plain(t);
    const daemon = new Daemon(t, server);
    const ports = await succeeds(daemon.knock(client, ['--dry-run']));
    const input = ports.stdout
      .trim()
      .split('\n')
      .map(port => `${port} ${client.ipv4}\n`)
      .join('');
    const argv = [
      `${project}/dist/src/daemon/portknockd.cjs`,
      'run',
      '--capture',
      'stdin',
      '--config',
      daemon.configFile,
    ];
    const program = server.namespace.start(process.execPath, argv, { input });
    assert.equal((await program.end()).status, 0, program.output);
    assert.match(program.stderr, /opened ssh for laptop[\s\S]*the capture has ended/);
    assert.equal(await client.greeting(server.ipv4, 22), greeting);
  });
});

describe('a command door', { skip: notIsolated }, () => {
  const script = (folder: string, name: string, body: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  test('runs its command, and the closing one when its time is over', async t => {
    const { server, client } = await plain(t);
    const folder = temporaryFolder(t, 'door', 0o755);
    const log = join(folder, 'log');
    const run = script(folder, 'run', `echo "run $* $PORTKNOCK_CLIENT" >> ${log}; echo spoken`);
    const closing = script(folder, 'close', `echo "close $*" >> ${log}`);
    const doors = [
      {
        name: 'backup',
        command: 2,
        run: [run, '{source}', '{door}'],
        close_run: [closing, '{client}'],
        open_for: '1s',
      },
    ];
    const daemon = await Daemon.start(t, server, { doors });
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/door backup: spoken/);
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/extended backup/);
    await daemon.program?.line(/closed backup for laptop/);
    assert.equal(readFileSync(log, 'utf8'), `run ${client.ipv4} backup laptop\nclose laptop\n`);
  });

  test('is closed when its client is removed', async t => {
    const { server, client } = await plain(t);
    const doors = [
      { name: 'backup', command: 2, run: ['/bin/true'], close_run: ['/bin/echo', 'shut'], open_for: '10m' },
    ];
    const daemon = await Daemon.start(t, server, { doors });
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/ran backup/);
    await succeeds(daemon.command(['client', 'remove', 'laptop']));
    await daemon.program?.line(/door backup: shut/);
    await daemon.program?.line(/closed backup for laptop/);
  });

  test('that is missing, fails or hangs harms nothing else', async t => {
    const { server, client } = await plain(t);
    const folder = temporaryFolder(t, 'door', 0o755);
    const doors = [
      ssh,
      { name: 'missing', command: 2, run: ['/no/such/program'] },
      { name: 'failing', command: 3, run: [script(folder, 'fail', 'echo why >&2; exit 3')] },
      {
        name: 'hanging',
        command: 4,
        run: [script(folder, 'hang', 'trap "" TERM; sleep 60')],
        time_limit: '300ms',
      },
    ];
    const daemon = await Daemon.start(t, server, { doors });
    for (const command of [2, 3, 4, 1]) await succeeds(daemon.knock(client, [], { command }));
    await daemon.program?.line(/missing: \/no\/such\/program was not started: there is no such program/);
    await daemon.program?.line(/failing: why/);
    await daemon.program?.line(/ended with status 3/);
    await daemon.program?.line(/took longer than its time limit/);
    await opens(client, server);
  });

  test('is refused on a full disk, and so says the log', async t => {
    const { server, client } = await plain(t);
    let state = '';
    // Before the folder that it is in: what is to be undone is undone in this order.
    t.after(() => execFileSync('umount', ['--lazy', state]));
    const folder = temporaryFolder(t, 'full', 0o755);
    state = join(folder, 'state');
    mkdirSync(state);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=5m,mode=700', 'tmpfs', state]);
    const marker = join(folder, 'ran');
    const run = script(folder, 'run', `touch ${marker}`);
    const doors = [ssh, { name: 'backup', command: 2, run: [run], close_run: ['/bin/true'] }];
    const daemon = await Daemon.start(t, server, { doors, top: { state_directory: state } });
    execFileSync('sh', ['-c', 'head -c 4m /dev/zero > "$0/filler" || true', state], { stdio: 'ignore' });
    await succeeds(daemon.knock(client, [], { command: 2 }));
    await daemon.program?.line(/cannot open backup.*ENOSPC/);
    assert.equal(existsSync(marker), false);
    // The ledger has had its place on the disk from the start.
    await succeeds(daemon.knock(client));
    await opens(client, server);
  });
});
