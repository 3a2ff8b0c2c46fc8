/** A knockd.conf in the hands of portknockd's own commands: run, check, status, open, close and explain. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from './harness/eventually.js';
import { temporaryFolder } from './harness/folder.js';
import { hasManyUsers, listenerUser, missing, project } from './harness/isolation.js';
import { running } from './harness/namespace.js';
import type { Program, Scope } from './harness/program.js';
import { near, nearInterface, Sequenced, usual } from './harness/sequenced.js';
import { plain, succeeds } from './harness/service.js';
import type { Port } from './harness/steps.js';

const skip = missing('/usr/bin/knock');
const daemonPath = `${project}/dist/src/daemon/portknockd.cjs`;

/** The man page's, with commands that write into a folder. */
const configuration = (folder: string) => `[options]
	logfile = ${folder}/log
[opencloseSSH]
	sequence      = 2222:udp,3333:tcp,4444:udp
	seq_timeout   = 15
	tcpflags      = syn
	start_command = echo start %IP% >> ${folder}/ran
	cmd_timeout   = 60
	stop_command  = echo stop %IP% >> ${folder}/ran
`;
const ports: readonly Port[] = ['2222:udp', 3333, '4444:udp'];

async function place(scope: Scope) {
  const { server, client } = await plain(scope);
  const folder = temporaryFolder(scope, 'knockd', 0o755);
  const file = join(folder, 'knockd.conf');
  writeFileSync(file, configuration(folder));
  const options = [
    '--knockd-conf',
    file,
    '--interface',
    nearInterface,
    '--state-directory',
    join(folder, 'state'),
  ];
  const command = (...argv: readonly string[]) =>
    server.namespace.start(process.execPath, [daemonPath, ...argv, ...options, '--user', listenerUser()]);
  const knock = (wanted: readonly Port[]) =>
    client.namespace.exec('/usr/bin/knock', [near.ipv4, ...wanted.map(String)]);
  const read = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'latin1') : '';
  await running(server.namespace, nearInterface);
  return { server, file, folder, command, knock, read };
}

async function fails(program: Program, message: RegExp): Promise<void> {
  assert.deepEqual(await program.end(), { status: 1, signal: null }, program.output);
  assert.match(program.stderr, message);
  assert.equal(program.stdout, '');
}

test('a knockd in the background lets go of the terminal', { skip }, async t => {
  const { file, folder } = await place(t);
  const { server } = await plain(t);
  await running(server.namespace, nearInterface);
  const argv = [daemonPath, 'knockd', '-d', '-i', nearInterface, '-c', file, '-p', join(folder, 'pid')];
  const options = ['--user', listenerUser(), '--state-directory', join(folder, 'background')];
  // $( ) returns when nobody holds its pipe any more.
  const script = 'said=$("$@" 2>&1); echo "returned $?"';
  const shell = server.namespace.start('/bin/sh', [
    '-c',
    script,
    'sh',
    process.execPath,
    ...argv,
    ...options,
  ]);
  try {
    assert.equal(await shell.line(/returned/), 'returned 0');
  } finally {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'latin1')), 'SIGTERM');
  }
});

test('neither a hangup for all of it nor a reader that has gone ends it', { skip }, async t => {
  const { server, file, folder, command, knock, read } = await place(t);
  const argv = [daemonPath, 'knockd', '-v', '-i', nearInterface, '-c', file, '--user', listenerUser()];
  const state = ['--state-directory', join(folder, 'state')];
  const script = '"$@" 2>&1 | head -n 1';
  const shell = server.namespace.start('/bin/sh', ['-c', script, 'sh', process.execPath, ...argv, ...state]);
  await shell.line(/./);
  await eventually('it has started', () => read('log').includes('starting up'));
  const asked = await succeeds(command('status', '--json'));
  const { listener_pid: listener } = JSON.parse(asked.stdout) as { readonly listener_pid: number };
  process.kill(listener, 'SIGHUP');
  await knock(ports);
  await eventually('the command ran', () => read('ran') === 'start 10.77.1.2\n');
  await succeeds(command('close', 'opencloseSSH', '10.77.1.2'));
  assert.equal(read('ran'), 'start 10.77.1.2\nstop 10.77.1.2\n');
  const monitor = / (\d+) \d+ \d+ \d+ -?\d+ \d+/.exec(readFileSync(`/proc/${listener}/stat`, 'latin1'));
  process.kill(Number(monitor?.[1]), 'SIGTERM');
  await shell.end();
});

describe('with --knockd-conf', { skip, concurrency: 4 }, () => {
  test('check says what the file comes to, or what knockd would not take', async t => {
    const { file, folder, command } = await place(t);
    const check = await succeeds(command('check'));
    assert.equal(
      check.stdout,
      `${file}: sound
guarded         no service
window          none: there is no [port_sequence]
always allowed  nobody: only a knock opens
door            opencloseSSH (sequence 2222/udp 3333/tcp 4444/udp within 15s) runs echo start %IP% >> ${folder}/ran, and after 1m echo stop %IP% >> ${folder}/ran
`,
    );
    assert.match(
      check.stderr,
      /^portknockd: warning: scan_guard is off, as knockd has none: .*--scan-guard$/m,
    );
    assert.match(check.stderr, /^portknockd: warning: door "opencloseSSH": a port scan upwards/m);
    writeFileSync(file, configuration(folder).replace('seq_timeout', 'seq_timeut'));
    await fails(
      command('check'),
      /knockd\.conf:5: config: line 5: syntax error\n.*did you mean "seq_timeout"/,
    );
    await fails(command('run'), /knockd\.conf:5: config: line 5: /);
    writeFileSync(file, configuration(folder).replace('2222:udp', '222222:udp'));
    await fails(command('check'), /knockd\.conf:4: .*port 222222 is invalid/);
  });

  test('run opens and closes, says so in knockd’s log and its own, and is asked like any other', async t => {
    const { command, knock, read } = await place(t);
    await fails(command('status'), /portknockd does not run|not running/);
    const daemon = command('run');
    await daemon.line(/ready: 1 door, 0 clients, knocks from interface down1$/);
    await knock(ports);
    await daemon.line(/ran opencloseSSH for a sequence from 10\.77\.1\.2: /);
    await eventually('the command ran', () => read('ran') === 'start 10.77.1.2\n');
    const status = await succeeds(command('status'));
    assert.match(status.stdout, /^guards {2}no service$/m);
    assert.match(status.stdout, /opencloseSSH {2}\* {2}10\.77\.1\.2 {2}command {2}\d+ s/);
    assert.match(status.stdout, / ran {2}\* {2}opencloseSSH {2}10\.77\.1\.2/);
    await succeeds(command('close', 'opencloseSSH', '10.77.1.2'));
    assert.equal(read('ran'), 'start 10.77.1.2\nstop 10.77.1.2\n');
    await succeeds(command('open', 'opencloseSSH', '192.0.2.9'));
    assert.deepEqual(await daemon.stop(), { status: 0, signal: null });
    assert.match(read('ran'), /\nstart 192\.0\.2\.9\nstop 192\.0\.2\.9\n$/);
    const lines = read('log').replaceAll(/^\[\d{4}-\d\d-\d\d \d\d:\d\d\] /gm, '');
    const told = /Stage|OPEN|running|starting|shutting|timeout/;
    assert.deepEqual(
      lines
        .split('\n')
        .filter(line => told.test(line) && !line.includes('192.0.2.9'))
        .slice(0, 6),
      [
        'starting up, listening on down1',
        ...[1, 2, 3].map(stage => `10.77.1.2: opencloseSSH: Stage ${stage}`),
        '10.77.1.2: opencloseSSH: OPEN SESAME',
        lines.split('\n').find(line => line.startsWith('opencloseSSH: running command: echo start')),
      ],
    );
  });

  test('a mistake at SIGHUP is told by its line, and the file before stays in force', async t => {
    const { file, folder, command, knock, read } = await place(t);
    const daemon = command('run');
    await daemon.line(/ready/);
    writeFileSync(file, configuration(folder).replace('tcpflags', 'tcpflag'));
    daemon.signal('SIGHUP');
    await daemon.line(/error: .*knockd\.conf:6: config: line 6: /);
    await daemon.line(/error: the configuration was not reloaded; the one before stays in force/);
    await knock(ports);
    await eventually('the command ran', () => read('ran') === 'start 10.77.1.2\n');
    writeFileSync(file, configuration(folder).replace('2222:udp', '5555'));
    daemon.signal('SIGHUP');
    await daemon.line(/reloaded: /);
    daemon.forget();
    await knock([...ports.slice(1), 5555, 3333, '4444:udp']);
    await daemon.line(/extended opencloseSSH for a sequence from 10\.77\.1\.2/);
  });
});

/** tcpdump sets its user and its groups, even to what they are, and one who is alone may not. */
const noRecorder = missing('/usr/bin/knock', 'tcpdump') || (!hasManyUsers() && 'there is one user only');

describe('a recording of plain sequences', { skip: noRecorder }, () => {
  test('is explained as the daemon took it, by either configuration', async t => {
    const s = await Sequenced.start(t, { capture: { from: 'interface', interface: 'any' } });
    const capture = join(s.daemon.folder, 'capture');
    const recorder = s.client.namespace.start('tcpdump', [
      ...[
        '-Z',
        'root',
        '-i',
        'uplink',
        '-U',
        '--immediate-mode',
        '-s',
        '128',
        '-w',
        capture,
        'tcp or udp or ip6',
      ],
    ]);
    await recorder.line(/listening on/);
    await s.knock(usual);
    await s.knock([7000, '8000:udp', '8000:udp']);
    await s.knock(usual, { address: near.ipv6, options: ['-6'] });
    await s.send('10.77.1.3', 7000, 7000, 9000);
    await s.fence();
    await s.client.tap(near.ipv4, [1, 2, 3, 4]);
    await s.knock(usual);
    await s.program.line(/refused: scan/);
    await settled(capture);
    await recorder.stop();
    const native = await explained(s.daemon.command(['explain', capture]));
    assert.deepEqual(native, [
      '10.77.1.2 opened ssh',
      '10.77.1.2 refused ssh wrong-port',
      'fd77:1::2 opened ssh',
      '10.77.1.3 refused ssh wrong-port',
      '10.77.1.250 ran fence',
      '10.77.1.2 refused ssh scan',
    ]);
    const told = [...s.log.matchAll(/(opened ssh|ran fence|refused: [a-z-]+):? .*?from (\S+?):? /g)];
    assert.deepEqual(
      told.map(([, what, source]) => `${source} ${what?.replace('refused: ', 'refused ssh ')}`),
      native.filter(line => !line.startsWith('10.77.1.3 ')),
    );
    const conf = join(s.daemon.folder, 'knockd.conf');
    writeFileSync(conf, `[ssh]\nsequence = ${usual.join(',')}\ntcpflags = syn,!ack\ncommand = /bin/true\n`);
    const explain = (...options: readonly string[]) =>
      s.server.namespace.start(process.execPath, [
        daemonPath,
        'explain',
        capture,
        '--knockd-conf',
        conf,
        ...options,
      ]);
    const asKnockd = native
      .filter(line => !line.includes('fence'))
      .map(line => line.replace('opened', 'ran'));
    assert.deepEqual(await explained(explain('--scan-guard')), asKnockd);
    assert.deepEqual(await explained(explain()), [...asKnockd.slice(0, -1), '10.77.1.2 ran ssh']);
  });
});

async function settled(path: string): Promise<void> {
  let before = -1;
  await eventually('all is recorded', async () => {
    await new Promise(resolve => setTimeout(resolve, 200));
    const { size } = statSync(path);
    // Some twenty packets, and answers to most.
    const isSame = size === before && size > 1500;
    before = size;
    return isSame;
  });
}

async function explained(explain: Program): Promise<string[]> {
  await succeeds(explain);
  assert.notEqual(explain.stdout, '', explain.output);
  return explain.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, string>)
    .map(({ source, outcome, door, reason }) => [source, outcome, door, reason].filter(Boolean).join(' '));
}
