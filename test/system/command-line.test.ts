/** Command lines: what is given is what arrives, and what cannot be meant is refused with the nearest that can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dashed, integerArgument, readCommandLine } from '../../src/system/command-line.js';
import { durationArgument, formatDuration, parseDuration, roughly } from '../../src/system/duration.js';
import { OperatorError } from '../../src/system/error.js';

const table = {
  json: { kind: 'flag' },
  config: { kind: 'text', short: 'c' },
  door: { kind: 'texts' },
  undoAfter: { kind: 'text' },
  help: { kind: 'flag', short: 'h' },
} as const;

const nothing = { json: false, config: undefined, door: [], undoAfter: undefined, help: false };

/** Arguments, what is left of them, options. */
const taken: readonly [readonly string[], readonly string[], object][] = [
  [[], [], {}],
  [['status', 'x'], ['status', 'x'], {}],
  [['--json', 'status'], ['status'], { json: true }],
  [['status', '--json', '--json'], ['status'], { json: true }],
  [['--config', 'f', 'x'], ['x'], { config: 'f' }],
  [['--config=f=g'], [], { config: 'f=g' }],
  [['-c', 'f', '-h'], [], { config: 'f', help: true }],
  [['-hc', 'f'], [], { config: 'f', help: true }],
  [['--door', 'a', 'x', '--door=b'], ['x'], { door: ['a', 'b'] }],
  [['--door', 'a,b'], [], { door: ['a,b'] }],
  [['--undo-after', '2m'], [], { undoAfter: '2m' }],
  [['--config', '007'], [], { config: '007' }],
  [['1e3', '0x10', '007', '-5'], ['1e3', '0x10', '007', '-5'], {}],
  [['--', '--json', '--door'], ['--json', '--door'], {}],
];

for (const [argv, input, options] of taken) {
  test(`taken: ${argv.join(' ')}`, () => {
    const read = readCommandLine(argv, table);
    assert.deepEqual(
      { input: read.input, options: { ...read.options } },
      { input, options: { ...nothing, ...options } },
    );
  });
}

/** Arguments, what is said, the hint. */
const refused: readonly [readonly string[], string, string | undefined][] = [
  [['--jsno'], 'unknown option --jsno', 'did you mean --json?'],
  [['--undoafter', '1s'], 'unknown option --undoafter', 'did you mean --undo-after?'],
  [['--undo-aftr=1s'], 'unknown option --undo-aftr', 'did you mean --undo-after?'],
  [['--something-else'], 'unknown option --something-else', 'see --help'],
  [['-x'], 'unknown option -x', undefined],
  [['-hx'], 'unknown option -x', undefined],
  [['--constructor'], 'unknown option --constructor', 'see --help'],
  [['--to-string=1'], 'unknown option --to-string', 'see --help'],
  [['--config'], '--config needs a value', undefined],
  [['--config='], '--config needs a value', undefined],
  [['--config', ''], '--config needs a value', undefined],
  [['--config', '--json'], '--config needs a value', undefined],
  [['-c'], '--config needs a value', undefined],
  [['--door'], '--door needs a value', undefined],
  [['--door='], '--door needs a value', undefined],
  [['--door', '--json'], '--door needs a value', undefined],
  [['--door', 'a', '--door'], '--door needs a value', undefined],
  [['x', '--door', '-c', 'f'], '--door needs a value', undefined],
  [['--config', 'a', '--config', 'b'], 'option --config can only be set once', undefined],
  [['-c', 'a', '--config=b'], 'option --config can only be set once', undefined],
];

function caught(action: () => unknown): OperatorError {
  try {
    action();
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

for (const [argv, message, hint] of refused) {
  test(`refused: ${argv.join(' ')}`, () => {
    const error = caught(() => readCommandLine(argv, table));
    assert.deepEqual([error.code, error.message], ['usage', message]);
    if (hint !== undefined) assert.equal(error.hint, hint);
  });
}

test('options are spelled as they are typed', () => {
  for (const [name, spelled] of [
    ['c', '-c'],
    ['json', '--json'],
    ['undoAfter', '--undo-after'],
    ['aBC', '--a-b-c'],
  ] as const) {
    assert.equal(dashed(name), spelled);
  }
});

test('whole numbers within bounds, in decimal digits', () => {
  for (const text of ['1', '065', '65535'])
    assert.equal(integerArgument('--n', text, 1, 65_535), Number(text));
  for (const text of [
    '',
    '0',
    '65536',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '0x10',
    ' 1',
    '1\n',
    '١',
    'NaN',
    '99999999999',
  ]) {
    const error = caught(() => integerArgument('--n', text, 1, 65_535));
    assert.deepEqual(
      [error.code, error.message],
      ['usage', `--n expected a number from 1 to 65535, got "${text}"`],
    );
  }
});

const durations: readonly [string, number][] = [
  ['0ms', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['90s', 90_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['999999999h', 3_599_999_996_400_000],
];

test('durations are read as they are written', () => {
  for (const [text, ms] of durations) assert.equal(parseDuration(text), ms, text);
  for (const text of [
    '',
    's',
    '30',
    '30 s',
    ' 30s',
    '30s ',
    '30s\n',
    '-1s',
    '+1s',
    '1.5s',
    '1w',
    '1 d',
    '30S',
    '1h30m',
    '1000000000s',
    '٣s',
  ]) {
    assert.equal(parseDuration(text), undefined, text);
  }
  const error = caught(() => durationArgument('--wait', '1w'));
  assert.deepEqual(
    [error.code, error.message],
    ['usage', '--wait expected a duration such as "30s", "500ms" or "10m", got "1w"'],
  );
  assert.equal(durationArgument('--wait', '2m'), 120_000);
});

test('durations are written as short as they can be', () => {
  const written: readonly [number, string][] = [
    [0, '0ms'],
    [1, '1ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1500, '1500ms'],
    [60_000, '1m'],
    [61_000, '61s'],
    [61_400, '61s'],
    [3_600_000, '1h'],
    [5_400_000, '90m'],
    [86_400_000, '24h'],
    [172_800_000, '2d'],
    [176_400_000, '49h'],
    [1.4, '1ms'],
  ];
  for (const [ms, text] of written) assert.equal(formatDuration(ms), text);
});

test('what is written of whole seconds is read as the same', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), seconds =>
      assert.equal(parseDuration(formatDuration(seconds * 1000)), seconds * 1000),
    ),
  );
});

test('spans for people are written to two digits or so', () => {
  const written: readonly [number, string][] = [
    [0, '0ms'],
    [1999, '1999ms'],
    [2000, '2s'],
    [90_400, '90s'],
    [600_123, '10m'],
    [7_100_000, '118m'],
    [7_200_000, '2h'],
    [400_000_000, '5d'],
    [63_000_000_000, '729d'],
    [143_165_576_500, '5y'],
  ];
  for (const [ms, text] of written) assert.equal(roughly(ms), text);
});
