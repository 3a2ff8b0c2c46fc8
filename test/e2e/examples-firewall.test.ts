/** That the firewall scripts of examples/ hide a port, and that a knock opens it through open-door.sh, for a time. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import { converse, say, serveEcho } from './harness/echo.js';
import { temporaryFolder } from './harness/folder.js';
import type { Host } from './harness/host.js';
import { listenerUser, missing, notIsolated, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Program } from './harness/program.js';

const examples = `${project}/examples`;
const families = ['ipv4', 'ipv6'] as const;
const portknockd = `${project}/dist/src/daemon/portknockd.cjs`;
const ulogport = `${project}/dist/src/ulogport.cjs`;

/** How each firewall is loaded, what it needs, and how it shows the rules for answers. */
const firewalls = {
  nftables: {
    file: 'nftables/portknock.nft',
    load: ['nft', '-f'],
    needs: ['nft'],
    answers: 'nft list table inet firewall',
  },
  iptables: {
    file: 'iptables/portknock.sh',
    load: ['sh'],
    needs: ['iptables', 'ip6tables'],
    answers: 'iptables -S; ip6tables -S',
  },
} as const;
type Firewall = keyof typeof firewalls;

for (const name of ['nftables', 'iptables'] as const) {
  describe(name, { skip: missing('setpriv', ...firewalls[name].needs) }, () => {
    for (const family of families) {
      test(`a knock opens the port over ${family}, for its sender and for a time`, async t => {
        const { server, client, other, daemon, program } = await site(t, name, { openFor: '3s' });
        const address = server[family];
        assert.equal(await client.portState(address, 22), 'silent');
        const knock = daemon.knock(client, ['--wait', '22'], { address });
        assert.equal((await knock.end()).status, 0, knock.output);
        const echo = await converse(client, address);
        assert.equal(await other.portState(address, 22), 'silent');
        await program.line(/closed ssh/);
        assert.equal(await client.portState(address, 22), 'silent');
        // What was connected stays connected.
        await say(echo, 'still here');
      });
    }

    test('answers nobody else, and lets this machine out', async t => {
      const { server, client } = await site(t, name);
      await client.serve(80, 'outside');
      for (const family of families) {
        for (const port of [21, 22, 80, 40_000, 44_095]) {
          assert.equal(await client.portState(server[family], port, 150), 'silent', `${family} ${port}`);
        }
        assert.equal(await server.greeting(client[family], 80), 'outside');
      }
    });

    test('who administers needs no knock', async t => {
      const { server, client, other } = await site(t, name, {
        change: client =>
          readExample(firewalls[name].file)
            .replace('192.0.2.0/24', client.ipv4)
            .replace('2001:db8:1::/48', client.ipv6),
      });
      for (const family of families) {
        assert.equal(await client.portState(server[family], 22), 'open');
        assert.equal(await client.portState(server[family], 23), 'silent');
        assert.equal(await other.portState(server[family], 22), 'silent');
      }
    });

    test('answers pass also where connection tracking has forgotten the connection', async t => {
      const { server, client, daemon } = await site(t, name);
      await daemon.knock(client, ['--wait', '22']).end();
      const echo = await converse(client, server.ipv4);
      // As `conntrack -F` does: to the rules every packet is of no connection from now on.
      await server.namespace.nft(`table ip forgotten {
        chain in { type filter hook prerouting priority raw; tcp dport 22 notrack; }
        chain out { type filter hook output priority raw; tcp sport 22 notrack; }
      }`);
      await say(echo, 'untracked');
    });

    test('opens and closes twice as well as once, and leaves nothing', async t => {
      const { server } = await site(t, name);
      const rules = () => server.namespace.exec('sh', ['-c', firewalls[name].answers]);
      const before = await rules();
      const door = (action: string, address: string) =>
        server.namespace.exec('sh', [`${examples}/open-door.sh`, action, name, '22', address]);
      for (const address of ['10.77.1.2', 'fd77:1::2']) {
        await door('close', address);
        assert.equal(await rules(), before);
        await door('open', address);
        const once = await rules();
        assert.ok(once !== before && once.includes(address), once);
        await door('open', address);
        assert.equal(await rules(), once);
        await door('close', address);
        assert.equal(await rules(), before);
      }
    });
  });
}

describe('open-door.sh', { skip: notIsolated }, () => {
  for (const args of [
    ['open', 'nftables', '22'],
    ['open', 'nftables', '22', '192.0.2.1 }; flush ruleset #'],
    ['open', 'nftables', '22', '$(reboot)'],
    ['open', 'nftables', '22 }', '192.0.2.1'],
    ['open', 'iptables', '', '192.0.2.1'],
    ['open', 'iptables', '22', ''],
    ['open', 'iptables', '22', '-j'],
    ['open', 'ufw', '22', '192.0.2.1'],
    ['flush', 'nftables', '22', '192.0.2.1'],
  ]) {
    test(`refused: ${JSON.stringify(args)}`, async t => {
      const { server } = await Network.create(t);
      const program = server.namespace.start('sh', [`${examples}/open-door.sh`, ...args]);
      assert.equal((await program.end()).status, 2, program.output);
      assert.match(program.stderr, /^open-door\.sh: /);
    });
  }
});

function readExample(path: string): string {
  return readFileSync(join(examples, path), 'utf8');
}

/** A server behind a firewall of examples/, with open-door.toml and everything that it names; and two clients. */
async function site(
  t: TestContext,
  name: Firewall,
  { openFor = '30s', change }: { readonly openFor?: string; readonly change?: (client: Host) => string } = {},
) {
  const network = await Network.create(t);
  const { server } = network;
  const client = await network.addClient();
  const other = await network.addClient();
  const daemon = new Daemon(t, server);
  configure(daemon, name, openFor);
  const file = join(temporaryFolder(t, 'firewall'), 'firewall');
  writeFileSync(file, change?.(client) ?? readExample(firewalls[name].file));
  const [load = '', ...args] = firewalls[name].load;
  await server.namespace.exec(load, [...args, file]);
  await serveEcho(server);
  return { server, client, other, daemon, program: await listen(daemon) };
}

/** Puts open-door.toml in the place of the daemon's configuration. */
function configure(daemon: Daemon, name: Firewall, openFor: string): void {
  const script = join(daemon.folder, 'open-door.sh');
  copyFileSync(join(examples, 'open-door.sh'), script);
  const text = readExample('open-door.toml')
    .replaceAll('/usr/local/sbin/open-door.sh', script)
    .replaceAll('"nftables"', JSON.stringify(name))
    .replace('open_for = "30s"', `open_for = "${openFor}"`);
  writeFileSync(daemon.configFile, `state_directory = "state"\nuser = "${listenerUser()}"\n${text}`);
}

/** What the scripts say: `ulogport --group 5 | portknockd run --capture stdin`; both end with the shell. */
async function listen(daemon: Daemon): Promise<Program> {
  const both = 'setpriv --pdeathsig KILL -- "$0"';
  const pipe = `${both} "$1" --group 5 | ${both} "$2" run --capture stdin --config "$3"`;
  const args = ['-c', pipe, process.execPath, ulogport, portknockd, daemon.configFile];
  const program = daemon.host.namespace.start('sh', args);
  await program.line(/ready/);
  return program;
}
