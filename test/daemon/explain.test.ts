/** `portknockd explain`: what is made of hit lines and of captures, for every way in which a knock can end. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/daemon/config.js';
import { type Explanation, explainCapture, readCapture } from '../../src/daemon/explain.js';
import { composeClassic, composeSealed } from '../../src/methods/port-sequence/compose.js';
import { parseAddress } from '../../src/net/address.js';
import { OperatorError } from '../../src/system/error.js';
import { ethernet, pcap, record } from '../net/capturemade.js';
import { ipv4, ipv6, syn } from '../net/made.js';
import { temporaryFolder, writeFile } from './folder.js';
import { read } from './reading.js';

const noon = Date.UTC(2026, 10, 18, 12);
const text = `[port_sequence]
base_port = 40000
site_key_file = "site.key"
[[door]]
name = "ssh"
command = 1
services = ["tcp/22"]
[[door]]
name = "backup"
command = 2
run = ["/bin/true"]
[[door]]
name = "mail"
command = 3
services = ["tcp/25"]
[[client]]
name = "laptop"
id = 7
key_file = "laptop.key"
doors = ["ssh", "backup"]
[[client]]
name = "phone"
id = 8
key_file = "phone.key"
doors = ["ssh"]
address = "optional"
[[client]]
name = "lost"
id = 9
key_file = "phone.key"
doors = ["ssh"]
revoked = true
[[client]]
name = "old"
classic_passphrase_file = "old.pass"
doors = ["ssh", "backup"]
`;
const configOf = (t: TestContext) => read(t, text);

interface Knock {
  readonly clientId?: number;
  readonly commandId?: number;
  readonly time?: number;
  /** The address that is bound. */
  readonly address?: string;
  readonly key?: number;
}

function sealed({
  clientId = 7,
  commandId = 1,
  time = noon,
  address = '192.0.2.7',
  key = 0x1a,
}: Knock = {}): number[] {
  return composeSealed({
    siteKey: Buffer.alloc(32, 0x51),
    key: Buffer.alloc(32, key),
    clientId,
    commandId,
    time,
    basePort: 40_000,
    spelling: 'ordered',
    address: parseAddress(address)!,
  });
}

const classic = (commandId: number) =>
  composeClassic({ passphrase: 'open sesame', commandId, basePort: 40_000, spelling: 'ordered' });
const lines = (ports: readonly number[], source = '192.0.2.7') =>
  ports.map(port => `${port} ${source}\n`).join('');

/** Explains a capture. @returns what was printed, and the remarks */
async function explain(config: Config, capture: string | Buffer, atMs?: number) {
  const said: Explanation[] = [];
  const remarks = await explainCapture(config, Buffer.from(capture), atMs, each => said.push(each));
  return { said, remarks };
}

const at = new Date(noon).toISOString();
const common = { at, source: '192.0.2.7', method: 'port-sequence' };
const refused = (reason: string, door?: string, client?: string) => ({
  ...common,
  outcome: 'refused',
  ...(door === undefined ? {} : { door }),
  ...(client === undefined ? {} : { client }),
  reason,
});
const zero = '::';

/** Hit lines at noon, and what is printed. */
const knocks: readonly [string, string, readonly object[]][] = [
  ['nothing', '', []],
  ['a knock', lines(sealed()), [{ ...common, outcome: 'opened', door: 'ssh', client: 'laptop' }]],
  [
    'a knock for a command',
    lines(sealed({ commandId: 2 })),
    [{ ...common, outcome: 'ran', door: 'backup', client: 'laptop' }],
  ],
  ['a classic knock', lines(classic(1)), [{ ...common, outcome: 'opened', door: 'ssh', client: 'old' }]],
  [
    'a classic knock for a command',
    lines(classic(2)),
    [{ ...common, outcome: 'ran', door: 'backup', client: 'old' }],
  ],
  ['a knock less its last SYN', lines(sealed().slice(0, 15)), []],
  ['a knock in another order', lines(sealed().reverse()), []],
  ['scans', lines(Array.from({ length: 1000 }, (_, port) => 39_500 + port)), []],
  [
    'a knock in the middle of a scan',
    lines([40_001, 40_002, ...sealed(), 40_003]),
    [{ ...common, outcome: 'opened', door: 'ssh', client: 'laptop' }],
  ],
  ['unknown-client', lines(sealed({ clientId: 6 })), [refused('unknown-client', 'ssh')]],
  ['unknown-command', lines(sealed({ commandId: 200 })), [refused('unknown-command', undefined, 'laptop')]],
  ['not-allowed', lines(sealed({ commandId: 3 })), [refused('not-allowed', 'mail', 'laptop')]],
  ['stale, from the past', lines(sealed({ time: noon - 60_001 })), [refused('stale', 'ssh', 'laptop')]],
  ['stale, from the future', lines(sealed({ time: noon + 60_001 })), [refused('stale', 'ssh', 'laptop')]],
  [
    'not stale at the very edge',
    lines(sealed({ time: noon - 60_000 })),
    [{ ...common, outcome: 'opened', door: 'ssh', client: 'laptop' }],
  ],
  [
    'replayed',
    lines(sealed()) + lines(sealed()),
    [{ ...common, outcome: 'opened', door: 'ssh', client: 'laptop' }, refused('replayed', 'ssh', 'laptop')],
  ],
  ['bad-tag by a wrong key', lines(sealed({ key: 0x2b })), [refused('bad-tag', 'ssh', 'laptop')]],
  [
    'bad-tag by another source',
    lines(sealed(), '192.0.2.8'),
    [{ ...refused('bad-tag', 'ssh', 'laptop'), source: '192.0.2.8' }],
  ],
  ['wrong-address', lines(sealed({ address: zero })), [refused('wrong-address', 'ssh', 'laptop')]],
  [
    'no address where that is allowed',
    lines(sealed({ clientId: 8, key: 0x2b, address: zero })),
    [{ ...common, outcome: 'opened', door: 'ssh', client: 'phone' }],
  ],
  ['revoked', lines(sealed({ clientId: 9, key: 0x2b })), [refused('revoked', 'ssh', 'lost')]],
  ['classic unknown-command', lines(classic(77)), [refused('unknown-command', undefined, 'old')]],
  ['classic not-allowed', lines(classic(3)), [refused('not-allowed', 'mail', 'old')]],
];

for (const [name, hits, expected] of knocks) {
  test(`hit lines: ${name}`, async t => {
    assert.deepEqual(await explain(configOf(t), hits, noon), { said: expected, remarks: [] });
  });
}

test('a classic knock can be heard again and again', async t => {
  const { said } = await explain(configOf(t), lines(classic(1)).repeat(3), noon);
  assert.deepEqual(
    said.map(({ outcome }) => outcome),
    ['opened', 'opened', 'opened'],
  );
});

test('two sources that knock at once are two knocks', async t => {
  const mine = sealed({ time: noon });
  const theirs = sealed({ clientId: 8, key: 0x2b, address: '2001:db8::1' });
  const mixed = mine.map((port, index) => `${port} 192.0.2.7\n${theirs[index]} 2001:db8::1\n`).join('');
  const { said } = await explain(configOf(t), mixed, noon);
  assert.deepEqual(
    said.map(({ client, source }) => [client, source]),
    [
      ['laptop', '192.0.2.7'],
      ['phone', '2001:db8::1'],
    ],
  );
});

test('lines that are no hits are remarked on, and hits without a time are of now', async t => {
  const { said, remarks } = await explain(
    configOf(t),
    `nonsense\n# fine\n${lines(sealed({ time: Date.now() }))}x`,
  );
  assert.deepEqual(
    said.map(({ outcome }) => outcome),
    ['opened'],
  );
  assert.deepEqual(remarks, ['2 lines were no hits']);
});

function capture(
  ports: readonly number[],
  linkType: number,
  frame: (ip: Buffer) => Buffer,
  make = overIPv4,
): Buffer {
  const records = ports.map((port, index) =>
    record(
      'little',
      noon / 1000,
      index * 1000,
      frame(make(syn({ sourcePort: 2000 + index, port, sequence: index }))),
    ),
  );
  return pcap('little', linkType, records);
}

const overIPv4 = (segment: Buffer) => ipv4(6, segment);
const overIPv6 = (segment: Buffer) => ipv6(6, segment);
const asIs = (ip: Buffer) => ip;
const lastAt = new Date(noon + 15).toISOString();

const captures: readonly [string, Buffer, string][] = [
  ['Ethernet', capture(sealed(), 1, ethernet), '192.0.2.7'],
  ['raw IP', capture(sealed(), 101, asIs), '192.0.2.7'],
  ['raw IPv6', capture(sealed({ address: '2001:db8::7' }), 101, asIs, overIPv6), '2001:db8::7'],
  ['Ethernet with IPv6', capture(sealed({ address: '2001:db8::7' }), 1, ethernet, overIPv6), '2001:db8::7'],
];

for (const [name, bytes, source] of captures) {
  test(`a capture of ${name}: a knock at the time of its last packet`, async t => {
    assert.deepEqual(await explain(configOf(t), bytes), {
      said: [{ ...common, source, at: lastAt, outcome: 'opened', door: 'ssh', client: 'laptop' }],
      remarks: [],
    });
  });
}

test('a capture explained as if it had begun at another time', async t => {
  const config = configOf(t);
  const bytes = capture(sealed(), 101, asIs);
  const { said: late } = await explain(config, bytes, noon + 3_600_000);
  assert.deepEqual(late, [
    { ...refused('stale', 'ssh', 'laptop'), at: new Date(noon + 3_600_015).toISOString() },
  ]);
  assert.deepEqual(
    (await explain(config, bytes, noon + 100)).said.map(({ outcome, at }) => [outcome, at]),
    [['opened', new Date(noon + 115).toISOString()]],
  );
});

test('what is no SYN, and a SYN that is sent again, are no part of a knock', async t => {
  const others = sealed().flatMap((port, index) => {
    const segment = { sourcePort: 2000 + index, port, sequence: index };
    const packets = [
      syn(segment),
      syn(segment),
      syn({ ...segment, flags: 0x12 }),
      syn({ ...segment, flags: 0x04 }),
    ];
    return packets.map(each => record('little', noon / 1000, index, overIPv4(each)));
  });
  const { said } = await explain(configOf(t), pcap('little', 101, others));
  assert.deepEqual(
    said.map(({ outcome }) => outcome),
    ['opened'],
  );
});

test('damage and unknown link types are remarked on', async t => {
  const config = configOf(t);
  const whole = capture(sealed(), 101, asIs);
  const { said, remarks } = await explain(config, whole.subarray(0, whole.length - 3));
  assert.deepEqual(said, []);
  assert.match(remarks.join(), /^the capture is damaged at byte \d+: /);
  const odd = await explain(config, capture([40_000], 147, asIs));
  assert.deepEqual(odd, { said: [], remarks: ['1 packets have a link type (147) that is not known'] });
});

test('without a window there is nothing to recognise', async t => {
  const { said, remarks } = await explain(read(t, ''), lines(sealed()), noon);
  assert.deepEqual(
    [said, remarks],
    [
      [],
      [
        'the configuration has neither [port_sequence] nor [datagram] nor [challenge] nor a sequence nor sequence numbers: there is nothing to recognise',
      ],
    ],
  );
});

test('a capture is read from a file, or it is said why not', t => {
  const folder = temporaryFolder(t);
  assert.deepEqual(readCapture(writeFile(folder, 'hits', '1 ::1\n')), Buffer.from('1 ::1\n'));
  assert.throws(
    () => readCapture(`${folder}/no`),
    (error: unknown) =>
      error instanceof OperatorError && error.message === `${folder}/no: cannot be read (ENOENT)`,
  );
});
