/** Sockets with a sequence number of our choice: what is asked of the kernel, and what it says where it may not. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { libc } from '../../src/net/libc.js';
import { numberingObstacle, openNumbered, openUnconnected, putInPlace } from '../../src/net/repair.js';
import { missing, notIsolated } from '../e2e/harness/isolation.js';
import { Program } from '../e2e/harness/program.js';

for (const number of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
  test(`no number: ${number}`, () => {
    assert.throws(() => openNumbered(4, number), /^RangeError: "number" expected integer 1 to 4294967295/);
  });
}

/** The flags of an open descriptor, as open(2) has them. */
function flagsOf(fd: number): number {
  return Number.parseInt(/^flags:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!, 8);
}

const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;

test('does not block, and is closed by exec, also in the place of another', { skip: notIsolated }, () => {
  for (const family of [4, 6] as const) {
    const fd = openNumbered(family, 0xffffffff);
    assert.equal(flagsOf(fd) & (nonBlocking | closeOnExec), nonBlocking | closeOnExec);
    const place = openUnconnected(4);
    putInPlace(fd, place);
    assert.equal(flagsOf(place) & (nonBlocking | closeOnExec), nonBlocking | closeOnExec);
    assert.throws(() => flagsOf(fd), /ENOENT/);
    libc().close(place);
  }
});

test('what cannot be put in place is closed', { skip: notIsolated }, () => {
  const fd = openUnconnected(4);
  assert.throws(() => putInPlace(fd, -1), { code: 'EBADF', call: 'dup3' });
  assert.throws(() => flagsOf(fd), /ENOENT/);
});

test('what is in the way', { skip: notIsolated }, async t => {
  assert.equal(numberingObstacle(), undefined);
  const script = `import { numberingObstacle } from '${new URL('../../src/net/repair.js', import.meta.url)}';
    process.stdout.write(String(numberingObstacle()))`;
  const bare = ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin', process.execPath];
  const program = new Program(t, 'setpriv', [...bare, '--input-type=module', '-e', script], { input: '' });
  assert.equal((await program.end()).status, 0, program.output);
  assert.equal(program.stdout, 'no-privilege');
});

test('a kernel that does not know it', { skip: missing('strace') }, async t => {
  const script = `import { numberingObstacle } from '${new URL('../../src/net/repair.js', import.meta.url)}';
    process.stdout.write(String(numberingObstacle()))`;
  for (const code of ['EINVAL', 'ENOPROTOOPT', 'ENOSYS']) {
    const tracer = [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      `inject=setsockopt:error=${code}`,
      process.execPath,
    ];
    const program = new Program(t, 'strace', [...tracer, '--input-type=module', '-e', script], { input: '' });
    assert.equal((await program.end()).status, 0, program.output);
    assert.equal(program.stdout, 'no-repair');
  }
});

test('on another system', () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' });
  try {
    assert.equal(numberingObstacle(), 'not-linux');
  } finally {
    Object.defineProperty(process, 'platform', platform);
  }
});
