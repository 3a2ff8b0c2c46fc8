/** The table's text: what a configuration changes in it. That nft takes it, and what it does, is test/e2e's. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  freshTableText,
  guardedServices,
  noTableText,
  openingSets,
  tableText,
} from '../../src/daemon/table.js';
import { helloLength, longestResponse } from '../../src/methods/challenge/format.js';
import { longestDatagram, shortestDatagram } from '../../src/methods/datagram/format.js';
import { folder, section } from './datagramconfig.js';
import { folderWithKeys, writeFile } from './folder.js';
import { read, smallText } from './reading.js';

/** The rules of a chain, less those that are always there. */
function rules(text: string, chain: string): string[] {
  const body =
    new RegExp(`^  chain ${chain} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)^  \\}`, 'm').exec(text)?.[1] ?? 'none';
  return body
    .trimEnd()
    .split('\n')
    .map(line => line.trim())
    .filter(
      line =>
        !/^type filter|^iif lo accept$|ct state established,related accept$|^tcp flags & syn == 0/.test(line),
    );
}

const toUs = 'fib daddr type { local, broadcast, anycast, multicast }';
const syns = 'tcp flags & (fin|syn|rst|ack) == syn';

const doors = `[[door]]
name = "web"
command = 2
services = ["tcp/443", "tcp/80", "udp/443"]
[[door]]
name = "more"
command = 3
services = ["tcp/443", "tcp/22"]
single_use = true
[[door]]
name = "run"
command = 4
run = ["/bin/true"]
`;

const sequences = `[[door]]
name = "run"
run = ["/bin/true"]
sequence = ["7000/tcp", "8000/udp", "9000/tcp", "9001/tcp"]
`;

/** Configuration, rules of the chain that hears, rules of the chain that guards. */
const tables: readonly [string, string, readonly string[], readonly string[]][] = [
  ['nothing at all', '', [''], ['']],
  [
    'a window and a door',
    smallText,
    [`tcp dport 40000-40255 ${syns} ${toUs} jump knock`],
    [`tcp dport 40000-40255 ${toUs} drop`, `${toUs} meta l4proto . th dport { tcp . 22 } jump door`],
  ],
  [
    'a window at the end',
    '[port_sequence]\nbase_port = 65280\n',
    [`tcp dport 65280-65535 ${syns} ${toUs} jump knock`],
    [`tcp dport 65280-65535 ${toUs} drop`],
  ],
  [
    'doors without a window',
    doors,
    [''],
    [`${toUs} meta l4proto . th dport { tcp . 22, tcp . 443, tcp . 80, udp . 443 } jump door`],
  ],
  ['a door that runs a command', doors.replace(/[\s\S]*single_use.*\n/, ''), [''], ['']],
  [
    'networks of both kinds before what is closed',
    `[guard]\nalways_allow = ["192.0.2.9/24", "2001:db8::1", "198.51.100.7", "fd00::/8"]\n${smallText}`,
    [`tcp dport 40000-40255 ${syns} ${toUs} jump knock`],
    [
      'ip saddr { 192.0.2.0/24, 198.51.100.7/32 } accept',
      'ip6 saddr { 2001:db8::1/128, fd00::/8 } accept',
      `tcp dport 40000-40255 ${toUs} drop`,
      `${toUs} meta l4proto . th dport { tcp . 22 } jump door`,
    ],
  ],
  [
    'plain sequences without a scan guard',
    `${sequences}scan_guard = false\n`,
    [
      `tcp dport { 7000, 9000-9001 } tcp flags & 23 == 2 ${toUs} goto sequence`,
      `udp dport { 8000 } ${toUs} goto sequence`,
    ],
    [],
  ],
  [
    'plain sequences with a scan guard: every SYN, and what is near in UDP',
    sequences,
    [
      `tcp dport { 1-65535 } tcp flags & 23 == 2 ${toUs} goto sequence`,
      `udp dport { 7984-8016 } ${toUs} goto sequence`,
    ],
    [],
  ],
  [
    'plain sequences of any TCP packet',
    `${sequences}scan_guard = false\ntcp_flags = []\n`,
    [`tcp dport { 7000, 9000-9001 } ${toUs} goto sequence`, `udp dport { 8000 } ${toUs} goto sequence`],
    [],
  ],
  ['networks of IPv6 alone', '[guard]\nalways_allow = ["::1"]\n', [''], ['ip6 saddr { ::1/128 } accept']],
];

for (const [name, text, window, guard] of tables) {
  test(`the table for ${name}`, t => {
    const table = tableText(read(t, text));
    const some = (found: readonly string[]) => found.filter(line => line !== '');
    assert.deepEqual(some(rules(table, 'window')), some(window));
    assert.deepEqual(some(rules(table, 'guard')), some(guard));
  });
}

test('plain sequences are logged, and their packets go on', t => {
  const logging = rules(tableText(read(t, sequences)), 'sequence');
  assert.match(logging.at(-1)!, /^counter log group 5 snaplen \d+$/);
  for (const rule of logging.slice(0, -1)) assert.match(rule, /^add @noisy[46] .* counter return$/);
});

test('sequence numbers: looked up on the ports of their doors, taken away, and guesses limited', t => {
  const folder = folderWithKeys(t);
  writeFile(folder, 'desk.psk', 'a secret of enough length\n');
  const text = `[capture]
group = 7
[sequence_number]
guesses_per_second = 3
[guard]
always_allow = ["192.0.2.1"]
[[door]]
name = "git"
services = ["tcp/9418", "tcp/22"]
sequence_number = true
[[client]]
name = "desk"
psk_file = "desk.psk"
doors = ["git"]
${doors}`;
  const table = tableText(read(t, text, folder));
  const guard = rules(table, 'guard');
  const lookup = guard.findIndex(rule =>
    /^tcp flags .* tcp dport \{ 22, 9418 \} fib .* jump number$/.test(rule),
  );
  assert.ok(guard[lookup]?.startsWith(syns));
  assert.ok(lookup < guard.findIndex(rule => rule.startsWith('ip saddr { 192.0.2.1')));
  assert.equal(rules(table, 'door').at(-2), `${syns} tcp dport { 22, 9418 } jump guess`);
  assert.equal(rules(table, 'door').at(-1), 'counter drop');
  assert.deepEqual(rules(table, 'number'), [
    'ip saddr @guessing4 return',
    'ip6 saddr & ffff:ffff:ffff:ffff:: @guessing6 return',
    'tcp dport . tcp sequence @numbers goto admit',
  ]);
  assert.deepEqual(rules(table, 'guess'), [
    'ip saddr @guessing4 counter drop',
    'ip6 saddr & ffff:ffff:ffff:ffff:: @guessing6 counter drop',
    'add @guesses4 { ip saddr limit rate over 3/second burst 30 packets } add @guessing4 { ip saddr } counter drop',
    'add @guesses6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 3/second burst 30 packets } add @guessing6 { ip6 saddr & ffff:ffff:ffff:ffff:: } counter drop',
    'limit rate 20/second burst 40 packets log prefix "number refused" group 7 snaplen 256',
  ]);
  assert.deepEqual(rules(table, 'admit'), [
    'delete @numbers { tcp dport . tcp sequence } log prefix "number admitted" group 7 snaplen 256 accept',
  ]);
  assert.match(table, /set numbers \{[^}]*size 131072\n[^}]*limit rate 1\/week burst 1 packets\n/);
  const without = tableText(read(t, doors, folder));
  assert.doesNotMatch(without, /number|guess/);
});

test('what is accepted stands before what is closed, and loopback is left alone', t => {
  const table = tableText(read(t, smallText));
  const guard = /chain guard \{([\s\S]*?)\n {2}\}/.exec(table)?.[1] ?? '';
  const places = ['established,related accept', 'iif lo accept', 'drop', 'jump door'].map(word =>
    guard.indexOf(word),
  );
  assert.ok(places.every(place => place > 0));
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  );
  assert.match(table, /chain window \{\n[^\n]*priority raw[^\n]*\n {4}iif lo accept\n/);
});

test('the door lets in who is in a set, takes a single use away, and drops the rest', t => {
  assert.deepEqual(rules(tableText(read(t, smallText)), 'door'), [
    'ip saddr . meta l4proto . th dport @open4 accept',
    'ip6 saddr . meta l4proto . th dport @open6 accept',
    'ip saddr . meta l4proto . th dport @once4 delete @once4 { ip saddr . meta l4proto . th dport } accept',
    'ip6 saddr . meta l4proto . th dport @once6 delete @once6 { ip6 saddr . meta l4proto . th dport } accept',
    'counter drop',
  ]);
});

test('knocks are logged to the group that is configured, and dropped', (t: TestContext) => {
  const knock = rules(tableText(read(t, `[capture]\nfrom = "stdin"\ngroup = 77\n${smallText}`)), 'knock');
  assert.equal(knock.at(-1), 'drop');
  assert.match(knock.at(-2)!, /^counter log group 77 snaplen \d+$/);
});

const datagrams = (policy: string, rest = '') =>
  section(`crl_file = "crl.pem"\npolicy = "${policy}"`, rest || doors);

test('hellos and responses are heard by port and length, limited by source, and go on', t => {
  const config = { ...read(t, smallText), group: 7 };
  const challenge = {
    port: 54_321,
    siteKey: undefined,
    site: 'gate',
    skewMs: 1,
    verifyWith: 'openpgpjs',
  } as const;
  const keySources = { keyring: undefined, clients: [] };
  const table = tableText({ ...config, challenge: { ...challenge, keySources } });
  const length = `${8 + helloLength}-${8 + longestResponse}`;
  assert.equal(
    rules(table, 'window')[0],
    `udp dport 54321 udp length ${length} fib daddr type local jump challenge`,
  );
  const limit = 'limit rate over 100/second burst 200 packets';
  assert.deepEqual(rules(table, 'challenge'), [
    `add @challenges4 { ip saddr ${limit} } counter return`,
    `add @challenges6 { ip6 saddr & ffff:ffff:ffff:ffff:: ${limit} } counter return`,
    'limit rate over 25000/second burst 2500 packets counter return',
    'counter log prefix "challenge" group 7 snaplen 1400',
  ]);
  for (const set of ['challenges4', 'challenges6'])
    assert.match(table, new RegExp(`^  set ${set} \\{$`, 'm'));
  assert.doesNotMatch(tableText(config), /challenge/);
});

test('datagrams are picked out by length and first bytes, limited by source, logged and dropped', t => {
  const table = tableText(read(t, datagrams('none'), folder(t)));
  assert.deepEqual(rules(table, 'window'), [
    `meta l4proto udp udp length ${8 + shortestDatagram}-${8 + longestDatagram} @th,64,32 { 0x61010000, 0x61000001 } ${toUs} jump datagram`,
  ]);
  const limit = 'limit rate over 100/second burst 200 packets';
  assert.deepEqual(rules(table, 'datagram'), [
    `add @datagrams4 { ip saddr ${limit} } counter drop`,
    `add @datagrams6 { ip6 saddr & ffff:ffff:ffff:ffff:: ${limit} } counter drop`,
    'limit rate over 25000/second burst 2500 packets counter drop',
    'counter log prefix "datagram" group 5 snaplen 4400',
    'drop',
  ]);
  assert.equal(rules(table, 'others')[0], 'none');
  assert.doesNotMatch(tableText(read(t, doors)), /datagram/);
});

test('a policy lets in what is not its business, then shuts the rest', t => {
  for (const [policy, closing] of [
    ['drop', ['counter drop']],
    [
      'reject',
      ['meta l4proto tcp counter reject with tcp reset', 'counter reject with icmpx port-unreachable'],
    ],
  ] as const) {
    const table = tableText(read(t, datagrams(policy), folder(t)));
    const last = (chain: string) => rules(table, chain).slice(-closing.length);
    assert.deepEqual([last('others'), last('door')], [closing, closing]);
    assert.ok(rules(table, 'others').includes('meta l4proto != { tcp, udp } accept'));
    assert.ok(!rules(table, 'others').includes('tcp dport 22 accept'), 'a door has it');
  }
  const other = '[[door]]\nname = "web"\nservices = ["tcp/80"]\n';
  const open = rules(tableText(read(t, datagrams('drop', other), folder(t))), 'others');
  assert.ok(
    open.indexOf('tcp dport 22 accept') > open.indexOf('meta l4proto . th dport { tcp . 80 } accept'),
  );
});

test('loading swaps the rules and keeps the sets; anew it takes all away first', t => {
  const config = read(t, smallText);
  assert.match(
    tableText(config),
    /^table inet portknock\nflush table inet portknock\ntable inet portknock \{\n/,
  );
  assert.equal(noTableText, 'table inet portknock\ndelete table inet portknock\n');
  assert.equal(freshTableText(config), noTableText + tableText(config));
  for (const set of [...Object.values(openingSets.many), ...Object.values(openingSets.single)]) {
    assert.match(
      tableText(config),
      new RegExp(`^  set ${set} \\{\\n    type ipv[46]_addr \\. inet_proto \\. inet_service\\n`, 'm'),
    );
  }
});

test('each guarded service is named once', t => {
  assert.deepEqual(guardedServices(read(t, doors)), ['tcp/22', 'tcp/443', 'tcp/80', 'udp/443']);
});
