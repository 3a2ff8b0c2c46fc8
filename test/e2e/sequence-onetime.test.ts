/** One-time sequences of native doors: each opens once, whatever happens to the daemon, the file and the table. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Settings } from './harness/daemon.js';
import { eventually } from './harness/eventually.js';
import { missing } from './harness/isolation.js';
import type { Scope } from './harness/program.js';
import { fromInterface, near, Sequenced } from './harness/sequenced.js';
import type { Port } from './harness/steps.js';

/** Without a scan guard, and so in the table none but the next sequence's own ports. */
const onceDoor = {
  name: 'ssh',
  one_time_sequences: 'once',
  scan_guard: false,
  services: ['tcp/22'],
  open_for: '30s',
};
const webDoor = {
  name: 'web',
  sequence: ['7100/tcp', '7300/tcp', '7200/tcp'],
  scan_guard: false,
  services: ['tcp/80'],
};

const text = '# one a line\n\n 7011,7012:udp,7013\n7021:udp,7022,7023\n  7031 , 7032:tcp,7033:udp\n';
const lines: readonly (readonly Port[])[] = [
  [7011, '7012:udp', 7013],
  ['7021:udp', 7022, 7023],
  [7031, '7032:tcp', '7033:udp'],
];
/** The file when so many have been used. */
const marked = [
  text,
  text.replace(' 7011', '#7011'),
  text.replace(' 7011', '#7011').replace('7021', '#021'),
  text.replace(' 7011', '#7011').replace('7021', '#021').replace('  7031', '# 7031'),
];

async function begin(scope: Scope, capture: Settings, content = text) {
  const s = await Sequenced.start(scope, { capture }, webDoor);
  const file = join(s.daemon.folder, 'once');
  writeFileSync(file, content);
  chmodSync(file, 0o600);
  await s.reload({ capture }, onceDoor, webDoor);
  return { s, file };
}

/** The table hears the next sequence some time after the door has opened. */
async function listening(s: Sequenced, port: number): Promise<void> {
  const table = () => s.server.namespace.exec('nft', ['list', 'chain', 'inet', 'portknock', 'window']);
  await eventually(`port ${port} is listened to`, async () => (await table()).includes(`${port}`));
}

const skip = missing('/usr/bin/knock', 'nsenter');

for (const [place, capture] of [
  ['nflog', { from: 'nflog' }],
  ['an interface', fromInterface],
] as const) {
  describe(`a one-time sequence heard from ${place}`, { skip, concurrency: 4 }, () => {
    test('opens once, is marked byte for byte, and the next one has its turn at once', async t => {
      const { s, file } = await begin(t, capture);
      for (const [at, ports] of lines.entries()) {
        if (place === 'nflog') await listening(s, 7011 + 10 * at);
        await s.knock(ports);
        await s.opens();
        assert.equal(readFileSync(file, 'latin1'), marked[at + 1]);
        await s.close();
        s.program.forget();
        for (const used of lines.slice(0, at + 1)) await s.knock(used);
        await s.stayedShut();
        if (at === 0) {
          await s.program.stop();
          await s.daemon.run();
          await s.knock(ports);
          await s.stayedShut();
        }
      }
      assert.equal(readFileSync(file, 'latin1'), marked[3]);
    });
  });
}

describe('a file of one-time sequences', { skip, concurrency: 4 }, () => {
  test('that runs out disables its door, until there is another line, and nothing else', async t => {
    const { s, file } = await begin(t, { from: 'nflog' }, '7011,7012,7013\n');
    await s.knock([7011, 7012, 7013]);
    await s.opens();
    await s.program.line(/error: no more sequences left .* for door ssh --> disabling the door/);
    assert(await s.isOpen(), 'what is open stays open');
    await s.close();
    s.program.forget();
    await s.knock([7011, 7012, 7013]);
    await s.stayedShut();
    await s.send('10.77.1.5', 7100, 7300, 7200);
    await s.program.line(/opened web for a sequence from 10\.77\.1\.5/);
    appendFileSync(file, '7041,7042:udp,7043\n');
    s.program.signal('SIGHUP');
    await s.program.line(/reloaded/);
    await s.knock([7041, '7042:udp', 7043]);
    await s.opens();
    assert.equal(readFileSync(file, 'latin1'), '#011,7012,7013\n#041,7042:udp,7043\n');
  });

  test('that cannot be marked opens nothing, and opens once it can be', async t => {
    const { s, file } = await begin(t, fromInterface);
    const within = (script: string) =>
      s.server.namespace.exec('nsenter', ['-t', String(s.program.pid), '-m', 'sh', '-c', script]);
    await within(`mount --bind ${file} ${file} && mount -o remount,ro,bind ${file}`);
    for (const attempt of ['first', 'second']) {
      s.program.forget();
      await s.knock(lines[0]!);
      await s.program.line(
        /error: cannot open ssh for a sequence .*cannot be marked as used: .*Read-only file system/,
      );
      await s.shuts();
      assert.equal(readFileSync(file, 'latin1'), text, attempt);
    }
    await within(`umount ${file}`);
    await s.knock(lines[0]!);
    await s.opens();
    assert.equal(readFileSync(file, 'latin1'), marked[1]);
  });

  test('opens once a line though it is read anew while it is knocked', async t => {
    const rounds = 8;
    const ports = (round: number) => [7100 + round, 7200 + round, 7300 + round];
    const content = Array.from({ length: rounds }, (_, round) => `${ports(round)}\n`).join('');
    const { s, file } = await begin(t, fromInterface, content);
    for (let round = 0; round < rounds; round++) {
      s.program.forget();
      s.program.signal('SIGHUP');
      s.program.signal('SIGHUP');
      await s.client.tap(near.ipv4, ports(round));
      await s.program.line(/ opened ssh/);
      await s.program.line(/ reloaded: /);
      await s.client.tap(near.ipv4, ports(round));
      await s.fence();
      assert.equal(s.log.split(' opened ').length, 2, `${round}: ${s.log}`);
    }
    assert.equal(readFileSync(file, 'latin1'), content.replaceAll(/^./gm, '#'));
  });
});
