/** Challenges from end to end: with the key that logs in, and nothing else, to a session of the real ssh with the real sshd. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Daemon } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import type { Host } from './harness/host.js';
import { missing, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { succeeds } from './harness/service.js';
import { SshServer } from './harness/ssh.js';

const clientPath = `${project}/dist/src/client/portknock.cjs`;
const challengePort = 61_007;
const notOpen = 3;

/** A server whose sshd and whose daemon let in the same keys. */
class Place {
  readonly network: Network;
  readonly sshd: SshServer;
  readonly daemon: Daemon;
  readonly authorizedKeys: string;
  readonly #home: string;

  static async create(t: TestContext): Promise<Place> {
    const network = await Network.create(t);
    const sshd = await SshServer.start(t, network.server);
    const authorizedKeys = join(temporaryFolder(t, 'john', 0o755), 'authorized_keys');
    copyFileSync(`${sshd.keyFile}.pub`, authorizedKeys);
    const daemon = await Daemon.start(t, network.server, {
      challenge: { port: challengePort },
      doors: [{ name: 'ssh', services: ['tcp/22'] }],
      clients: [{ name: 'john', ssh_keys: authorizedKeys }],
    });
    return new Place(network, sshd, daemon, authorizedKeys, temporaryFolder(t, 'home'));
  }

  private constructor(
    network: Network,
    sshd: SshServer,
    daemon: Daemon,
    authorizedKeys: string,
    home: string,
  ) {
    this.network = network;
    this.sshd = sshd;
    this.daemon = daemon;
    this.authorizedKeys = authorizedKeys;
    this.#home = home;
  }

  /** Gives `portknock` a profile that signs with the key that ssh logs in with. */
  async learn(from: Host): Promise<void> {
    const profile = {
      ...{ portknock: 1, name: 'home', method: 'challenge', host: this.network.server.ipv4 },
      ...{ port: challengePort, site_key: readFileSync(this.daemon.siteKeyFile, 'utf8').trim() },
      ...{ sign: { ssh: this.sshd.keyFile }, doors: { ssh: { services: ['tcp/22'] } } },
    };
    const file = writeSecret(this.#home, 'home.json', JSON.stringify(profile));
    await succeeds(this.run(from, ['import', file, '--force']));
  }

  run(from: Host, argv: readonly string[]) {
    return from.namespace.start('env', [
      ...[`HOME=${this.#home}`, 'XDG_CONFIG_HOME=', 'XDG_STATE_HOME='],
      ...[process.execPath, clientPath, ...argv],
    ]);
  }

  /** Has sshd run a command, through `portknock proxy`. */
  ssh(from: Host, command: string) {
    const proxy = ['env', `HOME=${this.#home}`, process.execPath, clientPath, 'proxy', 'home'];
    const options = ['-o', `ProxyCommand=${proxy.join(' ')} %h %p`];
    return this.sshd.call(from, this.network.server.ipv4, command, options);
  }

  async getsIn(from: Host): Promise<void> {
    const call = this.ssh(from, 'echo in');
    assert.equal((await call.end(20_000)).status, 0, call.output);
    assert.equal(call.stdout, 'in\n');
  }
}

const skip = missing('sshd', 'ssh', 'ssh-keygen');

describe('ssh with the key that it logs in with', { skip }, () => {
  test('gets in, and the log says who', async t => {
    const place = await Place.create(t);
    const client = await place.network.addClient();
    await place.learn(client);
    assert.equal(await client.portState(place.network.server.ipv4, 22), 'silent');
    await place.getsIn(client);
    await place.daemon.program?.line(/opened ssh for john/);
  });

  test('a connection lives on when its opening has ended and its key was taken out; a new one stays out', async t => {
    const place = await Place.create(t);
    const client = await place.network.addClient();
    await place.learn(client);
    const call = place.ssh(client, 'echo in; read word; echo $word');
    await call.line(/^in$/);
    writeFileSync(place.authorizedKeys, '');
    await place.daemon.program?.line(/keys read again: john: none/);
    await eventually(
      'closed',
      async () => (await client.portState(place.network.server.ipv4, 22)) === 'silent',
    );
    const again = ['home', '--wait', '22', '--timeout', '600ms', '--retries', '0'];
    const knock = place.run(client, again);
    assert.equal((await knock.end(20_000)).status, notOpen, knock.output);
    await place.daemon.program?.line(/refused: unknown-client/);
    call.write('still\n');
    await call.line(/^still$/);
    assert.equal((await call.end()).status, 0, call.output);
  });
});
