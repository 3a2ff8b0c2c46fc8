/** Plain sequences in portknockd.toml: what their keys take, what they refuse, and what is warned of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/daemon/config.js';
import { temporaryFolder, writeFile } from './folder.js';
import { mistakesIn as mistakesAndHintsIn, read } from './reading.js';

const before = '[[door]]\nname = "ssh"\nservices = ["tcp/22"]\n';
const sequence = 'sequence = ["7000/tcp", "9000/udp", "8000/tcp"]\n';

/** What is wrong, without what may mend it. */
const mistakesIn = (...args: Parameters<typeof mistakesAndHintsIn>) =>
  mistakesAndHintsIn(...args).map(text => text.replace(/ \([^)]*\)$/, ''));

const ofSequence = (config: Config, key: string) =>
  (config.doors[0]!.sequence as unknown as Readonly<Record<string, unknown>>)[key];

/** Lines, and what a key of the sequence comes to. */
const taken: readonly (readonly [lines: string, key: string, value: unknown])[] = [
  [
    sequence,
    'steps',
    [
      { protocol: 6, port: 7000 },
      { protocol: 17, port: 9000 },
      { protocol: 6, port: 8000 },
    ],
  ],
  [sequence, 'timeoutMs', 25_000],
  [`${sequence}sequence_timeout = "1h"`, 'timeoutMs', 3_600_000],
  [sequence, 'flags', { mask: 0x17, value: 0x02 }],
  [`${sequence}tcp_flags = []`, 'flags', { mask: 0, value: 0 }],
  [`${sequence}tcp_flags = ["!fin", "urg", "psh", "!rst", "ack"]`, 'flags', { mask: 0x3d, value: 0x38 }],
  [sequence, 'allowDuplicates', false],
  [`${sequence}allow_duplicates = true`, 'allowDuplicates', true],
  [sequence, 'scanGuard', true],
  [`${sequence}scan_guard = false`, 'scanGuard', false],
];

for (const [lines, key, value] of taken) {
  test(`taken: ${lines.replaceAll('\n', ' ')}: ${key}`, t => {
    assert.deepEqual(ofSequence(read(t, before + lines), key), value);
  });
}

const aStep = 'a port such as "7000/tcp" or "8000/udp"';
const someFlags =
  'a list of "fin", "syn", "rst", "psh", "ack", "urg", each once, with "!" before it where it must not be set';

/** Lines, and the one mistake in them, after its line. */
const refused: readonly (readonly [lines: string, mistake: string])[] = [
  [
    'sequence = "7000"',
    `4: door[1].sequence: expected a list of ports such as ["7000/tcp", "8000/udp"], got "7000"`,
  ],
  ['sequence = []', '4: door[1].sequence: expected at least one port, got []'],
  ['sequence = ["7000"]', `4: door[1].sequence[1]: expected ${aStep}, got "7000"`],
  ['sequence = ["0/tcp"]', `4: door[1].sequence[1]: expected ${aStep}, got "0/tcp"`],
  ['sequence = ["65536/tcp"]', `4: door[1].sequence[1]: expected ${aStep}, got "65536/tcp"`],
  ['sequence = ["7000/TCP"]', `4: door[1].sequence[1]: expected ${aStep}, got "7000/TCP"`],
  ['sequence = ["tcp/7000"]', `4: door[1].sequence[1]: expected ${aStep}, got "tcp/7000"`],
  [`${sequence}tcp_flags = ["SYN"]`, `5: door[1].tcp_flags: expected ${someFlags}, got ["SYN"]`],
  [
    `${sequence}tcp_flags = ["syn", "!syn"]`,
    `5: door[1].tcp_flags: expected ${someFlags}, got ["syn","!syn"]`,
  ],
  [
    `${sequence}sequence_timeout = "999ms"`,
    '5: door[1].sequence_timeout: expected a duration from "1s" to "1h", got "999ms"',
  ],
  [`${sequence}scan_guard = 1`, '5: door[1].scan_guard: expected true or false, got 1'],
  ['command = 1\nscan_guard = true', '5: door "ssh": "scan_guard" goes with "sequence" only'],
  ['', '1: door "ssh": "command" is missing'],
  [
    `${sequence}one_time_sequences = "f"`,
    '5: door "ssh": expected either "sequence" or "one_time_sequences", got both',
  ],
];

for (const [lines, mistake] of refused) {
  test(`refused: ${mistake}`, t => assert.deepEqual(mistakesIn(t, `${before}${lines}\n`), [mistake]));
}

test('more ports than there can be', t => {
  const list = Array.from({ length: 33 }, (_, i) => `"${7000 + i}/tcp"`).join(', ');
  const [mistake] = mistakesIn(t, `${before}sequence = [${list}]\n`);
  assert.match(mistake!, /^4: door\[1\]\.sequence: expected at most 32 ports, got /);
});

test('a client asks for doors that have a number', t => {
  const text = `${before}${sequence}[[client]]\nname = "old"\nclassic_passphrase_file = "p"\ndoors = ["ssh"]\n`;
  const found = mistakesIn(t, text).filter(mistake => mistake.includes('command'));
  assert.deepEqual(found, ['8: client "old": door "ssh" has no "command" to ask for']);
});

test('an interface goes with from = "interface", and only with it', t => {
  const from = (lines: string) => `[capture]\n${lines}\n`;
  assert.deepEqual(read(t, from('from = "interface"\ninterface = "any"')).capture, {
    from: 'interface',
    interface: 'any',
    ipv6: true,
  });
  assert.deepEqual(mistakesIn(t, from('from = "interface"')), [
    '1: capture.interface: "interface" is missing',
  ]);
  assert.deepEqual(mistakesIn(t, from('interface = "eth0"')), [
    '2: capture.interface: it goes with from = "interface" only',
  ]);
  const [mistake] = mistakesIn(t, from('from = "interface"\ninterface = "a b"'));
  assert.equal(
    mistake,
    '3: capture.interface: expected the name of a network interface, or "any", got "a b"',
  );
});

/** Sequences, each of a door of its own, and what is warned of. */
const warned: readonly (readonly [sequences: readonly string[], warnings: readonly string[]])[] = [
  [['7000/tcp 9000/tcp 8000/tcp'], []],
  [['9000/tcp 7000/tcp'], ['fewer than 3 different ports', 'a port scan downwards']],
  [['7/tcp 7/tcp 7/tcp 7/tcp'], ['fewer than 3 different ports']],
  [['7005/tcp 7006/tcp 7007/tcp'], ['a port scan upwards knocks']],
  [['7000/tcp 8000/tcp 9000/tcp'], ['a port scan upwards that reaches']],
  [['9/tcp 5/udp 1/tcp'], ['a port scan downwards knocks']],
  [['5/tcp 9/tcp 1/tcp', '5/tcp 9/tcp 1/tcp'], ['"d0" and "d1" have the same sequence']],
  [['5/tcp 9/tcp 1/tcp', '5/tcp 9/tcp 1/tcp 7/tcp'], ['"d0": its sequence begins that of "d1"']],
];

for (const [sequences, warnings] of warned) {
  test(`warned of: ${sequences.join(' and ')}`, t => {
    const doors = sequences.map((text, index) => {
      const list = text.split(' ').map(step => `"${step}"`);
      return `[[door]]\nname = "d${index}"\nservices = ["tcp/22"]\nsequence = [${list.join(', ')}]\n`;
    });
    const found = read(t, doors.join('')).warnings;
    assert.equal(found.length, warnings.length, found.join('\n'));
    for (const [index, part] of warnings.entries()) assert.ok(found[index]!.includes(part), found[index]);
  });
}

test('a file of one-time sequences: the first that is not used, or a door that stays shut', t => {
  const folder = temporaryFolder(t);
  writeFile(folder, 'used', '#1,2,3\n');
  writeFile(folder, 'once', '#1,2,3\n 4,5:udp,6\n');
  const text = (file: string) => `${before}one_time_sequences = "${file}"\n`;
  assert.deepEqual(ofSequence(read(t, text('once'), folder), 'steps'), [
    { protocol: 6, port: 4 },
    { protocol: 17, port: 5 },
    { protocol: 6, port: 6 },
  ]);
  const used = read(t, text('used'), folder);
  assert.deepEqual(ofSequence(used, 'steps'), []);
  assert.match(used.warnings.join(), /:4: no more sequences left in .* for door ssh --> disabling the door$/);
  assert.equal(mistakesIn(t, text('missing'), folder).length, 1);
});
