/** `portknock connect` and profiles of sequence numbers: what is wrong use, and what is said about it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readInvocation } from '../../src/client/invocation.js';
import { formatProfile, type Profile } from '../../src/system/profile.js';
import { writeSecret } from '../e2e/harness/folder.js';
import { clientPath, User } from './program.js';

const psk = 'nobody may see this key';
const profile: Profile = {
  ...{ name: 'office', host: '127.0.0.1', method: 'sequence-number', psk, macPort: 22 },
  ...{ periodSeconds: 30, toleranceSeconds: 30, users: [] },
  doors: new Map([
    ['ssh', { services: ['tcp/22'], singleUse: false }],
    ['web', { services: ['tcp/443'], singleUse: false }],
  ]),
};

/** `{}` stands for the key. */
const wrong: readonly [line: string, message: RegExp][] = [
  ['connect', /too few arguments\n.*it is: portknock connect HOST PORT/],
  ['connect host', /too few arguments/],
  ['connect host 22 23', /one argument too many: "23"/],
  ['connect host ssh {}', /PORT expected a number from 1 to 65535, got "ssh"/],
  ['conect host 22 23', /did you mean: portknock connect\?/],
  ['conect host 22', /unknown command "conect"\n.*did you mean: portknock connect\?/],
  ['connect host 22 {} --mac-port 0', /--mac-port expected a number from 1 to 65535, got "0"/],
  ['connect host 22 {} --period 500ms', /--period expected 1000ms to 3600000ms, got "500ms"/],
  ['connect host 22 {} --period 1500ms', /--period expected whole seconds, got "1500ms"/],
  ['connect host 22 {} --period 30', /--period expected a duration/],
  ['connect host 22 {} --tolerance 2h', /--tolerance expected 0ms to 3600000ms/],
  ['connect host 22 {} -T 25h', /--clock-offset expected at most 24h either way, got "25h"/],
  ['connect host 22 {} -T -25h', /--clock-offset expected at most 24h either way, got "-25h"/],
  ['connect host 22 {} --clock-offset soon', /--clock-offset expected a duration/],
  ['connect host 22 {} --socket /x', /--socket does not go with --psk-file/],
  ['connect host 22 {} -4 -6', /-4 and -6 exclude each other/],
  ['connect host 22 {} --retries 3', /--retries has no meaning for: portknock connect HOST PORT/],
  ['connect host 22 --mac-port 22', /--mac-port goes with --psk-file/],
  ['connect host 22 -T -5s', /--clock-offset goes with --psk-file/],
  ['office ssh --psk-file x', /--psk-file has no meaning for: portknock PROFILE/],
  ['proxy office host 22 --retries 3', /--retries has no meaning for a sequence number/],
  ['proxy office host 22 --raw', /--raw has no meaning for a sequence number/],
  ['proxy home host 22 -T 5s', /--clock-offset is for profiles of sequence numbers/],
  ['proxy home host 22 --fdpass', /--fdpass is for profiles of sequence numbers/],
  ['office ssh --fdpass', /--fdpass has no meaning for: portknock PROFILE/],
  ['proxy home host 22 --socket /x', /--socket is for profiles of sequence numbers/],
  ['connect host 22 --timeout 61s', /--timeout expected at most 60s for the socket service, got "61s"/],
  [
    'office ssh',
    /"office" has no knock: its connections let themselves in\n.*portknock proxy office 127\.0\.0\.1 22/,
  ],
];

for (const [line, message] of wrong) {
  test(`wrong use: ${line}`, async t => {
    const user = new User(t);
    await user.import(profile);
    await user.import(user.profile('127.0.0.1', { ssh: {} }));
    const file = writeSecret(user.folder, 'psk', psk);
    const words = line.split(' ').flatMap(word => (word === '{}' ? ['--psk-file', file] : [word]));
    const { status, stdout, stderr } = await user.run(words);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, stderr);
    assert.match(stderr, message);
  });
}

test('a door that the profile does not have', async t => {
  const user = new User(t);
  await user.import(profile);
  const { status, stderr } = await user.run(['proxy', 'office', 'office', '22', '--door', 'shs']);
  assert.equal(status, 1);
  assert.match(stderr, /has no door "shs"\n.*did you mean "ssh"\?/);
});

test('without a key and without the socket service', async t => {
  const user = new User(t);
  const { status, stderr } = await user.run(['connect', 'host', '22', '--socket', `${user.folder}/none`]);
  assert.equal(status, 1);
  assert.match(stderr, /none: .*socket service.*\n.*--psk-file/);
});

for (const words of [
  ['connect', 'host', '22'],
  ['connect', 'host', '22', '--psk-file', '{}'],
  ['socket-service'],
]) {
  test(`on another system: ${words[0]} ${words[3] ?? ''}`, async t => {
    const user = new User(t);
    const file = writeSecret(user.folder, 'psk', psk);
    // As little of koffi as Windows has of the C library.
    const script = `Object.defineProperty(process,'platform',{value:'win32'});process.dlopen=()=>{throw'koffi'}`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${script}`, LOCALAPPDATA: user.folder };
    const argv = words.map(word => (word === '{}' ? file : word));
    const { status, stderr } = await user.run(argv, { env });
    assert.equal(status, 1);
    assert.match(stderr, /^portknock: error: the sequence number can be chosen on Linux alone\n/);
  });
}

test('what is no socket takes no connection', t => {
  const user = new User(t);
  const file = writeSecret(user.folder, 'psk', psk);
  const output = openSync(`${user.folder}/output`, 'w');
  const argv = [clientPath, 'connect', '127.0.0.1', '22', '--psk-file', file, '--fdpass'];
  const env = { ...process.env, ...user.environment };
  const { status, stderr } = spawnSync(process.execPath, argv, {
    stdio: ['ignore', output, 'pipe'],
    encoding: 'utf8',
    env,
  });
  closeSync(output);
  assert.equal(status, 2);
  assert.match(stderr, /standard output is no socket.*\n.*ProxyUseFdpass yes/);
});

test('a profile that is not there, without the socket service', async t => {
  const user = new User(t);
  const { status, stderr } = await user.run(['proxy', 'none', 'h', '22', '--socket', `${user.folder}/none`]);
  assert.equal(status, 1);
  assert.match(stderr, /no profile "none"/);
});

test('files with the key that are none', async t => {
  const user = new User(t);
  const file = `${user.folder}/psk`;
  const cases: readonly [text: string, mode: number, message: RegExp][] = [
    ['', 0o600, /expected one line with the passphrase/],
    ['\n', 0o600, /expected one line with the passphrase/],
    [`${psk}\n${psk}\n`, 0o600, /expected one line with the passphrase/],
    [psk, 0o640, /others than its owner may use this secret \(mode 0640\)\n.*chmod 600/],
    ['x'.repeat(5000), 0o600, /not a file with a secret/],
  ];
  const connect = ['connect', '127.0.0.1', '22', '--psk-file', file];
  assert.match((await user.run(connect)).stderr, /psk: no such file/);
  const device = await user.run(['connect', '127.0.0.1', '22', '--psk-file', '/dev/null']);
  assert.match(device.stderr, /not a file with a secret/);
  for (const [text, mode, message] of cases) {
    writeFileSync(file, text);
    chmodSync(file, mode);
    const { status, stderr } = await user.run(connect);
    assert.equal(status, 1);
    assert.match(stderr, message);
    assert(!stderr.includes(psk));
  }
});

test('a negative offset is no option, and -T elsewhere is none of ours', () => {
  const read = (line: string) => {
    const invocation = readInvocation(line.split(' '));
    return 'options' in invocation ? invocation.options.clockOffset : undefined;
  };
  assert.equal(read('connect host 22 -p f -T -30s'), '-30s');
  assert.equal(read('connect host 22 -p f --clock-offset -30s'), '-30s');
  assert.equal(read('connect host 22 -p f --clock-offset=-30s'), '-30s');
  assert.equal(read('connect host 22 -p f -T 30s'), '30s');
  assert.equal(read('connect -T -30s host 22 -p f'), '-30s');
});

test('imported and listed, without the key', async t => {
  const user = new User(t);
  const { status, stdout, stderr } = await user.run(['import', '-'], { input: formatProfile(profile) });
  assert.deepEqual(
    { status, stdout, stderr },
    { status: 0, stdout: 'imported office (127.0.0.1): ssh, web\n', stderr: '' },
  );
  assert.equal((await user.run(['profiles'])).stdout, 'office (127.0.0.1): ssh, web\n');
  const json = (await user.run(['profiles', '--json'])).stdout;
  assert.deepEqual(JSON.parse(json), [
    { name: 'office', host: '127.0.0.1', method: 'sequence-number', doors: ['ssh', 'web'] },
  ]);
});
