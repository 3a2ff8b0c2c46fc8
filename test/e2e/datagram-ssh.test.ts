/** Signed datagrams from end to end: from `portknock ca init` to a session of the real ssh with the real sshd. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { Authority } from './harness/authority.js';
import { Daemon, type Settings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import type { Family, Host } from './harness/host.js';
import { missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { succeeds } from './harness/service.js';
import { SshServer } from './harness/ssh.js';

const clientPath = `${project}/dist/src/client/portknock.cjs`;
const notOpen = 3;
/** The shortest that can be configured is ten seconds. */
const longerThanRefresh = 30_000;

class Organisation {
  readonly network: Network;
  readonly authority: Authority;
  readonly daemon: Daemon;
  readonly sshd: SshServer;
  readonly #t: TestContext;

  static async create(
    t: TestContext,
    datagram: Settings = {},
    parts: { readonly network?: Network; readonly authority?: Authority } = {},
  ): Promise<Organisation> {
    const { network = await Network.create(t), authority = new Authority(t) } = parts;
    const sshd = await SshServer.start(t, network.server);
    const list = 'crl_url' in datagram ? {} : { crl_file: authority.revocationList };
    const daemon = await Daemon.start(t, network.server, {
      datagram: { ...authority.server(), ...list, ...datagram },
      doors: [{ name: 'ssh', services: ['tcp/22'] }],
      clients: [],
    });
    return new Organisation(t, network, authority, daemon, sshd);
  }

  private constructor(
    t: TestContext,
    network: Network,
    authority: Authority,
    daemon: Daemon,
    sshd: SshServer,
  ) {
    this.#t = t;
    this.network = network;
    this.authority = authority;
    this.daemon = daemon;
    this.sshd = sshd;
  }

  get server(): Host {
    return this.network.server;
  }

  /** A user's home with one profile in it. */
  employ(name: string, family: Family = 'ipv4'): Employee {
    const home = temporaryFolder(this.#t, 'home');
    return new Employee(this, home, this.authority.issue(name, ['tcp/22'], this.server[family]));
  }
}

class Employee {
  readonly #at: Organisation;
  readonly #home: string;
  readonly #profile: string;
  #isImported = false;

  constructor(at: Organisation, home: string, profile: string) {
    this.#at = at;
    this.#home = home;
    this.#profile = profile;
  }

  async #import(from: Host): Promise<void> {
    if (this.#isImported) return;
    this.#isImported = true;
    await succeeds(this.run(from, ['import', this.#profile, '--name', 'home']));
  }

  run(from: Host, argv: readonly string[]) {
    return from.namespace.start('env', [
      ...[`HOME=${this.#home}`, 'XDG_CONFIG_HOME=', 'XDG_STATE_HOME=', process.execPath, clientPath],
      ...argv,
    ]);
  }

  /** Has sshd run a command, through `portknock proxy`. */
  async ssh(from: Host, command: string, address = this.#at.server.ipv4, options: readonly string[] = []) {
    await this.#import(from);
    const proxy = ['env', `HOME=${this.#home}`, process.execPath, clientPath, 'proxy', 'home', '%h', '%p'];
    const proxyCommand = `ProxyCommand=${[...proxy, ...options].join(' ')}`;
    return this.#at.sshd.call(from, address, command, ['-o', proxyCommand]);
  }

  async getsIn(from: Host, address = this.#at.server.ipv4): Promise<void> {
    const call = await this.ssh(from, 'echo in', address);
    assert.equal((await call.end(20_000)).status, 0, call.output);
    assert.equal(call.stdout, 'in\n');
  }

  async staysOut(from: Host, address = this.#at.server.ipv4): Promise<void> {
    await this.#import(from);
    const knock = this.run(from, ['home', '--wait', '22', '--timeout', '600ms', '--retries', '0']);
    assert.equal((await knock.end(20_000)).status, notOpen, knock.output);
    assert.equal(await from.portState(address, 22), 'silent');
  }
}

/** A profile with a certificate of another authority, for the same server. */
function forged(t: TestContext, firm: Organisation, other: Authority): string {
  other.server('home');
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const own = read(other.issue('anna', ['tcp/22'], firm.server.ipv4));
  const { server_certificate } = read(firm.authority.issue('ben', ['tcp/22'], firm.server.ipv4));
  return writeSecret(
    temporaryFolder(t, 'forged'),
    'forged.json',
    JSON.stringify({ ...own, server_certificate }),
  );
}

const skip = missing('sshd', 'ssh', 'ssh-keygen');

describe('ssh with a certificate', { skip }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`gets in over ${family}; the log and status say who`, async t => {
      const firm = await Organisation.create(t);
      const client = await firm.network.addClient();
      const anna = firm.employ('anna', family);
      assert.equal(await client.portState(firm.server[family], 22), 'silent');
      await anna.getsIn(client, firm.server[family]);
      await firm.daemon.program?.line(/opened tcp\/22.*ssh.*cert:anna.*from/);
      const { stdout } = await succeeds(firm.daemon.command(['status', '--json']));
      const { last_knocks: knocks } = JSON.parse(stdout) as { last_knocks: Record<string, string>[] };
      const { outcome, door, client: name, source } = knocks[0]!;
      assert.deepEqual(
        { outcome, door, name, source },
        {
          ...{ outcome: 'opened', door: 'ssh', name: 'cert:anna' },
          source: client[family],
        },
      );
    });
  }

  test('stays out with the certificate of another authority', async t => {
    const firm = await Organisation.create(t);
    const client = await firm.network.addClient();
    // Its own client would not even send: it is the server that has to refuse.
    const right = firm.employ('anna');
    const other = new Authority(t);
    await new Employee(firm, temporaryFolder(t, 'home'), forged(t, firm, other)).staysOut(client);
    await firm.daemon.program?.line(/refused: unknown-client/);
    await right.getsIn(client);
  });

  test('a connection lives on when its opening and its certificate have ended', async t => {
    const firm = await Organisation.create(t, { open_for: '1s' });
    const client = await firm.network.addClient();
    const anna = firm.employ('anna');
    const call = await anna.ssh(client, 'echo in; read word; echo $word');
    await call.line(/^in$/);
    firm.authority.ask('revoke', 'anna');
    firm.daemon.program?.signal('SIGHUP');
    await firm.daemon.program?.line(/reloaded/);
    await eventually('closed', async () => (await client.portState(firm.server.ipv4, 22)) === 'silent');
    call.write('still\n');
    await call.line(/^still$/);
    assert.equal((await call.end()).status, 0, call.output);
  });

  test('behind NAT: refused by its word, and let in where another address is allowed', async t => {
    const firm = await Organisation.create(t);
    const { client, router } = await firm.network.addClientBehindRouter();
    const anna = firm.employ('anna');
    await anna.staysOut(client);
    await firm.daemon.program?.line(new RegExp(`refused: wrong-address: .* from ${router.ipv4} for ssh`));
    const other = await Organisation.create(t, { allow_other_address: true });
    const hidden = await other.network.addClientBehindRouter();
    await other.employ('anna').getsIn(hidden.client);
    assert.equal(await (await other.network.addClient()).portState(other.server.ipv4, 22), 'silent');
  });
});

/** Of the file that is its argument. */
const webServer = `
  const answer = (_, response) => response.end(require('node:fs').readFileSync(process.argv[1]));
  require('node:http').createServer(answer).listen(80, () => console.log('listening'));
`;

test('a list over http takes a client’s access away while the daemon runs', { skip }, async t => {
  const network = await Network.create(t);
  const authority = new Authority(t);
  const web = await network.addInnerHost();
  await web.namespace.start(process.execPath, ['-e', webServer, authority.revocationList]).line(/listening/);
  const firm = await Organisation.create(
    t,
    { crl_url: `http://${web.ipv4}/crl.pem`, crl_refresh: '10s', crl_required: true },
    { network, authority },
  );
  const client = await network.addClient();
  const [anna, ben] = [firm.employ('anna'), firm.employ('ben')];
  await firm.daemon.program?.line(/lists of revoked certificates: /);
  await anna.getsIn(client);
  authority.ask('revoke', 'anna');
  await eventually(
    'anna is refused',
    async () => {
      await anna.staysOut(await network.addClient());
      return firm.daemon.program?.output.includes('refused: revoked: cert:anna');
    },
    longerThanRefresh,
  );
  await ben.getsIn(await network.addClient());
});
