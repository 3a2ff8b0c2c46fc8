/** That the examples with named sets do what they say, in nftables and in iptables: John Doe's rules, NAT, and the way out. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Gnupg } from '../client/gnupg.js';
import { Daemon } from './harness/daemon.js';
import { converse, say, serveEcho } from './harness/echo.js';
import { eventually } from './harness/eventually.js';
import type { Host } from './harness/host.js';
import { listenerUser, missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { succeeds } from './harness/service.js';

const examples = `${project}/examples`;
const clientPath = `${project}/dist/src/client/portknock.cjs`;
const manyConnect = `${project}/dist/test/e2e/harness/manyconnect.js`;
const families = ['ipv4', 'ipv6'] as const;
const needs = { nftables: ['nft'], iptables: ['iptables', 'ip6tables', 'ipset'] } as const;
type Firewall = keyof typeof needs;

/** The example as it stands, but for folders, users and the names of interfaces. */
async function run(
  t: TestContext,
  server: Host,
  firewall: Firewall,
  name: string,
  files: Readonly<Record<string, Uint8Array>> = {},
) {
  const daemon = new Daemon(t, server, { clients: [{ name: 'guest', id: 7 }] });
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(daemon.folder, file), bytes);
  const text = readFileSync(`${examples}/${firewall}/${name}.toml`, 'utf8');
  writeFileSync(
    daemon.configFile,
    text.replace('/var/lib/portknock', 'state').replace('user = "portknock"', `user = "${listenerUser()}"`),
  );
  const place = (rules: string) => rules.replaceAll('eth1', 'down1').replaceAll('eth0', 'down3');
  if (firewall === 'nftables') {
    const rules = join(daemon.folder, `${name}.d`);
    cpSync(`${examples}/nftables/${name}.d`, rules, { recursive: true });
    for (const file of readdirSync(rules)) {
      const path = join(rules, file);
      writeFileSync(path, place(readFileSync(path, 'utf8')));
    }
  } else {
    const installed = await daemon.command(['firewall', 'install']).end();
    assert.equal(installed.status, 0, daemon.program?.output);
    const script = join(daemon.folder, `${name}.sh`);
    writeFileSync(script, place(readFileSync(`${examples}/iptables/${name}.sh`, 'utf8')));
    await server.namespace.exec('sh', [script]);
  }
  await daemon.run();
  return daemon;
}

for (const firewall of ['nftables', 'iptables'] as const) {
  describe(`${firewall}: John Doe`, { skip: missing('gpg', ...needs[firewall]) }, () => {
    for (const family of families) {
      test(`one connection for each knock, over ${family}`, async t => {
        const { server, john, other, daemon, knock } = await johnDoe(t, firewall);
        const address = server[family];
        assert.equal(await john.portState(address, 22), 'silent');
        await knock(address);
        assert.equal(await other.portState(address, 22), 'silent');
        const echo = await converse(john, address);
        assert.equal(await john.portState(address, 22), 'silent');
        // What is connected stays connected.
        await say(echo, 'still here');
        // The rest of the server is as it was.
        assert.equal(await other.greeting(address, 80), 'web');
        daemon.program?.forget();
        // A second knock is another; of many connections at once one gets in.
        await knock(address);
        assert.equal(await connectionsOf(john, address), 1);
      });
    }
  });

  describe(`${firewall}: a gateway`, { skip: missing(...needs[firewall]) }, () => {
    for (const family of families) {
      test(`lets one use NAT, and another send out, over ${family}`, async t => {
        const network = await Network.create(t);
        // Links in the order of their interfaces: down1 is inside, down3 outside.
        const guest = await network.addClient();
        const other = await network.addClient();
        const outside = await network.addInnerHost();
        const daemon = await run(t, network.server, firewall, 'gateway');
        const knock = async (command: number) => {
          daemon.program?.forget();
          const address = network.server[family];
          const { status } = await daemon.knock(guest, [], { address, command, client: 'guest' }).end();
          assert.equal(status, 0);
          await daemon.program?.line(/opened (?:nat|out) for guest/);
        };
        const address = outside[family];
        await outside.serve(80, 'outside');
        assert.equal(await guest.portState(address, 80), 'silent');
        const reaches = (host: Host) => () => host.greeting(address, 80);
        await eventually('what does not come from inside goes out', reaches(other));
        await knock(2);
        await eventually('the guest gets out', reaches(guest));
        // It takes connections from the gateway alone: the guest's own address is not let in.
        const hidden = family === 'ipv4' ? `ip saddr ${guest.ipv4}` : `ip6 saddr ${guest.ipv6}`;
        await outside.namespace.nft(
          `table inet hidden { chain in { type filter hook input priority filter; ${hidden} drop; }; }`,
        );
        assert.equal(await guest.portState(address, 80), 'silent');
        await knock(1);
        await eventually('the guest is hidden', reaches(guest));
        const closed = await daemon.command(['close', 'nat', guest[family]]).end();
        assert.equal(closed.status, 0);
        assert.equal(await guest.portState(address, 80), 'silent');
      });
    }
  });
}

/** How many of 200 connections that are begun at once get in. */
async function connectionsOf(john: Host, address: string): Promise<number> {
  const programs = [1, 2, 3, 4].map(() =>
    john.namespace.start(process.execPath, [manyConnect, address, '22', '50', '1500']),
  );
  const ends = await Promise.all(programs.map(program => program.end()));
  assert.equal(ends.map(({ status }) => status).join(), '0,0,0,0');
  return programs.flatMap(({ stdout }) => stdout.match(/connected/g) ?? []).length;
}

async function johnDoe(t: TestContext, firewall: Firewall) {
  const network = await Network.create(t);
  const { server } = network;
  const john = await network.addClient();
  const other = await network.addClient();
  await server.serve(80, 'web');
  await serveEcho(server);
  const gnupg = new Gnupg(t);
  const user = 'John Doe <john@doe.com>';
  gnupg.generate(user, 'ed25519');
  const daemon = await run(t, server, firewall, 'john-doe', { 'john-doe.asc': gnupg.publicKey(user) });
  const environment = `GNUPGHOME=${gnupg.home}`;
  const options = ['--port', '62462', '--site-key-file', daemon.siteKeyFile, '--user', user];
  const knock = async (address: string) => {
    daemon.program?.forget();
    const command = ['challenge', address, 'ssh', ...options];
    await succeeds(john.namespace.start('env', [environment, process.execPath, clientPath, ...command]));
    await daemon.program?.line(/opened ssh for john-doe/);
  };
  return { server, john, other, daemon, knock };
}
