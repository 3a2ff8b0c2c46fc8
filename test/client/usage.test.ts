/** The command line: what is wrong use, and what is said about it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readInvocation } from '../../src/client/invocation.js';
import { OperatorError } from '../../src/system/error.js';
import { User } from './program.js';

test('help and version go to standard output, no arguments to the other', async t => {
  const user = new User(t);
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  assert.deepEqual(await user.run(['--version']), {
    status: 0,
    stdout: `portknock ${version}\n`,
    stderr: '',
  });
  for (const argv of [['--help'], ['help'], ['home', '-h']]) {
    const { status, stdout, stderr } = await user.run(argv);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^usage: portknock PROFILE \[DOOR\] \[options\]$/m);
  }
  const { status, stdout, stderr } = await user.run([]);
  assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
  assert.match(stderr, /^usage: /);
});

const wrong: readonly [line: string, message: RegExp, hint: RegExp][] = [
  ['home --tiemout 5s', /^unknown option --tiemout$/, /mean --timeout\?/],
  ['home -46', /^unknown option -46$/, /--help/],
  ['home ssh --timeout 5s', /are about waiting/, /--wait PORT/],
  ['home ssh --door ssh', /^--door has no meaning for/, /portknock proxy PROFILE/],
  ['home ssh --client-id 7', /^--client-id has no meaning/, /HOST BASE-PORT COMMAND-ID/],
  ['profiles x', /one argument too many: "x"/, /it is: portknock profiles/],
  ['import', /too few arguments/, /it is: portknock import FILE/],
  ['proxy home host', /too few arguments/, /proxy PROFILE HOST PORT/],
  ['proxy home host ssh', /PORT expected a number from 1 to 65535, got "ssh"/, /^$/],
  ['proxi home host 22', /too many: "22"/, /did you mean: portknock proxy/],
  ['sequence', /too few arguments/, /portknock sequence HOST PORT/],
  ['sequence host', /no port to knock at on host/, /--one-time-sequences FILE/],
  ['sequence host 7000 --one-time-sequences f', /has the ports in its file/, /leave out 7000/],
  ['sequence host -u --one-time-sequences f', /--udp does not go/, /7000:udp/],
  ['sequence host 7000 --address none', /^--address has no meaning/, /portknock/],
  ['sequence host 7000 -t 5s', /are about waiting/, /--wait PORT/],
  ['datagram', /too few arguments/, /portknock datagram HOST --port PORT/],
  ['datagram host x', /one argument too many: "x"/, /portknock datagram HOST/],
  ['datagram host -t 5s', /are about waiting/, /--verify, or --wait PORT/],
  ['datagram host --delay 5', /^--delay has no meaning/, /portknock/],
  ['home ssh --pfx f', /^--pfx has no meaning/, /portknock datagram HOST/],
  ['home ssh --verify', /^--verify has no meaning/, /portknock datagram HOST/],
  ['datagrm host 7000 8000', /too many: "8000"/, /did you mean: portknock datagram/],
  ['home ssh --right tcp/22', /^--right has no meaning/, /portknock ca COMMAND/],
  ['ca list --verify', /^--verify has no meaning/, /portknock datagram HOST/],
  ['home -u', /^--udp has no meaning/, /portknock sequence/],
  ['sequense host 7000 8000', /too many: "8000"/, /did you mean: portknock sequence/],
  ['home ssh --spelling spread', /^--spelling has no meaning/, /HOST BASE-PORT COMMAND-ID/],
];

for (const [line, message, hint] of wrong) {
  test(`wrong use: ${line}`, () => {
    assert.throws(
      () => readInvocation(line.split(' ')),
      error => {
        assert(error instanceof OperatorError && error.code === 'usage');
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
}

const badly: readonly [line: string, message: RegExp][] = [
  ['', /missing: --client-id, --site-key-file, --key-file/],
  ['--client-id 7', /missing: --site-key-file, --key-file/],
  ['--client-id 7 --classic-passphrase-file f', /does not go with --client-id/],
  ['{} --client-id 65536', /option --client-id can only be set once/],
  ['{} --address home', /--address expected "auto", "local", "none" or an address, got "home"/],
  ['{} -4 -6', /exclude each other/],
  ['{} --spelling loose', /--spelling expected "ordered" or "spread", got "loose"/],
  ['{} --wait 0', /--wait expected a number from 1 to 65535, got "0"/],
  ['{} --wait 22 --timeout 10', /--timeout expected a duration/],
  ['{} --wait 22 --timeout 25h', /--timeout expected 1ms to 86400000ms, got "25h"/],
  ['{} --wait 22 --retries 31', /--retries expected a number from 0 to 30/],
  ['{} --delay 61s', /--delay expected/],
  ['{} --time yesterday', /--time expected milliseconds since 1970 or a time/],
  ['{} --time 2026-13-01', /--time expected/],
];

for (const [line, message] of badly) {
  test(`wrong options: ${line}`, async t => {
    const user = new User(t);
    const options = line
      .split(' ')
      .flatMap(word => (word === '{}' ? user.identity() : word === '' ? [] : [word]));
    const { status, stdout, stderr } = await user.run(['127.0.0.1', '40000', '1', ...options]);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
    assert.match(stderr, message);
  });
}

test('a time before the format begins', async t => {
  const user = new User(t);
  const { status, stderr } = await user.run([
    '127.0.0.1',
    '40000',
    '1',
    ...user.identity(),
    '-n',
    '--time',
    '0',
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /error: the clock says 1970-01-01.*\n.*hint: set the clock/);
});

test('the command of a sealed knock is a byte', async t => {
  const user = new User(t);
  const { status, stderr } = await user.run(['127.0.0.1', '40000', '256', ...user.identity()]);
  assert.equal(status, 2);
  assert.match(stderr, /COMMAND-ID expected a number from 0 to 255/);
});
