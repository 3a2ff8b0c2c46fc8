/** Challenges from end to end: from `portknockd client add` to a session of the real ssh, by the keys that people have. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Gnupg } from '../client/gnupg.js';
import { SshAgent } from '../client/sshagent.js';
import { Daemon, type NamedSettings, type Settings } from './harness/daemon.js';
import { temporaryFolder } from './harness/folder.js';
import type { Family, Host } from './harness/host.js';
import { missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import type { Program } from './harness/program.js';
import { greeting, plain, succeeds } from './harness/service.js';
import { SshServer } from './harness/ssh.js';

const clientPath = `${project}/dist/src/client/portknock.cjs`;
const port = 54_321;
const ssh = { name: 'ssh', services: ['tcp/22'], open_for: '30s' };

/** Somebody with a home of their own. */
class Person {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #host: Host;

  constructor(t: TestContext, host: Host, env: Readonly<Record<string, string>>) {
    this.#host = host;
    this.folder = temporaryFolder(t, 'home');
    const [config, state] = [join(this.folder, 'config'), join(this.folder, 'state')];
    this.env = { HOME: this.folder, XDG_CONFIG_HOME: config, XDG_STATE_HOME: state, ...env };
  }

  portknock(argv: readonly string[], input = ''): Program {
    const options = { env: this.env, input };
    return this.#host.namespace.start(process.execPath, [clientPath, ...argv], options);
  }

  /** For the command line of ssh. */
  proxy(profile: string): string {
    const env = Object.entries(this.env).map(([name, value]) => `${name}=${value}`);
    return `ProxyCommand=env ${env.join(' ')} ${process.execPath} ${clientPath} proxy ${profile} %h %p`;
  }
}

function challenged(
  t: TestContext,
  host: Host,
  more: { challenge?: Settings; clients?: readonly NamedSettings[]; single_use?: boolean } = {},
): Promise<Daemon> {
  const { challenge = {}, clients = [], single_use = false } = more;
  const doors = [{ ...ssh, single_use }];
  const settings = { port, site_key_file: 'site.key', ...challenge };
  return Daemon.start(t, host, { doors, clients, challenge: settings });
}

describe('an SSH key that opens the door and logs in', { skip: missing('sshd', 'ssh', 'ssh-agent') }, () => {
  for (const [family, single_use] of [
    ['ipv4', false],
    ['ipv6', true],
  ] as const satisfies readonly [Family, boolean][]) {
    test(`over ${family}${single_use ? ', for single use' : ''}, with a profile from client add`, async t => {
      const network = await Network.create(t);
      const { server } = network;
      const client = await network.addClient();
      const sshd = await SshServer.start(t, server);
      const agent = await SshAgent.start(t, temporaryFolder(t, 'a'));
      agent.add(sshd.keyFile);
      const daemon = await challenged(t, server, { single_use });
      const key = `${sshd.keyFile}.pub`;
      const argv = ['client', 'add', 'john', '--door', 'ssh', '--ssh-keys', key, '--host', server[family]];
      const added = await succeeds(daemon.command(argv));
      const john = new Person(t, client, agent.environment);
      await succeeds(john.portknock(['import', '-', '--name', 'work'], added.stdout));
      assert.equal(await client.portState(server[family], 22), 'silent');
      const call = sshd.call(client, server[family], 'cat; echo done', ['-o', john.proxy('work')]);
      call.write('x'.repeat(100_000));
      call.closeInput();
      assert.equal((await call.end(20_000)).status, 0, call.stderr);
      assert.equal(call.stdout.length, 100_005);
      const other = await network.addClient();
      assert.equal(await other.portState(server[family], 22), 'silent');
    });
  }
});

describe('gpg', { skip: missing('gpg') }, () => {
  test('opens the door for a user id of the keyring, and for nobody else’s', async t => {
    const { server, client } = await plain(t);
    const gnupg = new Gnupg(t);
    gnupg.generate('John Doe <john@doe.com>', 'ed25519');
    gnupg.generate('Mallory <m@doe.com>', 'ed25519');
    const keyring = join(temporaryFolder(t, 'keyring', 0o755), 'keys.gpg');
    writeFileSync(keyring, gnupg.publicKey('John'));
    const clients = [{ name: 'john', openpgp: 'John Doe <john@doe.com>' }];
    const daemon = await challenged(t, server, { challenge: { keyring }, clients });
    const person = new Person(t, client, { ...gnupg.environment, SSH_AUTH_SOCK: '' });
    const form = [
      'challenge',
      server.ipv4,
      'ssh',
      '--port',
      String(port),
      '--site-key-file',
      daemon.siteKeyFile,
    ];
    const wait = ['--wait', '22', '--timeout', '1500ms', '--json'];
    const refused = person.portknock([...form, '--user', 'Mallory', ...wait]);
    assert.equal((await refused.end()).status, 3, refused.output);
    await daemon.program!.line(/refused: unknown-client: somebody from 10\.77\.1\.2 for ssh/);
    const knock = await succeeds(person.portknock([...form, '--user', 'John', '--wait', '22', '--json']));
    assert.equal((JSON.parse(knock.stdout) as { opened: string }).opened, server.ipv4);
    assert.equal(await client.greeting(server.ipv4, 22), greeting);
    await daemon.program!.line(/opened ssh for john .*from 10\.77\.1\.2: tcp\/22/);
    const secret = gnupg.secretKey('John');
    await succeeds(daemon.command(['close', 'ssh', client.ipv4]));
    await succeeds(person.portknock([...form, '--key-file', secret, '--wait', '22']));
  });

  test('a server that does not answer: another site key, another door, a firewall of one’s own', async t => {
    const { server, client } = await plain(t);
    const daemon = await challenged(t, server);
    const person = new Person(t, client, { SSH_AUTH_SOCK: '' });
    const other = new Daemon(t, server);
    const gnupg = new Gnupg(t);
    gnupg.generate('John Doe', 'ed25519');
    const key = ['--key-file', gnupg.secretKey('John')];
    const strange = [
      ['ssh', other.siteKeyFile],
      ['web', daemon.siteKeyFile],
    ] as const;
    const ask = (door: string, siteKeyFile: string, to = port) => {
      const site = ['--port', String(to), '--site-key-file', siteKeyFile];
      return person.portknock(['challenge', server.ipv4, door, ...site, ...key]);
    };
    const asked = strange.map(([door, siteKeyFile]) => ask(door, siteKeyFile));
    const input = 'table inet own { chain out { type filter hook output priority 0; udp dport 9 drop; }; }';
    await client.namespace.exec('nft', ['-f', '-'], { input });
    const unsent = ask('ssh', daemon.siteKeyFile, 9);
    for (const each of asked) {
      assert.equal((await each.end(20_000)).status, 1, each.output);
      assert.match(each.stderr, /error: no answer from 10\.\S+, UDP port 54321\n.*hint: whatever is wrong/);
    }
    assert.equal((await unsent.end(20_000)).status, 1, unsent.output);
    assert.match(
      unsent.stderr,
      /error: no answer from 10\.\S+ \(EPERM\), UDP port 9\n.*hint: nothing was sent: let UDP to port 9 out/,
    );
  });

  test('where the server sees another address than the own public one, that is said', async t => {
    const { server, client } = await plain(t);
    const gnupg = new Gnupg(t);
    gnupg.generate('John Doe', 'ed25519');
    const keyring = join(temporaryFolder(t, 'keyring', 0o755), 'keys.gpg');
    writeFileSync(keyring, gnupg.publicKey('John'));
    const clients = [{ name: 'john', openpgp: 'John Doe' }];
    const daemon = await challenged(t, server, { challenge: { keyring }, clients });
    const { namespace } = client;
    await namespace.ip('address add 45.67.89.1/32 dev lo');
    await namespace.ip(`route add ${server.ipv4}/32 dev uplink via 10.77.1.1 src 45.67.89.1`);
    const input = 'table ip nat { chain out { type nat hook postrouting priority 100; masquerade; }; }';
    await namespace.exec('nft', ['-f', '-'], { input });
    const person = new Person(t, client, gnupg.environment);
    const site = ['--port', String(port), '--site-key-file', daemon.siteKeyFile];
    const asked = person.portknock(['challenge', server.ipv4, 'ssh', ...site, '--user', 'John']);
    await succeeds(asked);
    assert.match(
      asked.stderr,
      /^portknock: warning: \S+ sees 10\.77\.1\.2, and the own address is 45\.67\.89\.1: it is opened for the former$/m,
    );
    await daemon.program!.line(/opened ssh for john .*from 10\.77\.1\.2/);
  });
});
