/** Who the listener becomes, where the administrator comes from, and what keeps a second daemon away. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLog, printable } from '../../src/daemon/log.js';
import { unprivileged } from '../../src/daemon/privileges.js';
import { openState } from '../../src/daemon/state.js';
import { OperatorError } from '../../src/system/error.js';
import { temporaryFolder, writeFile } from './folder.js';

const idOf = (option: string, name: string) =>
  Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
const nobody = { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') };
const me = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();

/** The command of a listener where we are the user of that number. */
function as(t: TestContext, uid: number, user: string): string[] {
  const getuid = t.mock.method(process as { getuid(): number }, 'getuid', () => uid);
  try {
    return unprivileged(user, ['/bin/node', 'listener.js', '--x'], { file: '/f' });
  } finally {
    getuid.mock.restore();
  }
}

const always = ['--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs'];
const identity = [`--reuid=${nobody.uid}`, `--regid=${nobody.gid}`, '--clear-groups'];

/** Who we are, whom the listener runs as, what setpriv is asked for. */
const becoming: readonly [string, number, string, readonly string[]][] = [
  ['root becomes another', 0, 'nobody', [...identity, '--bounding-set=-all', ...always]],
  ['root stays root, without capabilities', 0, 'root', ['--bounding-set=-all', ...always]],
  ['another stays himself', nobody.uid, 'nobody', always],
];

for (const [what, uid, user, options] of becoming) {
  test(`privileges: ${what}`, t => {
    const argv = as(t, uid, user);
    const end = argv.indexOf('--');
    assert.deepEqual(argv.slice(end), ['--', '/bin/node', 'listener.js', '--x']);
    assert.equal(argv[0], 'setpriv');
    assert.deepEqual(
      argv.slice(1, end).filter(option => !option.startsWith('--pdeathsig=')),
      options,
    );
    assert.equal(argv.slice(1, end).length, options.length + 1, 'it ends with us');
  });
}

test('privileges: what cannot be', t => {
  const refused = (uid: number, user: string) => {
    try {
      as(t, uid, user);
    } catch (error) {
      if (error instanceof OperatorError) return [error.code, error.file, error.hint?.split(' ')[0]];
    }
    return 'nothing was refused';
  };
  assert.deepEqual(refused(0, 'no-such-user'), ['no-user', '/f', 'adduser']);
  assert.deepEqual(refused(nobody.uid, 'root'), ['not-root', '/f', 'start']);
  assert.deepEqual(refused(12_345, 'nobody'), ['not-root', '/f', 'start']);
});

test('what setpriv starts has no capability and cannot gain one', () => {
  const [program, ...args] = unprivileged(me, ['/bin/cat', '/proc/self/status'], {});
  const status = execFileSync(program, args, { encoding: 'utf8' });
  for (const set of ['Inh', 'Prm', 'Eff', 'Amb']) {
    // Root that stays root has them again after exec, but for the bounding set.
    assert.match(status, new RegExp(`^Cap${set}:\\s*0+$`, 'm'));
  }
  assert.match(status, /^NoNewPrivs:\s*1$/m);
});

const origin = fileURLToPath(new URL('../../src/daemon/origin.js', import.meta.url));
const script = `import { sshOrigin } from ${JSON.stringify(origin)}; process.stdout.write(String(sshOrigin()));`;

/** What sshd said, and the address in it. */
const origins: readonly [string | undefined, string][] = [
  [undefined, 'undefined'],
  ['192.0.2.7 51000 198.51.100.1 22', '192.0.2.7'],
  ['2001:DB8::7 51000 2001:db8::1 22', '2001:db8::7'],
  ['fe80::7%eth0 51000 fe80::1%eth0 22', 'fe80::7'],
  ['::ffff:192.0.2.7 51000 ::1 22', '192.0.2.7'],
  ['UNKNOWN 65535 UNKNOWN 65535', 'undefined'],
  ['', 'undefined'],
];

/** Runs what asks for the origin, with a shell between us and it that has lost the variable, as sudo does. */
function originOf(variable: string | undefined, isLost: boolean): string {
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] };
  if (variable !== undefined) env['SSH_CONNECTION'] = variable;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const lost = ['sh', '-c', 'env -u SSH_CONNECTION "$@"; exit', 'sh', ...node];
  const [program = '', ...args] = isLost ? lost : node;
  return spawnSync(program, args, { env, encoding: 'utf8' }).stdout;
}

test('the administrator is where sshd says', () => {
  const before = process.env['SSH_CONNECTION'] === undefined;
  for (const [variable, address] of origins) {
    // We ourselves may be run through SSH.
    if (variable !== undefined || before) assert.equal(originOf(variable, false), address, variable);
  }
  assert.equal(
    originOf('192.0.2.7 51000 198.51.100.1 22', true),
    '192.0.2.7',
    'when a parent alone knows it',
  );
});

test('the state belongs to one daemon', t => {
  const folder = join(temporaryFolder(t), 'lib', 'state');
  const { journal } = openState(folder);
  assert.deepEqual(journal.owed, []);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(folder).sort(), ['datagrams', 'floor', 'journal', 'ledger', 'lock']);
  assert.throws(
    () => openState(folder),
    (error: unknown) => error instanceof OperatorError && error.code === 'running',
  );
});

test('the state is refused where others may write', t => {
  for (const mode of [0o720, 0o702, 0o1777]) {
    const folder = temporaryFolder(t);
    chmodSync(folder, mode);
    assert.throws(
      () => openState(folder),
      (error: unknown) =>
        error instanceof OperatorError &&
        error.code === 'open-state' &&
        error.hint === `chmod go-w ${folder}`,
    );
    assert.deepEqual(readdirSync(folder), []);
  }
  const file = writeFile(temporaryFolder(t), 'file', '');
  assert.throws(
    () => openState(file),
    (error: unknown) => error instanceof OperatorError && error.code === 'no-state',
  );
});

test('what others say is made fit for a line of a log', () => {
  assert.equal(printable('plain ä 你'), 'plain ä 你');
  assert.equal(printable('\x1b[2J\r\n\t\0\x7f\x85\x9b'), '?[2J???????');
  assert.equal(printable('x'.repeat(1000)).length, 500);
});

/** The log, to a terminal and to the journal. */
const prefixes: readonly [string | undefined, RegExp][] = [
  [
    undefined,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z portknockd: one\n[^ ]+ portknockd: warning: two\n[^ ]+ portknockd: error: three\n$/,
  ],
  ['8:1', /^<6>one\n<4>two\n<3>three\n$/],
];

for (const [stream, expected] of prefixes) {
  test(`log lines ${stream === undefined ? 'for people' : 'for the journal'}`, t => {
    const before = process.env['JOURNAL_STREAM'];
    t.after(() => {
      if (before === undefined) delete process.env['JOURNAL_STREAM'];
      else process.env['JOURNAL_STREAM'] = before;
    });
    if (stream === undefined) delete process.env['JOURNAL_STREAM'];
    else process.env['JOURNAL_STREAM'] = stream;
    const log = openLog('text');
    let text = '';
    const write = t.mock.method(process.stderr, 'write', (chunk: string) => {
      text += chunk;
      return true;
    });
    log.info({ event: 'x' }, 'one');
    log.warn('two');
    log.error('three');
    write.mock.restore();
    assert.match(text, expected);
  });
}
