/** Lists in the monitor: got on time and at once, kept over failures and restarts, and told of once. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/daemon/config.js';
import type { Lists } from '../../src/daemon/lists.js';
import { Revocation } from '../../src/daemon/revocation.js';
import { Authority } from './certified.js';
import { whileWithoutRoom } from './disk.js';
import { folderWithKeys, writeFile } from './folder.js';
import { ListServer } from './listserver.js';
import { Logbook, until } from './logbook.js';
import { read } from './reading.js';

const dates = { from: '20260101000000Z', to: '20360101000000Z' };
const authority = new Authority('Example CA', dates);
authority.issue('server');
authority.issue('laptop', { serial: '00ff12' });
const empty = authority.list({ from: '20260901000000Z', to: '20351201000000Z' });
authority.revoke('laptop');
const revoking = authority.list({ from: '20261001000000Z', to: '20351201000000Z' });

class Scene {
  readonly folder: string;
  readonly logbook = new Logbook();
  readonly handed: Lists[] = [];
  /** Whether they were being got for the first time, each time that something was handed on. */
  readonly awaited: boolean[] = [];
  readonly #t: TestContext;
  revocation: Revocation;

  constructor(t: TestContext, lines: string) {
    this.#t = t;
    this.folder = folderWithKeys(t);
    for (const name of ['ca.pem', 'server.pem', 'server.key'])
      writeFile(this.folder, name, authority.read(name));
    writeFile(this.folder, 'crl.pem', empty);
    mkdirSync(join(this.folder, 'state'), { mode: 0o700 });
    this.revocation = this.begin(lines);
  }

  config(lines: string): Config {
    const text = `state_directory = "state"
user = "${userInfo().username}"
[datagram]
ca_file = "ca.pem"
server_key_file = "server.key"
server_certificate_file = "server.pem"
${lines}
`;
    return read(this.#t, text, this.folder);
  }

  /** Starts it, also again, as after a restart. */
  begin(lines: string): Revocation {
    const revocation = new Revocation(this.config(lines), this.logbook.log, ({ text, areAwaited }) => {
      this.awaited.push(areAwaited);
      if (text !== undefined) this.handed.push(JSON.parse(text) as Lists);
    });
    this.#t.after(() => revocation.stop());
    this.revocation = revocation;
    revocation.start();
    return revocation;
  }

  get last(): readonly string[] | undefined {
    return this.handed.at(-1)?.lists[0]?.serials;
  }

  get kept(): string {
    return join(this.folder, 'state', 'lists');
  }

  async attempted(outcome: 'good' | 'failed'): Promise<void> {
    await until(() => this.revocation.status?.outcome === outcome);
  }
}

const fileLine = 'crl_file = "crl.pem"';

test('a file is read at the start, kept, told and handed on', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  assert.deepEqual(scene.last, []);
  assert.deepEqual(JSON.parse(readFileSync(scene.kept, 'utf8')), scene.handed[0]);
  assert.equal(statSync(scene.kept).mode & 0o777, 0o600);
  assert.deepEqual(scene.logbook.lines, [
    'lists of revoked certificates: CN=Example CA: 0 revoked, issued 2026-09-01 00:00 UTC, in date until 2035-12-01 00:00 UTC',
  ]);
  assert.deepEqual(scene.revocation.status?.lines, [
    'CN=Example CA: 0 revoked, issued 2026-09-01 00:00 UTC, in date until 2035-12-01 00:00 UTC',
  ]);
});

test('until the first attempt has ended, with whatever success, lists are awaited; and not again', async t => {
  const server = await ListServer.start(t);
  server.manner = { status: 503 };
  const line = `crl_url = "${server.url()}"`;
  const scene = new Scene(t, line);
  assert.deepEqual(scene.awaited, [true]);
  await scene.revocation.begun(60_000);
  assert.equal(scene.awaited.at(-1), false);
  await scene.attempted('failed');
  assert.match(
    scene.logbook.errors[0]!,
    /CN=Example CA: no list, so each certificate that it has issued is good until it expires/,
  );
  scene.revocation.adopt(scene.config(line));
  assert.equal(scene.awaited.at(-1), false, 'of the same sources');
  scene.revocation.adopt(scene.config(fileLine));
  assert.equal(scene.awaited.at(-1), true, 'of others');
  await scene.attempted('good');
  assert.equal(scene.awaited.at(-1), false);
});

test('a server that says nothing does not hold up the start', async t => {
  const server = await ListServer.start(t);
  server.manner = 'hangs';
  const scene = new Scene(t, `crl_url = "${server.url()}"`);
  await scene.revocation.begun(1);
  assert.deepEqual([scene.awaited, scene.revocation.status], [[true], undefined]);
  // Nor one who is stopped meanwhile.
  const begun = scene.revocation.begun(2 ** 31 - 1);
  scene.revocation.stop();
  await begun;
});

test('a changed file is read at once when the configuration is read again', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  writeFileSync(join(scene.folder, 'crl.pem'), revoking);
  scene.revocation.adopt(scene.config(fileLine));
  await until(() => scene.last?.length === 1);
  assert.deepEqual(scene.last, ['ff12']);
});

test('a wish during an attempt is granted after it', async t => {
  const scene = new Scene(t, fileLine);
  writeFileSync(join(scene.folder, 'crl.pem'), revoking);
  scene.revocation.refresh();
  scene.revocation.refresh();
  await until(() => scene.last?.length === 1);
});

test('a server is asked again on time', async t => {
  const server = await ListServer.start(t);
  server.manner = { body: empty, etag: '"1"' };
  const scene = new Scene(t, `crl_url = "${server.url()}"`);
  // As short as a test wants it, and no configuration may.
  const config = scene.config(`crl_url = "${server.url()}"`);
  const revocation = { ...config.datagram!.revocation, refreshMs: 50 };
  scene.revocation.adopt({ ...config, datagram: { ...config.datagram!, revocation } });
  await until(() => server.requests.filter(({ etag }) => etag === '"1"').length >= 2);
  server.manner = { body: revoking, etag: '"2"' };
  await until(() => scene.last?.length === 1);
  const news = scene.logbook.lines.filter(line => line.includes('revoked,'));
  assert.equal(news.length, 2, 'told when there is news, not each time');
});

test('what fails is told once, changes nothing, and is told when it is over', async t => {
  const server = await ListServer.start(t);
  server.manner = { body: revoking };
  const line = `crl_url = "${server.url()}"`;
  const scene = new Scene(t, line);
  await scene.attempted('good');
  server.manner = { status: 503 };
  for (let times = 0; times < 3; times++) {
    const before = server.requests.length;
    const { revocation } = scene;
    const { at } = revocation.status!;
    revocation.refresh();
    await until(() => server.requests.length > before && revocation.status?.at !== at);
  }
  assert.deepEqual(scene.revocation.status?.outcome, 'failed');
  assert.equal(scene.logbook.errors.length, 1);
  assert.match(
    scene.logbook.errors[0]!,
    /cannot get the list: the server answers 503.*those from before stay in force$/,
  );
  assert.deepEqual([scene.handed.length, scene.last], [1, ['ff12']]);
  server.manner = { body: revoking };
  scene.revocation.refresh();
  await scene.attempted('good');
  assert.equal(scene.logbook.lines.length, 3);
});

test('after a restart what is kept holds, though nobody can be reached', async t => {
  const server = await ListServer.start(t);
  server.manner = { body: revoking };
  const line = `crl_url = "${server.url()}"`;
  const scene = new Scene(t, line);
  await scene.attempted('good');
  scene.revocation.stop();
  server.stop();
  scene.handed.length = 0;
  scene.begin(line);
  assert.deepEqual(scene.last, ['ff12'], 'at once');
  await scene.attempted('failed');
  assert.deepEqual(scene.last, ['ff12']);
  scene.revocation.stop();
  // An older list is not taken, also not by one who begins anew.
  scene.begin(fileLine);
  await scene.attempted('failed');
  assert.deepEqual(scene.last, ['ff12']);
});

test('what is kept and damaged is got again', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  scene.revocation.stop();
  writeFileSync(scene.kept, readFileSync(scene.kept, 'utf8').slice(0, 40));
  const revocation = new Revocation(scene.config(fileLine), scene.logbook.log, () => {});
  t.after(() => revocation.stop());
  revocation.start();
  await until(() => revocation.status?.outcome === 'good');
  assert.equal((JSON.parse(readFileSync(scene.kept, 'utf8')) as Lists).lists.length, 1);
});

test('a file that is gone is told; what was read of it holds', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  rmSync(join(scene.folder, 'crl.pem'));
  scene.revocation.refresh();
  await scene.attempted('failed');
  assert.match(scene.logbook.errors[0]!, /crl\.pem: cannot be read \(ENOENT\)/);
  assert.deepEqual(scene.last, []);
});

test('what cannot be kept is told, and holds all the same', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  rmSync(join(scene.folder, 'state'), { recursive: true });
  writeFileSync(join(scene.folder, 'crl.pem'), revoking);
  scene.revocation.refresh();
  await until(() => scene.last?.length === 1);
  assert.match(scene.logbook.errors[0]!, /state\/lists: cannot be written \(ENOENT\)/);
});

test('on a full disk what was kept stays whole, what is new holds, and both are told', async t => {
  const scene = new Scene(t, fileLine);
  await scene.attempted('good');
  const kept = readFileSync(scene.kept, 'utf8');
  writeFileSync(join(scene.folder, 'crl.pem'), revoking);
  await whileWithoutRoom(10, async () => {
    scene.revocation.refresh();
    await until(() => scene.last?.length === 1);
  });
  assert.match(scene.logbook.errors[0]!, /state\/lists: cannot be written \(EFBIG\)/);
  assert.equal(readFileSync(scene.kept, 'utf8'), kept);
  assert.deepEqual(scene.last, ['ff12']);
});

test('without a source nothing is started', async t => {
  const scene = new Scene(t, '');
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual([scene.revocation.status, scene.handed, scene.logbook.lines], [undefined, [], []]);
});

test('without datagrams nothing is started either', t => {
  const revocation = new Revocation(read(t, ''), new Logbook().log, () => assert.fail());
  revocation.start();
  revocation.refresh();
  assert.equal(revocation.status, undefined);
});
