/** Certificates that are revoked while the daemon runs: by a file and by servers, at once, on time, and over restarts. */
import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pointOf } from '../../src/crypto/agreement.js';
import { composeDatagram } from '../../src/methods/datagram/compose.js';
import { parseAddress } from '../../src/net/address.js';
import { tcp } from '../../src/net/packet.js';
import { Authority } from '../daemon/certified.js';
import { Certified } from './harness/certified.js';
import { eventually } from './harness/eventually.js';
import { notIsolated, project } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { send } from './harness/organisation.js';
import type { Program, Scope } from './harness/program.js';

const servingPath = `${project}/dist/test/e2e/harness/listprogram.js`;
const trustFile = '/etc/ssl/certs/ca-certificates.crt';
const web = '[[door]]\nname = "web"\nservices = ["tcp/80"]\n';
const url = 'http://127.0.0.1:8000/crl';
const dates = { from: '20260101000000Z', to: '20360101000000Z' };

/** A server with a service, and a client whose certificate allows it and has a serial number that begins with zeros. */
class Scene {
  readonly authority = new Authority('Test CA', dates);
  readonly list: string;
  daemon!: Certified;
  time = Math.floor(Date.now() / 1000);
  network!: Network;
  client!: Awaited<ReturnType<Network['addClient']>>;

  constructor() {
    this.authority.issue('server', { alternative: 'IP:127.0.0.1' });
    this.authority.issue('laptop', {
      serial: '00ff12',
      alternative: 'otherName:1.3.6.1.4.1.19518;UTF8:1.80',
    });
    this.list = this.authority.path('served');
    this.publish({ from: '20260901000000Z', to: '20351201000000Z' });
  }

  static async create(scope: Scope, lines: (scene: Scene) => string): Promise<Scene> {
    const scene = new Scene();
    scene.network = await Network.create(scope);
    scene.client = await scene.network.addClient();
    await scene.server.serve(80, 'hello');
    scene.daemon = new Certified(scope, scene.server, lines(scene), web, scene.authority);
    return scene;
  }

  get server() {
    return this.network.server;
  }

  get program(): Program {
    assert(this.daemon.program);
    return this.daemon.program;
  }

  publish(span: { readonly from?: string; readonly to?: string } = {}): void {
    writeFileSync(this.list, this.authority.list(span));
  }

  revoke(): void {
    this.authority.revoke('laptop');
    this.publish();
  }

  async serve(...tls: readonly string[]): Promise<Program> {
    const program = this.server.namespace.start(process.execPath, [servingPath, '8000', this.list, ...tls]);
    await program.line(/serving/);
    return program;
  }

  async knock(): Promise<void> {
    const { authority, client } = this;
    this.time = Math.max(this.time + 1, Math.floor(Date.now() / 1000));
    const datagram = composeDatagram({
      serverKey: pointOf(new X509Certificate(authority.read('server.pem')).publicKey),
      service: { protocol: tcp, port: 80 },
      address: parseAddress(client.ipv4)!,
      time: this.time,
      certificate: new X509Certificate(authority.read('laptop.pem')).raw,
      key: createPrivateKey(authority.read('laptop.key')),
      ephemeral: randomBytes(32),
    });
    await send(client, this.server.ipv4, Buffer.from(datagram));
  }

  /** Knocks, and waits for what the log says of it. */
  async meets(word: RegExp): Promise<void> {
    this.program.forget();
    await this.knock();
    await this.program.line(word);
  }

  async status(): Promise<string> {
    const program = this.daemon.command(['status']);
    await program.end();
    return program.stdout;
  }
}

const opened = /opened tcp\/80/;
const revoked = /revoked/;

describe('revocation', { skip: notIsolated }, () => {
  test('by a file: at once when the configuration is read again', async t => {
    const scene = await Scene.create(t, ({ list }) => `crl_file = "${list}"`);
    await scene.daemon.run();
    await scene.program.line(/0 revoked/);
    await scene.meets(opened);
    scene.revoke();
    await scene.daemon.reload();
    await scene.program.line(/1 revoked/);
    await scene.meets(revoked);
    assert.match(await scene.status(), /^lists {3}good at .*\n {2}CN=Test CA: 1 revoked/m);
  });

  test('by a server: within a refresh, asked with conditions; and kept while it is broken', async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url}"\ncrl_refresh = "10s"`);
    const server = await scene.serve();
    await scene.daemon.run();
    await scene.program.line(/0 revoked/);
    await scene.meets(opened);
    scene.revoke();
    await scene.program.line(/1 revoked/, 20_000);
    await scene.meets(revoked);
    server.forget();
    process.kill(scene.program.pid, 'SIGHUP');
    await server.line(/answered 304/);
    rmSync(scene.list);
    process.kill(scene.program.pid, 'SIGHUP');
    await scene.program.line(/cannot get the list: the server answers 500/);
    await scene.meets(revoked);
    assert.match(
      await scene.status(),
      /^lists {3}failed at .*\n {2}cannot get the list: the server answers 500\n/m,
    );
  });

  test('nobody gets in before it is known who is revoked, however long that takes', async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url}"`);
    scene.revoke();
    const silent = 'require("net").createServer(() => {}).listen(8000, "127.0.0.1", () => console.log("on"))';
    const server = scene.server.namespace.start(process.execPath, ['-e', silent]);
    await server.line(/on/);
    await scene.daemon.run();
    await scene.meets(/crl-out-of-date/);
    await server.kill();
    await scene.program.line(/ECONNREFUSED|ECONNRESET|other side closed|UND_ERR_SOCKET/);
    await scene.meets(opened);
    await scene.serve();
    process.kill(scene.program.pid, 'SIGHUP');
    await scene.program.line(/1 revoked/);
    await scene.meets(revoked);
  });

  test('holds after a restart, though no server can be reached', async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url}"\ncrl_required = true`);
    scene.revoke();
    const server = await scene.serve();
    await scene.daemon.run();
    await scene.program.line(/1 revoked/);
    await server.kill();
    process.kill(scene.program.pid, 'SIGKILL');
    await scene.program.ended;
    await scene.daemon.run();
    await scene.program.line(/cannot get the list: ECONNREFUSED/);
    await scene.meets(revoked);
    assert.ok(existsSync(join(scene.daemon.folder, 'state/lists')));
  });

  test('where lists are required, nobody gets in without one in date', async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url}"\ncrl_required = true\ncrl_refresh = "10s"`);
    await scene.daemon.run();
    await scene.program.line(/there is no list of CN=Test CA/);
    await scene.meets(/crl-out-of-date/);
    scene.publish({ from: '20261001000000Z', to: '20261101000000Z' });
    await scene.serve();
    process.kill(scene.program.pid, 'SIGHUP');
    await scene.program.line(/out of date since 2026-11-01/);
    await scene.meets(/crl-out-of-date/);
    scene.publish({ from: '20261102000000Z', to: '20351201000000Z' });
    process.kill(scene.program.pid, 'SIGHUP');
    await scene.program.line(/0 revoked, issued 2026-11-02/);
    await scene.meets(opened);
  });

  const skip = !existsSync(trustFile) && `there is no ${trustFile}`;
  test('over https: a server is trusted as the system trusts it', { skip }, async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url.replace('http:', 'https:')}"`);
    const tls = [scene.authority.path('server.key'), scene.authority.path('server.pem')];
    const server = await scene.serve(...tls);
    const program = await scene.daemon.run();
    await program.line(/cannot get the list: (?:UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|UNABLE_TO_GET)/);
    assert.doesNotMatch(server.output, /answered/);
    process.kill(program.pid, 'SIGTERM');
    await program.ended;
    await scene.daemon.run(scene.authority.path('ca.pem'));
    await scene.program.line(/0 revoked/);
    await scene.meets(opened);
  });

  test('the process that gets lists has no privileges and no environment', async t => {
    const scene = await Scene.create(t, () => `crl_url = "${url}"`);
    // A server that takes the connection and says nothing, so that the process is there to be looked at.
    const silent = 'require("net").createServer(() => {}).listen(8000, "127.0.0.1", () => console.log("on"))';
    await scene.server.namespace.start(process.execPath, ['-e', silent]).line(/on/);
    await scene.daemon.run();
    const pid = await eventually('it runs', () => fetcher());
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    assert.match(status, /^CapEff:\s0+$/m);
    assert.match(status, /^CapPrm:\s0+$/m);
    assert.match(status, /^NoNewPrivs:\s1$/m);
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').filter(Boolean);
    const names = environment.map(line => line.split('=')[0]).sort();
    assert.deepEqual(
      names.filter(name => name !== 'SSL_CERT_FILE'),
      ['LANG'],
    );
  });
});

/** The process that gets lists, by its number; until it is node it is setpriv, on its way to have no privileges. */
function fetcher(): string | undefined {
  const read = (pid: string, name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  return readdirSync('/proc').find(
    pid => read(pid, 'cmdline').includes('fetcher.cjs') && read(pid, 'cmdline').startsWith(process.execPath),
  );
}
