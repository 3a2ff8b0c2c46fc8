/** knockd.conf read: what is refused, in whose words, and what its values become. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type KnockdDoor,
  readKnockdConf,
  requireSequence,
  type Surroundings,
} from '../../../src/daemon/knockd/grammar.js';
import { parseSequence } from '../../../src/methods/plain-sequence/format.js';
import { OperatorError } from '../../../src/system/error.js';
import { legal, malformed } from './configurations.js';

const file = '/etc/knockd.conf';

/** As a daemon does: all of it, then each door's sequence. */
function read(text: string, surroundings?: Surroundings) {
  const conf = readKnockdConf(text, file, () => {}, surroundings);
  for (const door of conf.doors) requireSequence(door, file);
  return conf;
}

function refusal(text: string): OperatorError {
  try {
    read(text);
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error('not refused');
}

function onlyDoor(...lines: string[]): KnockdDoor {
  const [door, ...others] = read(['[ssh]', 'sequence = 1', ...lines].join('\n')).doors;
  assert(door !== undefined && others.length === 0);
  return door;
}

for (const [name, text, words] of malformed) {
  test(`refused: ${name}`, () => {
    const { message, file: where, line, hint } = refusal(text);
    assert.equal(message, words);
    assert.equal(where, file);
    assert(hint !== undefined && hint.length > 0);
    const said = /line (\d+)/.exec(words)?.[1];
    if (said !== undefined) assert.equal(line, Number(said));
  });
}

for (const [name, text] of legal) {
  test(`taken: ${name}`, () => void read(text));
}

const hints: readonly [string, RegExp][] = [
  ['[a]\nsequenc = 1', /^did you mean "sequence"\?$/],
  ['[options]\nlogfiel = 1', /^did you mean "logfile"\?$/],
  ['[options]\nsequence = 1', /belongs to a door/],
  ['[a]\nlogfile = x', /belongs to \[options\]/],
  ['[a]\nsequence', /^write sequence = and a value$/],
  ['[a]\nsequence 7000', /^write key = value$/],
  ['[a]\nqqqqqqqq = 1', /^known here: sequence, /],
  ['[a]\nusesyslog = 1', /alone/],
  ['[a]\n; x', /begins with #/],
  ['[a] # x', /no comment behind/],
  ['\uFEFF[a]', /byte order mark/],
  ['x = 1', /begin a section above/],
  ['[a]\nsequence = 7000:tcp # x', /no comment/],
  ['[a]\nsequence = 7000:foo', /tcp or udp/],
  ['[a]\nsequence = 70000', /65535/],
  ['[a]\ntcpflags = syn, ack', /no blanks/],
  ['[a]\ntcpflags = syn # ack', /no comment/],
  ['[a]\ntcpflags = sin', /flags are fin/],
];

for (const [text, hint] of hints) {
  test(`a hint: ${JSON.stringify(text)}`, () => assert.match(refusal(text).hint ?? '', hint));
}

test('what is not given', () => {
  assert.deepEqual(onlyDoor(), {
    name: 'ssh',
    line: 1,
    sequence: [{ protocol: 6, port: 1 }],
    seqTimeoutSeconds: 25,
    flags: { mask: 0, value: 0 },
    cmdTimeoutSeconds: 10,
  });
  assert.deepEqual(read(''), { useSyslog: false, doors: [] });
});

test('all keys of a door', () => {
  const lines = ['Seq_Timeout = 5', 'TCPFlags = syn,!ACK,psh,!psh', 'Target = 192.0.2.1', 'Cmd_Timeout = 7'];
  const commands = ['Command = a = %IP%', 'Command_6 =', 'Stop_Command = c', 'Stop_Command_6 = d'];
  assert.deepEqual(onlyDoor(...lines, ...commands), {
    name: 'ssh',
    line: 1,
    sequence: [{ protocol: 6, port: 1 }],
    seqTimeoutSeconds: 5,
    flags: { mask: 26, value: 2 },
    target: '192.0.2.1',
    startCommand: 'a = %IP%',
    startCommand6: '',
    stopCommand: 'c',
    stopCommand6: 'd',
    cmdTimeoutSeconds: 7,
  });
});

const ports: readonly [string, number][] = [
  ['', 0],
  ['x7', 0],
  ['\v +7x', 7],
  ['- 7', 0],
  ['0x10', 0],
  ['-1', 65535],
  ['-70000', 61072],
  ['4294967297', 1],
  ['3000000000', 24064],
  ['9223372036854775808', 65535],
  ['-9223372036854775809', 0],
];

for (const [text, port] of ports) {
  test(`a port: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(onlyDoor(`sequence = 5,${text}`).sequence[1], { protocol: 6, port });
  });
}

test('the flag bits are those of TCP', () => {
  const names = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'];
  const bits = names.map(name => onlyDoor(`tcpflags = ${name}`).flags);
  assert.deepEqual(
    bits,
    [1, 2, 4, 8, 16, 32].map(bit => ({ mask: bit, value: bit })),
  );
  assert.deepEqual(onlyDoor('tcpflags = !urg').flags, { mask: 32, value: 0 });
});

test('options: the last file, the first interface', () => {
  const lines = ['LogFile = a', 'LogFile = b', 'PidFile = p', 'Interface =', `Interface = ${'i'.repeat(40)}`];
  assert.deepEqual(read(['[options]', 'usesyslog', ...lines, 'Interface = eth1'].join('\n')), {
    useSyslog: true,
    logFile: 'b',
    pidFile: 'p',
    interface: 'i'.repeat(31),
    doors: [],
  });
  assert.equal(read('[options]\nInterface = eth1', { interfaceIsGiven: true }).interface, undefined);
});

test('doors keep their order and the lines that they begin on', () => {
  const { doors } = read('[a]\nsequence = 1\n\n[options]\n[b]\nsequence = 2\n[a]\nsequence = 3\n');
  assert.deepEqual(
    doors.map(({ name, line }) => [name, line]),
    [
      ['a', 1],
      ['b', 5],
      ['a', 7],
    ],
  );
});

test('a one-time file is noted, or asked', () => {
  const text = '[a]\none_time_sequences = /etc/once\n';
  const [noted] = readKnockdConf(text, file).doors;
  assert.deepEqual(noted?.oneTimeSequences, { path: '/etc/once', line: 2 });
  assert.deepEqual(noted?.sequence, []);
  const lines: string[] = [];
  const steps = parseSequence('1,2:udp');
  assert(!('mistake' in steps));
  const nextOneTime = (path: string, line: number) => {
    assert.deepEqual([path, line], ['/etc/once', 2]);
    return steps;
  };
  const [asked] = readKnockdConf(text, file, line => lines.push(line), { nextOneTime }).doors;
  assert.deepEqual(asked?.sequence, steps);
  assert.deepEqual(lines, [
    "config: new section: 'a'",
    'config: a: one time sequences file: /etc/once',
    'new sequence for door a: 1:tcp,2:udp',
    'config: a: sequence: 1:tcp,2:udp',
  ]);
  const left: string[] = [];
  const none = readKnockdConf(text, file, line => left.push(line), { nextOneTime: () => [] });
  assert.deepEqual(none.doors[0]?.sequence, []);
  assert.equal(left.at(-1), 'config: no more sequences left in the one time sequences file /etc/once');
});
