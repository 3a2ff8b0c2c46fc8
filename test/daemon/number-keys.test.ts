/** Sequence numbers in portknockd.toml: what their keys take and refuse, what is warned of, and what `check` says. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { check } from '../../src/daemon/check.js';
import { type Config, Permissions } from '../../src/daemon/config.js';
import { numberSources, stepsAtOnce } from '../../src/daemon/series.js';
import { summary } from '../../src/daemon/wording.js';
import { folderWithKeys, writeFile } from './folder.js';
import { mistakesIn, read } from './reading.js';

const hexPsk = '5eed'.repeat(16);

/** A folder with psks of that many clients, c1.psk and so on, beside the keys. */
function folderWithPsks(t: TestContext, count = 2): string {
  const folder = folderWithKeys(t);
  for (let index = 1; index <= count; index++) writeFile(folder, `c${index}.psk`, `${hexPsk}${index}\n`);
  return folder;
}

const door = (name: string, services: string, more = '') =>
  `[[door]]\nname = "${name}"\nservices = [${services}]\nsequence_number = true\n${more}`;
const client = (index: number, doors = '"ssh"', more = '') =>
  `[[client]]\nname = "c${index}"\npsk_file = "c${index}.psk"\ndoors = [${doors}]\n${more}`;
const ssh = door('ssh', '"tcp/22"');
/** Eight lines: a door and a client. */
const small = ssh + client(1);
const numbers = (lines: string) => `[sequence_number]\n${lines}\n${small}`;

const settingsOf = (t: TestContext, text: string) => read(t, text, folderWithPsks(t)).sequenceNumber;

test('without a section the defaults hold, and there need be no window', t => {
  const config = read(t, small, folderWithPsks(t));
  assert.deepEqual(config.sequenceNumber, {
    periodMs: 30_000,
    toleranceMs: 30_000,
    port: undefined,
    guessesPerSecond: 10,
  });
  assert.equal(config.portSequence, undefined);
  const psk = Buffer.from(`${hexPsk}1`);
  assert.deepEqual(config.clients, [{ kind: 'psk', name: 'c1', doors: ['ssh'], revoked: false, psk }]);
  const [first] = config.doors;
  assert.ok(first?.kind === 'services' && first.sequenceNumber && first.command === undefined);
  assert.deepEqual(config.warnings, []);
});

for (const [line, key, value] of [
  ['period = "1s"', 'periodMs', 1000],
  ['period = "1h"\ntolerance = "0s"', 'periodMs', 3_600_000],
  ['period = "90000ms"', 'periodMs', 90_000],
  ['tolerance = "0s"', 'toleranceMs', 0],
  ['tolerance = "1h"', 'toleranceMs', 3_600_000],
  ['port = 1', 'port', 1],
  ['port = 65535', 'port', 65_535],
  ['guesses_per_second = 1', 'guessesPerSecond', 1],
  ['guesses_per_second = 100000', 'guessesPerSecond', 100_000],
] as const) {
  test(`taken: ${line.replace('\n', ' ')}`, t => {
    assert.equal(settingsOf(t, numbers(line))?.[key], value);
  });
}

const aPeriod = 'sequence_number.period: expected whole seconds from "1s" to "1h"';
const aTolerance = 'sequence_number.tolerance: expected whole seconds from "0s" to "1h"';
const aPort = 'sequence_number.port: expected an integer from 1 to 65535';
const aRate = 'sequence_number.guesses_per_second: expected an integer from 1 to 100000';
const ownClient = '(give each way to knock a client of its own)';

const refused: readonly (readonly [text: string, ...mistakes: string[]])[] = [
  [numbers('period = "0s"'), `2: ${aPeriod}, got "0s"`],
  [numbers('period = "1500ms"'), `2: ${aPeriod}, got "1500ms"`],
  [numbers('period = "3601s"'), `2: ${aPeriod}, got "3601s"`],
  [numbers('period = 30'), `2: ${aPeriod}, got 30`],
  [numbers('tolerance = "1ms"'), `2: ${aTolerance}, got "1ms"`],
  [numbers('tolerance = "61m"'), `2: ${aTolerance}, got "61m"`],
  [numbers('port = 0'), `2: ${aPort}, got 0`],
  [numbers('guesses_per_second = 0'), `2: ${aRate}, got 0`],
  [numbers('guesses_per_second = 100001'), `2: ${aRate}, got 100001`],
  [numbers('perid = "1s"'), '2: unknown key "perid" in sequence_number (did you mean "period"?)'],
  [`sequence_number = true\n${small}`, '1: expected a table [sequence_number], got true'],
  [ssh.replace('true', '1') + client(1), '4: door[1].sequence_number: expected true or false, got 1'],
  [small.replace('"c1.psk"', '7'), '7: client[1].psk_file: expected a path, got 7'],
  [
    `[sequence_number]\nport = 2222\n${door('ssh', '"tcp/22", "tcp/80"')}${client(1)}`,
    '2: sequence_number.port: expected one service with sequence numbers, got tcp/22, tcp/80: a number seen at one would be good at the others (clients can say which port with --mac-port)',
  ],
  [
    door('ssh', '"tcp/22", "udp/53"'),
    '3: door "ssh": sequence numbers are for TCP alone, and it has udp/53 (give its UDP services a door of their own)',
  ],
  [
    '[[door]]\nname = "x"\ncommand = 1\nrun = ["/bin/true"]\nsequence_number = true\n',
    '5: door "x": "sequence_number" goes with "services" only',
  ],
  [
    `${ssh}open_for = "30s"\n${client(1)}`,
    '5: door "ssh": "open_for" goes with "command" or "sequence" only (leave it out: a number lets in one connection, and opens nothing that could be closed)',
  ],
  [
    `${ssh}single_use = true\n${client(1)}`,
    '5: door "ssh": "single_use" goes with "command" or "sequence" only (leave it out: a number lets in one connection, and opens nothing that could be closed)',
  ],
  [
    ssh.replace('true', 'false'),
    '1: door "ssh": "command" is missing (number it for clients with "command", or give it a "sequence" or sequence_number = true)',
  ],
  [
    `[capture]\nfrom = "stdin"\n${small}`,
    '6: door "ssh": sequence numbers need [capture] from = "nflog", for who came in is heard there',
  ],
  [
    `[capture]\nfrom = "interface"\ninterface = "eth0"\n${small}`,
    '7: door "ssh": sequence numbers need [capture] from = "nflog", for who came in is heard there',
  ],
  [`${small}id = 7\n`, `9: client "c1": "id" does not go with "psk_file" ${ownClient}`],
  [`${small}key_file = "x"\n`, `9: client "c1": "key_file" does not go with "psk_file" ${ownClient}`],
  [
    `${small}classic_passphrase_file = "old.pass"\naddress = "optional"\n`,
    `9: client "c1": "classic_passphrase_file" does not go with "psk_file" ${ownClient}`,
    `10: client "c1": "address" does not go with "psk_file" ${ownClient}`,
  ],
  [small.replace('c1.psk', 'c9.psk'), '7: c9.psk: no such file'],
  [
    `${ssh}${client(1)}${client(2).replace('c2.psk', 'c1.psk')}`,
    '11: client "c2": its psk is that of client "c1" (make another with: openssl rand -hex 32)',
  ],
  [
    `${ssh}${client(1)}revoked = true\n${client(2).replace('c2.psk', 'c1.psk')}`,
    '12: client "c2": its psk is that of client "c1" (make another with: openssl rand -hex 32)',
  ],
  [
    `${small}[[door]]\nname = "web"\ncommand = 2\nservices = ["tcp/80"]\n`.replace('["ssh"]', '["web"]'),
    '8: client "c1": door "web" takes no sequence numbers (give the door sequence_number = true)',
  ],
  [
    `${small}[[door]]\nname = "b"\ncommand = 2\nrun = ["/bin/true"]\n`.replace('["ssh"]', '["b"]'),
    '8: client "c1": door "b" takes no sequence numbers (give the door sequence_number = true)',
  ],
  [
    `[port_sequence]\nbase_port = 40000\n${ssh}[[client]]\nname = "old"\nclassic_passphrase_file = "old.pass"\ndoors = ["ssh"]\n`,
    '10: client "old": door "ssh" has no "command" to ask for',
  ],
  [
    `${small}[[client]]\nname = "old"\nclassic_passphrase_file = "old.pass"\ndoors = ["ssh"]\n`.replace(
      'sequence_number = true',
      'sequence_number = true\ncommand = 1',
    ),
    '6: clients need a section [port_sequence] with "base_port" and "site_key_file"',
  ],
  [
    numbers('period = "1s"\ntolerance = "1h"').replace(
      '"tcp/22"',
      Array.from({ length: 19 }, (_, i) => `"tcp/${i + 1}"`).join(', '),
    ),
    '1: [sequence_number]: 7202 periods at once for 19 pairs of client and service make 136838 numbers, and there is room for 131072 (choose a longer period or a smaller tolerance, or give clients fewer doors)',
  ],
];

for (const [text, ...expected] of refused) {
  test(`refused: ${expected[0]}`, t => {
    assert.deepEqual(mistakesIn(t, text, folderWithPsks(t)), expected);
  });
}

for (const text of [
  `${ssh}command = 1\nopen_for = "30s"\nsingle_use = true\n${client(1)}`,
  `${ssh}sequence = ["1/tcp", "9/udp", "3/tcp"]\nopen_for = "30s"\n${client(1)}`,
  numbers('port = 2222'),
  `${door('a', '"tcp/22"')}${door('b', '"tcp/22"')}${client(1, '"a", "b"')}`,
]) {
  test(`taken: ${text.replaceAll('\n', ' ')}`, t => {
    assert.deepEqual(mistakesIn(t, text, folderWithPsks(t)), []);
  });
}

test('as many periods at once as clocks can be in', () => {
  for (const [periodMs, toleranceMs, steps] of [
    [30_000, 30_000, 3],
    [30_000, 0, 1],
    [30_000, 1000, 2],
    [1000, 1500, 4],
    [60_000, 45_000, 3],
  ] as const) {
    assert.equal(stepsAtOnce({ periodMs, toleranceMs }), steps);
  }
});

test('each client has numbers for each of its services once, and a revoked one has none', t => {
  const text = `${door('a', '"tcp/22", "tcp/80"')}${door('b', '"tcp/80", "tcp/443"')}${client(1, '"a", "b"')}${client(2, '"a"', 'revoked = true\n')}${client(3, '"b"')}`;
  const found = (config: Config) =>
    numberSources(config).map(({ psk, derivedFor, port }) => [psk.at(-1)! - 0x30, derivedFor, port]);
  assert.deepEqual(found(read(t, text, folderWithPsks(t, 3))), [
    [1, 22, 22],
    [1, 80, 80],
    [1, 443, 443],
    [3, 80, 80],
    [3, 443, 443],
  ]);
  assert.deepEqual(found(read(t, numbers('port = 2222'), folderWithPsks(t))), [[1, 2222, 22]]);
});

test('check tells the odds of guessing', t => {
  const text = numbers('guesses_per_second = 20') + client(2) + door('web', '"tcp/443"');
  const { text: said, warnings } = check(read(t, `user = "root"\n${text}`, folderWithPsks(t)));
  assert.deepEqual(
    said.split('\n').filter(line => /^(numbers|door|client)/.test(line)),
    [
      'numbers         tcp/22 6 good at once: one guess in 715827883 is right; at 20 a second one source needs 414d on average, 1000 sources 10h',
      'numbers         tcp/443 0 good at once: no client may use it',
      'door            ssh (sequence number) lets one connection in to tcp/22',
      'door            web (sequence number) lets one connection in to tcp/443',
      'client          c1 (sequence numbers) may use ssh',
      'client          c2 (sequence numbers) may use ssh',
    ],
  );
  assert.deepEqual(warnings, ['the listener runs as root: give it a user of its own']);
  const both = check(read(t, small.replace('true', 'true\ncommand = 1'), folderWithPsks(t)));
  assert.match(
    both.text,
    /ssh \(command 1\) opens tcp\/22 for 30s; a sequence number lets one connection in\n/,
  );
});

test('what is unwise is warned of', t => {
  const folder = folderWithPsks(t);
  writeFile(folder, 'c1.psk', 'fifteen letterß\n');
  const text = numbers('tolerance = "30m"\nperiod = "1s"').replace('"c1"', '"c1"\nrevoked = false');
  assert.deepEqual(read(t, text, folder).warnings, [
    'client "c1": its psk has fewer than 16 characters: whoever records a connection can try passphrases at full speed',
    'tcp/22: 3601 sequence numbers are good at once, so a source that guesses all the time is let in after 33h on average; lower guesses_per_second, or choose a smaller tolerance or a longer period',
  ]);
  writeFile(folder, 'c1.psk', 'sixteen lettersß\n');
  assert.deepEqual(read(t, small, folder).warnings, []);
  assert.deepEqual(
    read(t, '[sequence_number]\n[[door]]\nname = "a"\ncommand = 1\nservices = ["tcp/1"]\n', folder).warnings,
    ['[sequence_number] means nothing: no door has sequence_number = true'],
  );
});

test('the summary of a configuration names its periods', t => {
  assert.equal(
    summary(read(t, numbers('period = "1m"'), folderWithPsks(t))),
    '1 door, 1 client, knocks from NFLOG group 5, sequence numbers every 1m, clocks within 30s',
  );
});

test('a client with numbers comes in by them, and opens nothing', t => {
  const text = `${ssh}command = 1\n${door('web', '"tcp/80"')}${client(1, '"ssh"')}${client(2, '"ssh"', 'revoked = true\n')}[port_sequence]\nbase_port = 40000\nsite_key_file = "site.key"\n[[client]]\nname = "laptop"\nid = 7\nkey_file = "laptop.key"\ndoors = ["ssh"]\n`;
  const permissions = new Permissions(read(t, text, folderWithPsks(t)));
  const told = (answer: ReturnType<Permissions['find']>) =>
    typeof answer === 'string' ? answer : answer.name;
  assert.deepEqual(
    ['c1', 'c2', 'laptop', 'x', '*'].map(name => told(permissions.findNumbered(name, 'ssh'))),
    ['ssh', 'revoked', 'not-allowed', 'unknown-client', 'unknown-client'],
  );
  assert.equal(told(permissions.findNumbered('c1', 'web')), 'not-allowed');
  assert.equal(told(permissions.findNumbered('c1', 'x')), 'unknown-command');
  assert.deepEqual(
    ['c1', 'c2', 'laptop'].map(name => told(permissions.find(name, 'ssh'))),
    ['not-allowed', 'revoked', 'ssh'],
  );
});
