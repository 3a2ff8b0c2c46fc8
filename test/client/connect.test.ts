/** Connections by sequence number on a real network: the server is a set of nftables and a program that listens. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { NumberSeries, stepAt } from '../../src/methods/sequence-number/format.js';
import { eventually } from '../e2e/harness/eventually.js';
import { hasManyUsers, missing, notIsolated } from '../e2e/harness/isolation.js';
import { Guarded, periodMs, psk, servicePort, tcpOf } from './guarded.js';
import { clientPath, said } from './program.js';

const families = ['ipv4', 'ipv6'] as const;
// It wants to give up groups, which nobody can where there is one user only.
const noTcpdump = missing('tcpdump', 'bash') || (!hasManyUsers() && 'there is one user only');

/** The step in the note of a connection, counted from the one that is now. */
function distances(text: string): number[] {
  const now = stepAt(Date.now(), periodMs);
  return [...text.matchAll(/number of period (\d+)/g)].map(match => Number(match[1]) - now);
}

describe('connections by sequence number', { skip: notIsolated }, () => {
  for (const family of families) {
    test(`the number on the wire is the one of key, port and period: ${family}`, {
      skip: noTcpdump,
    }, async t => {
      const scene = await Guarded.create(t);
      await scene.watch();
      await scene.admit([0]);
      const { status, stdout, stderr } = await scene.connect(scene.network.server[family], 'hello\n');
      assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'hello\n', stderr: '' });
      const [syn, ...more] = await scene.syns(1);
      const number = new NumberSeries(Buffer.from(psk), servicePort).at(stepAt(Date.now(), periodMs));
      assert.equal(tcpOf(syn!).readUInt32BE(4), number);
      assert.equal(more.length, 0);
    });

    test(`but for the number, the SYN is the kernel's own: ${family}`, { skip: noTcpdump }, async t => {
      const scene = await Guarded.create(t);
      const address = scene.network.server[family];
      await scene.watch();
      await scene.admit([0]);
      await scene.connect(address, '');
      const script = `const s = require('net').connect({ host: '${address}', port: ${servicePort} }); setTimeout(() => process.exit(), 200)`;
      await scene.client.namespace.exec(process.execPath, ['-e', script]);
      const redirect = `timeout 0.2 bash -c '</dev/tcp/${address}/${servicePort}' || true`;
      await scene.client.namespace.exec('bash', ['-c', redirect]);
      const [ours, node, bash] = (await scene.syns(3)).map(steady);
      assert.deepEqual(ours, node);
      assert.deepEqual(ours, bash);
    });
  }

  test('for another port, as behind port forwarding', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0], { port: 22 });
    const { status, stdout } = await scene.connect(scene.network.server.ipv4, 'hello\n', '--mac-port', '22');
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'hello\n' });
  });

  test('by a clock that is off', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([-3]);
    const options = ['--period', '1h', '--tolerance', '0s', '--clock-offset', '-3h', '-v'];
    const { status, stderr } = await scene.connect(scene.network.server.ipv4, '', ...options);
    assert.equal(status, 0, stderr);
    assert.deepEqual(distances(stderr), [-3]);
  });

  for (const open of families) {
    test(`both addresses of a name get one number, of which one is let in: ${open}`, {
      skip: noTcpdump,
    }, async t => {
      const scene = await Guarded.create(t);
      const { ipv4, ipv6 } = scene.network.server;
      await scene.watch();
      const closed = open === 'ipv4' ? 'ipv6' : 'ipv4';
      await scene.network.server.namespace.nft(`table inet other { chain in {
        type filter hook input priority -1;
        meta nfproto ${closed} tcp dport ${servicePort} drop
      }; }`);
      await scene.admit([0]);
      const { status, stdout, stderr } = await withName(scene, [ipv4, ipv6]);
      assert.deepEqual({ status, stdout }, { status: 0, stdout: 'hello\n' }, stderr);
      assert.match(stderr, new RegExp(`connected to ${open === 'ipv4' ? '10' : 'fd77'}`));
      const numbers = (await scene.syns(1)).map(syn => tcpOf(syn).readUInt32BE(4));
      assert.equal(new Set(numbers).size, 1);
    });
  }

  test('only the family that is wanted', { skip: noTcpdump }, async t => {
    const scene = await Guarded.create(t);
    const { ipv4, ipv6 } = scene.network.server;
    await scene.watch();
    for (const [option, version] of [
      ['-4', 4],
      ['-6', 6],
    ] as const) {
      const { status } = await withName(scene, [ipv4, ipv6], option, '--timeout', '600ms');
      assert.equal(status, 3);
      const versions = (await scene.syns(version === 4 ? 1 : 2)).map(syn => syn[0]! >> 4);
      assert.equal(versions.at(-1), version);
      assert.equal(new Set(versions).size, version === 4 ? 1 : 2);
    }
  });

  test('where it cannot be kept which numbers were used, it says so and goes on', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const env = { XDG_STATE_HOME: '/dev/null/state' };
    const words = scene.words(scene.network.server.ipv4);
    const { status, stdout, stderr } = await said(scene.start(words, { env, input: 'hello\n' }));
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'hello\n' });
    assert.match(stderr, /^portknock: warning: \/dev\/null\/state\/.*cannot be kept \(ENOTDIR\)\n$/);
  });

  test('a second connection takes the next number, a third the one before', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([-1, 0, 1]);
    const taken: number[] = [];
    for (let count = 0; count < 3; count++) {
      const { status, stderr } = await scene.connect(scene.network.server.ipv4, '', '-v');
      assert.equal(status, 0, stderr);
      taken.push(...distances(stderr));
    }
    assert.deepEqual(taken, [0, 1, -1]);
    const { status, stderr } = await scene.connect(scene.network.server.ipv4, '');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /error: every number that is good now was used; the next is good in \d+[mh]\n.*--timeout \d+s/,
    );
  });

  test('processes that begin at the same moment take different numbers', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([-1, 0, 1]);
    const address = scene.network.server.ipv4;
    const all = await Promise.all(['a', 'b', 'c'].map(word => scene.connect(address, word, '-v')));
    assert.deepEqual(
      all.map(({ stdout }) => stdout),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(all.flatMap(({ stderr }) => distances(stderr)).sort(), [-1, 0, 1]);
  });

  test('waits for the next number, and says so', async t => {
    const scene = await Guarded.create(t);
    const period = 4000;
    await scene.admit([-1, 0, 1, 2, 3, 4, 5], { period });
    const short = scene.words(scene.network.server.ipv4, '--period', '4s', '--tolerance', '0s');
    const first = await said(scene.start(short, { input: 'a' }));
    const second = await said(scene.start(short, { input: 'b' }));
    const third = await said(scene.start([...short, '-q'], { input: 'c' }));
    assert.deepEqual(
      [first, second, third].map(({ stdout }) => stdout),
      ['a', 'b', 'c'],
    );
    // Where a period ended between two of them there was nothing to wait for.
    const waited = /^(portknock: every number that is good now was used: waiting [\d.]+m?s for the next\n)?$/;
    assert.match(second.stderr, waited);
    assert.equal(third.stderr, '');
  });

  test('a number that is not let in: the next one is tried', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([1]);
    const { status, stdout, stderr } = await scene.connect(scene.network.server.ipv6, 'hello\n', '-v');
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'hello\n' }, stderr);
    assert.deepEqual(distances(stderr), [0, 1]);
  });

  test('nothing answers: status 3, and what to look at', async t => {
    const scene = await Guarded.create(t);
    const { status, stdout, stderr } = await scene.connect(scene.network.server.ipv4, '', '-t', '500ms');
    assert.deepEqual({ status, stdout }, { status: 3, stdout: '' });
    assert.match(
      stderr,
      /error: port 2222 of 10\.77\.0\.1 did not open \(one number, \d+ ms\)\n.*clock.*--mac-port/,
    );
  });

  test('let in, and nothing listens', async t => {
    const scene = await Guarded.create(t, 'none');
    await scene.admit([0]);
    const { status, stderr } = await scene.connect(scene.network.server.ipv4, '');
    assert.equal(status, 1);
    assert.match(stderr, /error: 10\.77\.0\.1 refuses port 2222/);
  });

  test('no way to any address: no number is lost', async t => {
    const scene = await Guarded.create(t);
    await scene.client.namespace.ip('route del default');
    const lost = await scene.connect(scene.network.server.ipv4, '');
    assert.equal(lost.status, 1);
    assert.match(lost.stderr, /error: 10\.77\.0\.1 cannot be reached \(10\.77\.0\.1: ENETUNREACH\)/);
    await scene.client.namespace.ip('route add default via 10.77.1.1');
    await scene.admit([0]);
    const { stderr } = await scene.connect(scene.network.server.ipv4, '', '-v');
    assert.deepEqual(distances(stderr), [0]);
  });

  test('without the privilege: the ways to have it, and no number is lost', async t => {
    const scene = await Guarded.create(t);
    const bare = ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
    const words = [process.execPath, clientPath, ...scene.words(scene.network.server.ipv4)];
    const options = { env: scene.user.environment, input: '' };
    const { status, stderr } = await said(
      scene.client.namespace.start('setpriv', [...bare, ...words], options),
    );
    assert.equal(status, 1);
    assert.match(
      stderr,
      /error: .*CAP_NET_ADMIN\n.*portknock-sockets\.socket.*sudo in the ProxyCommand.*setcap/,
    );
    assert.throws(() => statSync(`${scene.user.environment.XDG_STATE_HOME}/portknock`));
  });

  test('megabytes of any bytes both ways', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    // Every byte but those that are no UTF-8 by themselves, which the harness could not hand over.
    const text = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
      .join('')
      .repeat(20_000);
    const { status, stdout, stderr } = await scene.connect(scene.network.server.ipv6, text);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert(stdout === text);
  });

  test('bytes that are no text', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const script = 'head -c 1000000 /dev/urandom > "$0/in"; "$@" < "$0/in" > "$0/out"; cmp "$0/in" "$0/out"';
    const words = [process.execPath, clientPath, ...scene.words(scene.network.server.ipv4)];
    const options = { env: scene.user.environment, input: '' };
    const program = scene.client.namespace.start('sh', ['-c', script, scene.user.folder, ...words], options);
    assert.deepEqual(await said(program), { status: 0, stdout: '', stderr: '' });
  });

  test('the far end is passed on while ours still talks', async t => {
    const scene = await Guarded.create(t, 'bye');
    await scene.admit([0]);
    const script = '{ read -r _ <"$0/ended"; echo more; } | "$@" | { cat; echo >"$0/ended"; }';
    const words = [process.execPath, clientPath, ...scene.words(scene.network.server.ipv4)];
    const pipe = ['-c', `mkfifo "$0/ended"; ${script}`, scene.user.folder, ...words];
    const options = { env: scene.user.environment, input: '' };
    const program = scene.client.namespace.start('sh', pipe, options);
    assert.deepEqual(await said(program), { status: 0, stdout: 'bye\n', stderr: '' });
    await eventually('the service hears the rest', () => scene.heard.length > 0);
    assert.deepEqual(scene.heard, ['more']);
  });

  test('a connection that is torn down is a failure', async t => {
    const scene = await Guarded.create(t, 'reset');
    await scene.admit([0]);
    const { status, stdout, stderr } = await said(scene.start(scene.words(scene.network.server.ipv4)));
    assert.deepEqual({ status, stdout }, { status: 1, stdout: 'half a word' });
    assert.match(stderr, /^portknock: error: the connection broke \(ECONNRESET\)/);
  });

  test('interrupted while it hangs: ends by the signal, and others can go on', async t => {
    const scene = await Guarded.create(t);
    const program = scene.start([...scene.words(scene.network.server.ipv4), '-v']);
    await program.line(/connecting to/);
    program.signal('SIGINT');
    assert.deepEqual(await program.end(), { status: null, signal: 'SIGINT' });
    await scene.admit([1]);
    const { status, stderr } = await scene.connect(scene.network.server.ipv4, '', '-v');
    assert.equal(status, 0, stderr);
    assert.deepEqual(distances(stderr), [1]);
  });

  test('a profile, through proxy', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    await scene.user.import({
      ...{
        name: 'home',
        host: scene.network.server.ipv4,
        method: 'sequence-number',
        psk,
        macPort: undefined,
      },
      ...{ periodSeconds: 3600, toleranceSeconds: 3600, users: [] },
      doors: new Map([['ssh', { services: ['tcp/2222'], singleUse: false }]]),
    });
    const { status, stdout, stderr } = await said(
      scene.start(['proxy', 'home', 'home', String(servicePort)], { input: 'hello\n' }),
    );
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'hello\n', stderr: '' });
  });
});

const timestampOption = 8;

/** What of a SYN is the same each time: not its port, number, checksums, IP id, flow label and the time in it. */
function steady(syn: Buffer): string {
  const packet = Buffer.from(syn);
  if (packet[0]! >> 4 === 4) packet.fill(0, 4, 6).fill(0, 10, 12);
  else packet.fill(0, 1, 4);
  const tcp = tcpOf(packet);
  tcp.fill(0, 0, 2).fill(0, 4, 8).fill(0, 16, 18);
  for (let at = 20; at < tcp.length && tcp[at] !== 0; at += tcp[at] === 1 ? 1 : tcp[at + 1]!) {
    if (tcp[at] === timestampOption) tcp.fill(0, at + 2, at + 6);
  }
  return packet.toString('hex');
}

/** Connects to a name that has these addresses, in a hosts file that only this run sees. */
function withName(scene: Guarded, addresses: readonly string[], ...options: readonly string[]) {
  const file = `${scene.user.folder}/hosts`;
  const hosts = addresses.map(address => `${address} two.test`).join('\n');
  const script = `printf '%s\\n' "$1" > ${file} && mount --bind ${file} /etc/hosts && shift && exec "$@"`;
  const client = [process.execPath, clientPath, ...scene.words('two.test', '-v', ...options)];
  return said(
    scene.client.namespace.start('unshare', ['--mount', 'sh', '-c', script, 'sh', hosts, ...client], {
      env: scene.user.environment,
      input: 'hello\n',
    }),
  );
}
