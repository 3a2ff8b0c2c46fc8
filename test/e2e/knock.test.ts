/** `portknock sequence` beside Debian's knock: the same packets arrive; and its knockd opens for it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { clientPath, said } from '../client/program.js';
import { eventually } from './harness/eventually.js';
import { temporaryFolder, writeSecret } from './harness/folder.js';
import { hasManyUsers, missing } from './harness/isolation.js';
import { Scene } from './recorded.js';

const servicePort = 2222;
/** tcpdump becomes another, also where it is told to stay who it is. */
const oneUser = !hasManyUsers() && 'there is one user only';

const many = Array.from(
  { length: 32 },
  (_, index) => `${7000 + ((index * 13) % 32)}${index % 3 === 0 ? ':udp' : ''}`,
);

/** For both programs alike; `HOST` stands for the server. */
const same: readonly string[] = [
  'HOST 7000 8000 9000',
  'HOST 7000 8000:udp 9000:tcp',
  'HOST 7000:udp 8000:udp 9000:udp 7000',
  'HOST 7000 7000 7000:udp 7000 7000:udp',
  '-u HOST 7000 8000:tcp 9000:udp',
  '--udp HOST 7000',
  '-v -d 15 HOST 7000 8000:udp 9000',
  '--delay 15 HOST 7000:udp 8000',
  'HOST ssh domain:udp domain 1 65535:udp',
  `HOST ${many.join(' ')}`,
];

describe('beside knock', { skip: missing('knock', 'tcpdump', 'setpriv', 'unshare') || oneUser }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`the same packets arrive: ${family}`, async t => {
      const scene = await Scene.create(t);
      const flag = family === 'ipv4' ? '-4' : '-6';
      for (const line of [...same, `${flag} HOST 7000:udp 8000`]) {
        const argv = line.replace('HOST', scene.near(family)).split(' ');
        assert.equal((await scene.knock(argv)).status, 0);
        const theirs = await scene.arrived();
        const { status, stderr } = await scene.run(['sequence', ...argv]);
        assert.equal(status, 0, stderr);
        const ours = await scene.arrived();
        assert(theirs.arrivals.length > 0, line);
        assert.deepEqual(ours.arrivals, theirs.arrivals, line);
        assert.equal(new Set(ours.pairs).size, ours.arrivals.length, 'none looks like one sent again');
      }
    });
  }

  test('what knock sends wrongly is refused, and nothing is sent', async t => {
    const scene = await Scene.create(t);
    const host = scene.near('ipv4');
    for (const port of ['99999', '7000:foo', '7000:', '7000,8000', 'no-such-service', '0']) {
      const { status, stdout, stderr } = await scene.run(['sequence', host, '7001', port]);
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
      assert.match(stderr, /^portknock: error: .*\nportknock: hint: /);
    }
    await scene.run(['sequence', host, '7000:UDP', '7001/udp', '7002/TCP']);
    const { arrivals } = await scene.arrived();
    assert.deepEqual(
      arrivals.map(({ protocol, port }) => `${port}/${protocol}`),
      ['7000/udp', '7001/udp', '7002/tcp'],
    );
  });

  test('raw packets, datagrams among them, in order', async t => {
    const scene = await Scene.create(t);
    const ports = ['7000/tcp', '8000/udp', '9000/tcp', '9001/tcp', '9002/udp'];
    for (const family of ['ipv4', 'ipv6'] as const) {
      const { status, stderr } = await scene.run(['sequence', scene.near(family), ...ports, '--raw']);
      assert.equal(status, 0, stderr);
      const { arrivals } = await scene.arrived();
      assert.deepEqual(
        arrivals.map(({ protocol, port }) => `${port}/${protocol}`),
        ports,
      );
    }
  });

  test('names where there is no list of them', async t => {
    const scene = await Scene.create(t);
    const bare = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /etc && exec "$@"', 'sh'];
    const argv = [process.execPath, clientPath, 'sequence', '127.0.0.1', 'ssh', '-n'];
    const { status, stderr } = await said(
      scene.client.namespace.start(bare[0]!, [...bare.slice(1), ...argv], { input: '' }),
    );
    assert.equal(status, 2, stderr);
    assert.match(
      stderr,
      /no TCP service is called "ssh"\n.*hint: there is no \/etc\/services here; give the number/,
    );
  });

  test('knocking again takes no other line', async t => {
    const scene = await Scene.create(t);
    const file = writeSecret(scene.user.folder, 'lines', ' 7001,7002:udp\n 7003,7004\n');
    // Dropped: a port that refuses ends the waiting.
    await scene.server.namespace.nft(
      `table inet guard { chain in { type filter hook input priority 0; tcp dport ${servicePort} drop; }; }`,
    );
    const argv = ['--one-time-sequences', file, '--wait', String(servicePort), '-r', '1', '-t', '1200ms'];
    const { status, stderr } = await scene.run(['sequence', scene.near('ipv4'), ...argv]);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /\(2 knocks, .*\n.*hint: line 1 of .*lines was knocked/);
    const { arrivals } = await scene.arrived();
    const ports = arrivals.map(({ port }) => port).filter(port => port !== servicePort);
    assert.deepEqual(ports, [7001, 7002, 7001, 7002]);
    assert.equal(readFileSync(file, 'latin1'), '#7001,7002:udp\n 7003,7004\n');
  });

  test('a line is marked before its first packet: killed in the midst, it stays used', async t => {
    const scene = await Scene.create(t);
    const file = writeSecret(scene.user.folder, 'lines', ' 7001,7002\n 7003,7004\n');
    const argv = ['sequence', scene.near('ipv4'), '--one-time-sequences', file];
    const program = scene.start([...argv, '--delay', '60000']);
    await eventually('the first packet arrives', () => scene.ports().includes(7001));
    assert.equal(readFileSync(file, 'latin1'), '#7001,7002\n 7003,7004\n');
    await program.kill();
    assert.equal((await scene.run(argv)).status, 0);
    const { arrivals } = await scene.arrived();
    assert.deepEqual(
      arrivals.map(({ port }) => port),
      [7001, 7003, 7004],
    );
  });

  test('both addresses of a host are knocked at, with one line', async t => {
    const scene = await Scene.create(t);
    const lines = writeSecret(scene.user.folder, 'lines', ' 7001,7002:udp\n 7003,7004\n');
    const hosts = ['ipv4', 'ipv6'] as const;
    const names = hosts.map(family => `${scene.near(family)} both.test\n`).join('');
    const file = writeSecret(scene.user.folder, 'hosts', names);
    const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
    const client = [process.execPath, clientPath, 'sequence', 'both.test', '--one-time-sequences', lines];
    const argv = ['--mount', 'sh', '-c', script, 'sh', file, ...client];
    const { status, stderr } = await said(
      scene.client.namespace.start('unshare', argv, { env: scene.user.environment, input: '' }),
    );
    assert.equal(status, 0, stderr);
    const { arrivals } = await scene.arrived();
    for (const family of hosts) {
      const there = arrivals.filter(({ destination }) => destination === scene.near(family));
      assert.deepEqual(
        there.map(({ port }) => port),
        [7001, 7002],
        family,
      );
    }
    assert.equal(readFileSync(lines, 'latin1'), '#7001,7002:udp\n 7003,7004\n');
  });

  test('what cannot be sent takes no line', async t => {
    const scene = await Scene.create(t);
    const lines = ' 7001,7002:udp\n';
    const file = writeSecret(scene.user.folder, 'lines', lines);
    const argv = [scene.near('ipv4'), '--one-time-sequences', file];
    const powerless = ['--bounding-set', '-net_raw', '--inh-caps', '-net_raw', process.execPath, clientPath];
    const options = { input: '' };
    const raw = scene.client.namespace.start(
      'setpriv',
      [...powerless, 'sequence', ...argv, '--raw'],
      options,
    );
    assert.match((await said(raw)).stderr, /raw packets need the privilege CAP_NET_RAW/);
    await scene.client.namespace.ip('link set uplink down');
    assert.match((await scene.run(['sequence', ...argv])).stderr, /cannot be reached \(.*ENETUNREACH\)/);
    assert.equal(readFileSync(file, 'latin1'), lines);
  });
});

/** Debian's knockd at the server, which lets whoever knocks reach the service. */
async function startKnockd(t: TestContext, scene: Scene, door: string): Promise<string> {
  const folder = temporaryFolder(t, 'knockd');
  const rules = `table inet guard {
    set open { type ipv4_addr; }
    chain in {
      type filter hook input priority 0; policy accept;
      tcp dport ${servicePort} ip saddr != @open drop
    }
  }`;
  await scene.server.namespace.nft(rules);
  const log = join(folder, 'log');
  const command = 'nft add element inet guard open { %IP% }';
  const configuration = `[options]\nLogFile = ${log}\n[door]\n${door}\nseq_timeout = 5\ntcpflags = syn\nstart_command = ${command}\n`;
  writeFileSync(join(folder, 'knockd.conf'), configuration);
  scene.server.namespace.start('knockd', ['-4', '-i', 'down1', '-c', join(folder, 'knockd.conf')]);
  await eventually('knockd listens', () => readFileSync(log, 'latin1').includes('starting up, listening'));
  await scene.server.serve(servicePort, 'hello');
  return log;
}

const close = (scene: Scene) => scene.server.namespace.nft('flush set inet guard open');

describe('at knockd', { skip: missing('knockd', 'tcpdump', 'nft') || oneUser }, () => {
  test('a sequence opens, and is waited for', async t => {
    const scene = await Scene.create(t);
    const log = await startKnockd(t, scene, 'sequence = 7000,8000:udp,9000');
    const host = scene.near('ipv4');
    const wait = ['--wait', String(servicePort)];
    const wrong = await scene.run(['sequence', host, '7000', '8000', '9000', ...wait, '-t', '400ms']);
    assert.equal(wrong.status, 3);
    assert.match(wrong.stderr, /did not open.*\n.*hint: .*--delay/);
    const right = await scene.run(['sequence', host, '7000', '8000:udp', '9000', ...wait]);
    assert.equal(right.status, 0, right.stderr);
    assert.match(right.stdout, /^knocked 10\.77\.1\.1 at 3 ports: port 2222 open after /);
    assert.match(readFileSync(log, 'latin1'), /10\.77\.1\.2: door: OPEN SESAME/);
  });

  test('a profile opens, and the proxy connects through it', async t => {
    const scene = await Scene.create(t);
    await startKnockd(t, scene, 'sequence = 7000,8000:udp,9000');
    const doors = {
      ssh: { sequence: ['7000/tcp', '8000/udp', '9000/tcp'], services: [`tcp/${servicePort}`] },
    };
    const host = scene.near('ipv4');
    const profile = { portknock: 1, name: 'old', host, method: 'plain-sequence', doors };
    const file = writeSecret(scene.user.folder, 'old.json', JSON.stringify(profile));
    const imported = await scene.run(['import', file]);
    assert.equal(imported.stdout, `imported old (${host}): ssh\n`);
    assert.match(imported.stderr, /warning: whoever sees a plain sequence can repeat it/);
    const opened = await scene.run(['old', 'ssh', '--wait', String(servicePort), '--json']);
    assert.equal((JSON.parse(opened.stdout) as { outcome: string }).outcome, 'opened', opened.stderr);
    await close(scene);
    const proxied = await scene.run(['proxy', 'old', 'old', String(servicePort)]);
    assert.deepEqual(proxied, { status: 0, stdout: 'hello\n', stderr: '' });
  });

  test('sequences for one use each: both files stay the same, until none is left', async t => {
    const scene = await Scene.create(t);
    const lines =
      '# for the door\n\n 7003:UDP,7004,7005\n7001,7002:udp\r\nwrong:icmp\n  7006:tcp\n 7007,7008';
    // Where the next sequence is longer than the one before, knockd takes its first knock for the end of the old one.
    const theirs = writeSecret(scene.user.folder, 'server', lines);
    const ours = writeSecret(scene.user.folder, 'client', lines);
    await startKnockd(t, scene, `one_time_sequences = ${theirs}`);
    const argv = ['sequence', scene.near('ipv4'), '--one-time-sequences', ours];
    for (const expected of [
      ['7003/udp', '7004/tcp', '7005/tcp'],
      ['7001/tcp', '7002/udp'],
    ]) {
      await scene.arrived();
      const { status, stderr } = await scene.run([...argv, '--wait', String(servicePort)]);
      assert.equal(status, 0, stderr);
      const { arrivals } = await scene.arrived();
      const ports = arrivals.map(({ protocol, port }) => `${port}/${protocol}`);
      assert.deepEqual(
        ports.filter(port => !port.startsWith(`${servicePort}`)),
        expected,
      );
      await eventually(
        'both files have the same marks',
        () => readFileSync(theirs, 'latin1') === readFileSync(ours, 'latin1'),
      );
      await close(scene);
    }
    // Where a line is wrong, knockd marks another one: from here on it is no measure.
    for (const _ of [1, 2]) assert.equal((await scene.run(argv)).status, 0);
    const left = await scene.run(argv);
    assert.deepEqual({ status: left.status, stdout: left.stdout }, { status: 1, stdout: '' });
    assert.match(left.stderr, /client: no one-time sequence is left\n.*hint: add lines/);
    assert.equal(
      readFileSync(ours, 'latin1'),
      '# for the door\n\n#7003:UDP,7004,7005\n#001,7002:udp\r\nwrong:icmp\n# 7006:tcp\n#7007,7008',
    );
  });
});
