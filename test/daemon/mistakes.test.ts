/** Mistakes in a configuration: each told with its line and what to do, all at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from './folder.js';
import { classicClient, mistakesIn, smallText } from './reading.js';

/** A change to the small configuration, and the mistakes that it makes. */
const mistakes: readonly [string, (text: string) => string, readonly string[]][] = [
  ['nothing', text => text, []],
  ['a key unknown at the top', text => `usr = "x"\n${text}`, ['1: unknown key "usr" (did you mean "user"?)']],
  [
    'a key unknown at the top that is like no other',
    text => `language = "x"\n${text}`,
    [
      '1: unknown key "language" (known here: capture, port_sequence, sequence_number, datagram, firewall, guard, door, client, state_directory, user)',
    ],
  ],
  [
    'a table that is unknown',
    text => `${text}[[doors]]\nname = "x"\n`,
    ['13: unknown key "doors" (did you mean "door"?)'],
  ],
  [
    'keys unknown in tables',
    text => text.replace('command', 'comand = 3\ncommand').replace('base_port', 'baseport = 1\nbase_port'),
    [
      '2: unknown key "baseport" in port_sequence (did you mean "base_port"?)',
      '7: unknown key "comand" in door[1] (did you mean "command"?)',
    ],
  ],
  [
    'a key of another table',
    text => text.replace('id = 7', 'id = 7\ngroup = 5'),
    [
      '11: unknown key "group" in client[1] (known here: name, id, key_file, classic_passphrase_file, psk_file, doors, address, revoked)',
    ],
  ],
  [
    'a key that every object has',
    text => `constructor = 1\n${text}`,
    [
      '1: unknown key "constructor" (known here: capture, port_sequence, sequence_number, datagram, firewall, guard, door, client, state_directory, user)',
    ],
  ],
  ['no base port', text => text.replace(/base_port.*\n/, ''), ['1: port_sequence: "base_port" is missing']],
  [
    'no site key',
    text => text.replace(/site_key_file.*\n/, ''),
    ['1: [port_sequence]: "site_key_file" is missing (make a key with: portknockd init)'],
  ],
  [
    'a door without name',
    text => text.replace('name = "ssh"\n', ''),
    ['4: door[1]: "name" is missing', '11: client "laptop": there is no door "ssh" (doors are: )'],
  ],
  [
    'a client without name and doors',
    text => text.replace('name = "laptop"\n', '').replace('doors = ["ssh"]\n', ''),
    ['8: client[1]: "name" is missing', '8: client[1]: "doors" is missing'],
  ],
  [
    'a client without an id',
    text => text.replace('id = 7\n', ''),
    ['8: client "laptop": "id" is missing (make a client with: portknockd client add)'],
  ],
  [
    'a client without a key',
    text => text.replace(/key_file = "laptop.*\n/, ''),
    ['8: client "laptop": "key_file" is missing (make a client with: portknockd client add)'],
  ],
  [
    'a client of both kinds',
    text => `${text}classic_passphrase_file = "old.pass"\n`,
    ['8: client "laptop": expected either "id" and "key_file" or "classic_passphrase_file", got both'],
  ],
  [
    'a table where there are many',
    text => text.replace('[[door]]', '[door]'),
    [
      '4: expected tables [[door]], got one [door] (write [[door]])',
      '12: client "laptop": there is no door "ssh" (doors are: )',
    ],
  ],
  [
    'a value where there is a table',
    text => `capture = 5\nguard = "x"\n${text}`,
    ['1: expected a table [capture], got 5', '2: expected a table [guard], got "x"'],
  ],
  [
    'a list where there is a table',
    text => text.replace('[port_sequence]', '[[port_sequence]]'),
    ['1: expected a table [port_sequence], got [{"base_port":40000,"site_key_file":"site.key"}]'],
  ],
  [
    'values where there are tables',
    text => `door = [1]\n${text.replace(/\[\[door\]\]\n(.+\n){3}/, '')}`,
    ['1: expected a table [[door]], got 1', '9: client "laptop": there is no door "ssh" (doors are: )'],
  ],
  [
    'a door that does nothing',
    text => text.replace(/services.*\n/, ''),
    ['4: door "ssh": expected either "services" or "run"'],
  ],
  [
    'a door that does both',
    text => text.replace('[[client]]', 'run = ["/bin/true"]\n[[client]]'),
    ['4: door "ssh": expected either "services" or "run", got both'],
  ],
  ...['close_run = ["/bin/true"]', 'run_as = "nobody"', 'time_limit = "1s"'].map(
    (line): [string, (text: string) => string, string[]] => [
      `a door of services with ${line}`,
      text => text.replace('[[client]]', `${line}\n[[client]]`),
      [`8: door "ssh": "${line.split(' ')[0]}" goes with "run" only`],
    ],
  ),
  [
    'a command for one use',
    text => text.replace(/services.*\n/, 'run = ["/bin/true"]\nsingle_use = false\n'),
    ['8: door "ssh": "single_use" goes with "services" only'],
  ],
  [
    'two doors of one name and number',
    text => `${text}[[door]]\nname = "ssh"\ncommand = 1\nservices = ["udp/1"]\n`,
    ['14: door: name "ssh" is taken already, in line 5', '15: door: command 1 is taken already, in line 6'],
  ],
  [
    'two clients of one name and id',
    text => `${text}[[client]]\nname = "laptop"\nid = 7\nkey_file = "phone.key"\ndoors = ["ssh"]\n`,
    [
      '14: client: name "laptop" is taken already, in line 9',
      '15: client: id 7 is taken already, in line 10',
    ],
  ],
  [
    'a removed client whose id is given again',
    text =>
      `${text}revoked = true\n[[client]]\nname = "b"\nid = 7\nkey_file = "phone.key"\ndoors = ["ssh"]\n`,
    ['16: client: id 7 is taken already, in line 10'],
  ],
  [
    'a door that is not there',
    text => text.replace('doors = ["ssh"]', 'doors = [\n"ssh",\n"shh",\n"x"]'),
    [
      '14: client "laptop": there is no door "shh" (did you mean "ssh"?)',
      '15: client "laptop": there is no door "x" (did you mean "ssh"?)',
    ],
  ],
  [
    'a door that is like no other',
    text => text.replace('doors = ["ssh"]', 'doors = ["web-server"]'),
    ['12: client "laptop": there is no door "web-server" (doors are: ssh)'],
  ],
  [
    'a door with mistakes of its own is there',
    text => text.replace('command = 1', 'command = -1'),
    ['6: door[1].command: expected an integer from 0 to 4294967295, got -1'],
  ],
  [
    'no window',
    text => text.replace(/\[port_sequence\]\n(.+\n){2}/, ''),
    ['5: clients need a section [port_sequence] with "base_port" and "site_key_file"'],
  ],
  [
    'a command that a sealed block has no room for',
    text => text.replace('command = 1', 'command = 256'),
    [
      '12: client "laptop": door "ssh" has command 256, and a sealed block has room for 0 to 255 (give the door a command up to 255)',
    ],
  ],
  ['a command of 255', text => text.replace('command = 1', 'command = 255'), []],
  [
    'a classic client for a command past 255',
    text => text.replace('command = 1', 'command = 256').replace(/\[\[client\]\][\s\S]*/, classicClient),
    [],
  ],
  ...[39_999, 40_000, 40_255, 40_256].map((port): [string, (text: string) => string, string[]] => [
    `a service at ${port} beside the window from 40000`,
    text => text.replace('"tcp/22"', `"udp/40000", "tcp/${port}"`),
    port < 40_000 || port > 40_255
      ? []
      : [`7: door "ssh": tcp/${port} lies in the window of ports 40000 to 40255 (choose another base_port)`],
  ]),
  ...[44_095, 44_096].map((port): [string, (text: string) => string, string[]] => [
    `a service at ${port} beside the spread window from 40000`,
    text => text.replace('base_port', 'spelling = "spread"\nbase_port').replace('"tcp/22"', `"tcp/${port}"`),
    port > 44_095
      ? []
      : [`8: door "ssh": tcp/${port} lies in the window of ports 40000 to 44095 (choose another base_port)`],
  ]),
  ...[61_440, 61_441].map((port): [string, (text: string) => string, string[]] => [
    `a spread window from ${port}`,
    text => text.replace('base_port = 40000', `spelling = "spread"\nbase_port = ${port}`),
    port === 61_440
      ? []
      : [
          '3: port_sequence.base_port: expected an integer from 1 to 61440, got 61441 (spelling = "spread" has a window of 4096 ports)',
        ],
  ]),
];

for (const [name, change, expected] of mistakes) {
  test(`a configuration with ${name}`, t => {
    assert.deepEqual(mistakesIn(t, change(smallText)), expected);
  });
}

test('all mistakes are told at once, in the order of their lines', t => {
  const text = `usr = "x"
[capture]
group = 70000
[port_sequence]
base_port = 1
site_key_file = "no.key"
skew = "0s"
[[door]]
name = "ssh"
command = 1
services = ["tcp/22", "tcp/0"]
[[door]]
name = "backup"
command = 1
[[client]]
name = "laptop"
id = 7
key_file = "no.key"
doors = ["ssh", "backup", "mail"]
`;
  assert.deepEqual(mistakesIn(t, text), [
    '1: unknown key "usr" (did you mean "user"?)',
    '3: capture.group: expected an integer from 0 to 65535, got 70000',
    '7: port_sequence.skew: expected a duration from "1s" to "1h", got "0s"',
    '11: door[1].services[2]: expected a service such as "tcp/22" or "udp/51820", got "tcp/0"',
    '12: door "backup": expected either "services" or "run"',
    '14: door: command 1 is taken already, in line 10',
    '18: no.key: no such file',
    '19: client "laptop": there is no door "mail" (doors are: ssh, backup)',
  ]);
});

test('a missing key hides no other mistake', t => {
  const folder = temporaryFolder(t);
  const text = smallText.replace('tcp/22', 'tcp/40000').replace('doors = ["ssh"]', 'doors = ["mail"]');
  assert.deepEqual(mistakesIn(t, text, folder), [
    '3: site.key: no such file',
    '7: door "ssh": tcp/40000 lies in the window of ports 40000 to 40255 (choose another base_port)',
    '11: laptop.key: no such file',
    '12: client "laptop": there is no door "mail" (doors are: ssh)',
  ]);
});
