/** Every key of portknockd.toml: what it takes and what that means, what it refuses and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/daemon/config.js';
import { formatService, parseService } from '../../src/daemon/schema.js';
import { folderWithKeys } from './folder.js';
import {
  capture,
  client,
  clientOf,
  command,
  doorlessClient,
  emptyDoor,
  guard,
  type Place,
  portSequence,
  services,
  top,
  unnamedClient,
  unnamedDoor,
  unnumberedClient,
  unnumberedDoor,
  withBase,
} from './place.js';
import { mistakesIn, read } from './reading.js';

const aPath = 'a path';
const aName = 'a name of at most 32 letters, digits, ".", "_" and "-"';
const aUser = 'the name of a user';
const aDuration = 'a duration from "100ms" to "24h"';
const aFlag = 'true or false';
const services22 = 'a list of services such as ["tcp/22"]';
const aService = 'a service such as "tcp/22" or "udp/51820"';
const aNetwork = 'an address or a network such as "192.0.2.0/24" or "2001:db8::/32"';
const aProgram = 'a list that begins with the full path of a program';
const someDoors = 'a list of names of doors';
const firstDoor = ({ doors }: Config) => doors[0] as unknown as Record<string, unknown>;
const firstClient = ({ clients }: Config) => clients[0] as unknown as Record<string, unknown>;
const argv = (key: string) => (config: Config) =>
  (firstDoor(config)[key] as { readonly ipv4: { readonly argv: readonly string[] } } | undefined)?.ipv4.argv;

/** Key, where it stands, what to look at in the configuration, and what values come to there. */
const taken: readonly [
  string,
  Place,
  (config: Config) => unknown,
  readonly (readonly [string, unknown])[],
][] = [
  [
    'state_directory',
    top,
    c => c.stateDirectory.replace(/^.*portknock-daemon-[^/]*/, '.'),
    [
      ['"/x/y"', '/x/y'],
      ['"state"', './state'],
    ],
  ],
  [
    'user',
    top,
    c => c.user,
    [
      ['"nobody"', 'nobody'],
      ['"_a-1.b$"', '_a-1.b$'],
    ],
  ],
  [
    'from',
    capture,
    c => ({
      ...c.capture,
      path: 'path' in c.capture ? c.capture.path.replace(/^.*portknock-daemon-[^/]*/, '.') : undefined,
    }),
    [
      ['"nflog"', { from: 'nflog', group: 5, path: undefined }],
      ['"stdin"', { from: 'stdin', path: undefined }],
      ['"hits"', { from: 'path', path: './hits' }],
      ['"/run/hits"', { from: 'path', path: '/run/hits' }],
    ],
  ],
  [
    'group',
    capture,
    c => [c.group, c.capture],
    [
      ['0', [0, { from: 'nflog', group: 0 }]],
      ['65535', [65535, { from: 'nflog', group: 65535 }]],
    ],
  ],
  [
    'base_port',
    portSequence,
    c => c.portSequence,
    [
      ['1', { spelling: 'ordered', basePort: 1, skewMs: 60_000, siteKey: undefined }],
      ['65280', { spelling: 'ordered', basePort: 65280, skewMs: 60_000, siteKey: undefined }],
    ],
  ],
  ['spelling', withBase, c => c.portSequence?.spelling, [['"spread"', 'spread']]],
  [
    'skew',
    withBase,
    c => c.portSequence?.skewMs,
    [
      ['"1s"', 1000],
      ['"1000ms"', 1000],
      ['"1h"', 3_600_000],
    ],
  ],
  ['site_key_file', withBase, c => c.portSequence?.siteKey, [['"site.key"', Buffer.alloc(32, 0x51)]]],
  [
    'always_allow',
    guard,
    c => c.alwaysAllow,
    [
      ['[]', []],
      [
        '["192.0.2.77/24", "2001:DB8::1"]',
        [
          { family: 4, text: '192.0.2.0/24' },
          { family: 6, text: '2001:db8::1/128' },
        ],
      ],
    ],
  ],
  [
    'name',
    unnamedDoor,
    c => firstDoor(c)['name'],
    [
      ['"a"', 'a'],
      ['"0._-"', '0._-'],
      [`"${'x'.repeat(32)}"`, 'x'.repeat(32)],
    ],
  ],
  [
    'command',
    unnumberedDoor,
    c => firstDoor(c)['command'],
    [
      ['0', 0],
      ['4294967295', 4294967295],
    ],
  ],
  [
    'services',
    emptyDoor,
    c => firstDoor(c)['services'],
    [
      [
        '["tcp/1", "udp/65535"]',
        [
          { protocol: 6, port: 1 },
          { protocol: 17, port: 65535 },
        ],
      ],
    ],
  ],
  ['run', emptyDoor, argv('run'), [['["/bin/echo", "", "{source}"]', ['/bin/echo', '', '{source}']]]],
  ['close_run', command, argv('closeRun'), [['["/bin/echo"]', ['/bin/echo']]]],
  [
    'open_for',
    services,
    c => firstDoor(c)['openForMs'],
    [
      ['"100ms"', 100],
      ['"10m"', 600_000],
      ['"24h"', 86_400_000],
    ],
  ],
  [
    'single_use',
    services,
    c => firstDoor(c)['singleUse'],
    [
      ['true', true],
      ['false', false],
    ],
  ],
  ['run_as', command, c => firstDoor(c)['runAs'], [['"nobody"', 'nobody']]],
  [
    'time_limit',
    command,
    c => firstDoor(c)['timeLimitMs'],
    [
      ['"100ms"', 100],
      ['"24h"', 86_400_000],
    ],
  ],
  ['name', unnamedClient, c => firstClient(c)['name'], [['"laptop"', 'laptop']]],
  [
    'id',
    unnumberedClient,
    c => firstClient(c)['id'],
    [
      ['0', 0],
      ['65535', 65535],
    ],
  ],
  ['doors', doorlessClient, c => firstClient(c)['doors'], [['["ssh"]', ['ssh']]]],
  [
    'address',
    client,
    c => firstClient(c)['addressRequired'],
    [
      ['"required"', true],
      ['"optional"', false],
    ],
  ],
  [
    'revoked',
    client,
    c => firstClient(c)['revoked'],
    [
      ['true', true],
      ['false', false],
    ],
  ],
];

for (const [key, place, look, values] of taken) {
  test(`taken: ${place.label}${key}`, t => {
    for (const [text, expected] of values) {
      const config = read(t, `${place.before}${key} = ${text}\n`, folderWithKeys(t));
      assert.deepEqual(look(config), expected, text);
    }
  });
}

const anInteger = (from: number, to: number) => `an integer from ${from} to ${to}`;
const bools = ['1', '"true"', '[]'];
const paths = ['1', '""', 'true', '["a"]'];
const durations = ['30', '"30"', '"30 s"', '"-1s"', '"2d"', '"1.5s"', '""', '"s"', '"0s"', '"99h"'];
const integers = ['1.5', '"1"', 'true', '-1', 'inf', 'nan', '[1]', '1979-05-27'];

/** Key, where it stands, what was expected of it, values that are refused. */
const refused: readonly [string, Place, string, readonly string[]][] = [
  ['state_directory', top, aPath, paths],
  ['user', top, aUser, ['1', '""', '"a b"', '"1a"', '"-x"', '"a/b"']],
  ['from', capture, aPath, paths],
  ['group', capture, anInteger(0, 65535), [...integers, '65536']],
  ['base_port', portSequence, anInteger(1, 65280), [...integers, '0', '65281']],
  ['spelling', withBase, '"spread" or "ordered"', ['1', '"Spread"', '""', 'true', '["spread"]']],
  ['skew', withBase, 'a duration from "1s" to "1h"', [...durations, '"999ms"', '"61m"']],
  ['site_key_file', withBase, aPath, paths],
  ['always_allow', guard, 'a list of networks', ['"192.0.2.1"', '1']],
  ['name', unnamedDoor, aName, ['1', '""', '"a b"', '"-a"', '".a"', '"ä"', '"a\\n"', `"${'x'.repeat(33)}"`]],
  ['command', unnumberedDoor, anInteger(0, 4294967295), [...integers, '4294967296']],
  ['services', emptyDoor, services22, ['"tcp/22"', '22']],
  ['run', emptyDoor, 'a list of texts, the program first', ['"/bin/true"', '1']],
  ['run', emptyDoor, aProgram, ['[]', '["true"]', '["./true"]', '[""]']],
  ['close_run', command, aProgram, ['[]', '["true"]']],
  ['open_for', services, aDuration, [...durations, '"99ms"', '"25h"']],
  ['single_use', services, aFlag, bools],
  ['run_as', command, aUser, ['0', '"a b"']],
  ['time_limit', command, aDuration, [...durations, '"99ms"', '"25h"']],
  ['name', unnamedClient, aName, ['1', '""', '"a/b"']],
  ['id', unnumberedClient, anInteger(0, 65535), [...integers, '65536']],
  ['key_file', clientOf('name = "a"\nid = 7\ndoors = ["ssh"]\n'), aPath, paths],
  ['classic_passphrase_file', clientOf('name = "a"\ndoors = ["ssh"]\n'), aPath, paths],
  ['doors', doorlessClient, someDoors, ['"ssh"', '[]', '1']],
  ['address', client, '"required" or "optional"', ['true', '"none"', '""']],
  ['revoked', client, aFlag, bools],
];

/** How a value is quoted: as JSON, but for what JSON does not know. */
const quoted: Readonly<Record<string, string>> = {
  inf: 'Infinity',
  nan: 'NaN',
  '1979-05-27': '"1979-05-27T00:00:00.000Z"',
};

for (const [key, place, expected, values] of refused) {
  test(`refused: ${place.label}${key} that is not ${expected}`, t => {
    const line = place.before.split('\n').length;
    for (const text of values) {
      const found = quoted[text] ?? JSON.stringify(JSON.parse(text));
      const message = `${line}: ${place.label}${key}: expected ${expected}, got ${found}`;
      assert.deepEqual(mistakesIn(t, `${place.before}${key} = ${text}\n`, folderWithKeys(t)), [message]);
    }
  });
}

/** An item of a list has a line and a number of its own. */
const items: readonly [string, Place, string, readonly string[]][] = [
  [
    'always_allow',
    guard,
    aNetwork,
    ['1', '""', '"192.0.2"', '"192.0.2.1/33"', '"::/129"', '"fe80::1%lo"', '"::ffff:1.2.3.4"', '[1]'],
  ],
  [
    'services',
    emptyDoor,
    aService,
    ['22', '"22"', '"tcp/0"', '"tcp/65536"', '"icmp/1"', '"tcp/22-23"', '"tcp/022222"', '"TCP/22"'],
  ],
  ['run', emptyDoor, 'a text', ['1', '"a\\u0000b"']],
  ['doors', doorlessClient, aName, ['1', '""']],
];

for (const [key, place, expected, values] of items) {
  test(`refused: an item of ${place.label}${key} that is not ${expected}`, t => {
    const good: Readonly<Record<string, string>> = {
      always_allow: '"::1"',
      services: '"tcp/1"',
      run: '"/bin/true"',
      doors: '"ssh"',
    };
    const line = place.before.split('\n').length + 2;
    for (const text of values) {
      const mistakes = mistakesIn(
        t,
        `${place.before}${key} = [\n  ${good[key]},\n  ${text},\n]\n`,
        folderWithKeys(t),
      );
      const found = JSON.stringify(JSON.parse(text));
      assert.deepEqual(mistakes, [`${line}: ${place.label}${key}[2]: expected ${expected}, got ${found}`]);
    }
  });
}

test('what is long is not quoted in full', t => {
  const [mistake] = mistakesIn(t, `user = "${'x '.repeat(100)}"\n`);
  assert.equal(mistake, `1: user: expected the name of a user, got "${'x '.repeat(28)}...`);
});

test('services are read as they are written', () => {
  for (const text of ['tcp/1', 'udp/1', 'tcp/65535', 'udp/53']) {
    assert.equal(formatService(parseService(text)!), text);
  }
  for (const text of [
    '',
    'tcp',
    'tcp/',
    '/22',
    'tcp/-1',
    'tcp/1e3',
    'tcp/ 22',
    'tcp/22\n',
    'sctp/22',
    'tcp//22',
  ]) {
    assert.equal(parseService(text), undefined, text);
  }
});
