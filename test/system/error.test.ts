/** How a program says what went wrong, and with which status it ends. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { describe, errorCode, OperatorError, OperatorErrors, report } from '../../src/system/error.js';

function reported(t: TestContext, error: unknown): readonly [number, string] {
  let text = '';
  const write = t.mock.method(process.stderr, 'write', (chunk: string) => {
    text += chunk;
    return true;
  });
  try {
    return [report('portknockd', error), text];
  } finally {
    write.mock.restore();
  }
}

const at = (line: number | undefined, hint?: string) => ({ file: '/etc/p.toml', line, hint });

/** What went wrong, the status, what is on standard error. */
const reports: readonly [string, unknown, number, string][] = [
  ['a message alone', new OperatorError('x', 'no table'), 1, 'portknockd: error: no table\n'],
  [
    'wrong use',
    new OperatorError('usage', 'unknown option --x', { hint: 'see --help' }),
    2,
    'portknockd: error: unknown option --x\nportknockd: hint: see --help\n',
  ],
  ['a file', new OperatorError('x', 'bad', at(undefined)), 1, 'portknockd: error: /etc/p.toml: bad\n'],
  [
    'a line',
    new OperatorError('x', 'bad', at(3, 'do it')),
    1,
    'portknockd: error: /etc/p.toml:3: bad\nportknockd: hint: do it\n',
  ],
  [
    'many, each with its hint',
    new OperatorErrors([
      new OperatorError('usage', 'one', at(1, 'do it')),
      new OperatorError('x', 'two', at(2)),
    ]),
    1,
    'portknockd: error: /etc/p.toml:1: one\nportknockd: hint: do it\nportknockd: error: /etc/p.toml:2: two\n',
  ],
  [
    'more than anybody reads',
    new OperatorErrors(Array.from({ length: 53 }, () => new OperatorError('x', 'bad'))),
    1,
    `${'portknockd: error: bad\n'.repeat(50)}portknockd: error: and 3 more mistakes\n`,
  ],
  ['what is no error', 'odd', 1, 'portknockd: error: unexpected: odd\n'],
];

for (const [what, error, status, text] of reports) {
  test(`reported: ${what}`, t => assert.deepEqual(reported(t, error), [status, text]));
}

test('what is ours to mend comes with its trace', t => {
  const [status, text] = reported(t, new TypeError('x is not a function'));
  assert.equal(status, 1);
  assert.match(text, /^portknockd: error: unexpected: TypeError: x is not a function\n {4}at /);
});

test('many errors are one with all their words', () => {
  const errors = [new OperatorError('a', 'one', at(1)), new OperatorError('b', 'two')];
  const all = new OperatorErrors(errors);
  assert.deepEqual(all.errors, errors);
  assert.equal(all.message, '/etc/p.toml:1: one\ntwo');
  assert.deepEqual(errors.map(describe), ['/etc/p.toml:1: one', 'two']);
  assert.deepEqual([all.name, errors[0]?.name], ['OperatorErrors', 'OperatorError']);
});

test('codes are those of Node, in text', () => {
  assert.equal(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT');
  for (const none of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 5 }),
    { code: 'ENOENT' },
    'x',
    undefined,
    null,
  ]) {
    assert.equal(errorCode(none), undefined);
  }
});
