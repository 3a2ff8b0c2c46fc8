/** What people read: status, check, log lines; and the small counters behind them. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { check } from '../../src/daemon/check.js';
import { Permissions } from '../../src/daemon/config.js';
import { counterNames, newCounters } from '../../src/daemon/counters.js';
import { History } from '../../src/daemon/history.js';
import { Load } from '../../src/daemon/load.js';
import { Quota } from '../../src/daemon/quota.js';
import { formatStatus, type Status, statusOf } from '../../src/daemon/status.js';
import { damagedLedger, describeAction, explain, summary } from '../../src/daemon/wording.js';
import { reasons } from '../../src/methods/knock.js';
import { read, smallText } from './reading.js';

const noon = Date.UTC(2026, 10, 18, 12);

function status(changes: Partial<Status> = {}): Status {
  return {
    configuration: '/etc/portknock/portknockd.toml',
    pid: 10,
    listener_pid: 11,
    started_at: new Date(noon).toISOString(),
    guarding: true,
    backend: 'nftables',
    needs_table: true,
    guarded: ['tcp/22', 'udp/53'],
    openings: [],
    last_knocks: [],
    lists: undefined,
    counters: newCounters(),
    ...changes,
  };
}

function clock(t: TestContext, now: number): void {
  t.mock.timers.enable({ apis: ['Date'], now });
}

test('status, with nothing going on', t => {
  clock(t, noon + 90_400);
  assert.equal(
    formatStatus(status()),
    `portknockd runs as 10 and 11 since 2026-11-18T12:00:00.000Z (90s), /etc/portknock/portknockd.toml
guards  tcp/22, udp/53
open  nothing
knocks  nothing
counted
  0  seen
  0  lost
`,
  );
});

test('status, with everything', t => {
  clock(t, noon + 7_200_000);
  const openings = [
    {
      door: 'ssh',
      client: 'laptop',
      source: '192.0.2.7',
      service: 'tcp/22',
      single_use: true,
      remaining_seconds: 3,
    },
    {
      door: 'backup',
      client: '-',
      source: '2001:db8::1',
      service: 'command',
      single_use: false,
      remaining_seconds: 400,
    },
  ];
  const at = new Date(noon).toISOString();
  const last_knocks = [
    { at, source: '192.0.2.7', door: 'ssh', client: 'laptop', outcome: 'opened' },
    { at, source: '192.0.2.8', door: undefined, client: undefined, outcome: 'unknown-client' },
  ];
  const counters = { ...newCounters(), seen: 1234, 'refused stale': 2 };
  const without = formatStatus(status({ guarding: false, needs_table: false, guarded: [] }));
  assert.match(without, /^guards {2}no service$/m);
  const text = formatStatus(status({ openings, last_knocks, counters, guarding: false }));
  assert.equal(
    text,
    `portknockd runs as 10 and 11 since 2026-11-18T12:00:00.000Z (2h), /etc/portknock/portknockd.toml
guards  nothing: the table was removed
open
  ssh     laptop  192.0.2.7    tcp/22   3 s, once
  backup  -       2001:db8::1  command  400 s
knocks
  2026-11-18T12:00:00.000Z  opened          laptop  ssh  192.0.2.7
  2026-11-18T12:00:00.000Z  unknown-client  ?       ?    192.0.2.8
counted
  1234  seen
  0     lost
  2     refused stale
`,
  );
});

test('status without a table asks the kernel nothing, and counts what is owed', t => {
  clock(t, noon);
  const owed = [1500, -5000].map((inMs, index) => ({
    door: 'backup',
    client: 'laptop',
    source: `192.0.2.${index}`,
    dueAt: noon + inMs,
    argv: ['/bin/true'],
    inherits: false,
    timeLimitMs: 1,
  }));
  const knock = { at: noon, source: '192.0.2.7', door: 'ssh', client: 'laptop', outcome: 'opened' };
  const found = statusOf({
    config: read(t, smallText),
    startedAt: noon - 1000,
    listenerPid: 5,
    guarding: false,
    openings: [],
    owed,
    knocks: [knock],
    lists: undefined,
    counters: newCounters(),
  });
  assert.deepEqual(
    found.openings.map(({ service, remaining_seconds: left }) => [service, left]),
    [
      ['command', 2],
      ['command', 0],
    ],
  );
  assert.deepEqual(found.last_knocks, [{ ...knock, at: new Date(noon).toISOString() }]);
  assert.deepEqual([found.guarded, found.guarding, found.pid], [['tcp/22'], false, process.pid]);
  const { lists: _, ...told } = found;
  assert.deepEqual(JSON.parse(JSON.stringify(found)), told, 'it is JSON');
});

test('status tells of lists of revoked certificates', t => {
  clock(t, noon);
  const at = new Date(noon).toISOString();
  const lists = {
    at,
    outcome: 'failed',
    lines: ['cannot get the list: ECONNREFUSED', 'CN=CA: no list'],
  } as const;
  assert.match(
    formatStatus(status({ lists })),
    /^lists {3}failed at 2026-11-18T12:00:00.000Z\n {2}cannot get the list: ECONNREFUSED\n {2}CN=CA: no list\n/m,
  );
  assert.doesNotMatch(formatStatus(status()), /lists/);
});

test('every reason of a refusal is counted under its name', () => {
  for (const reason of reasons) assert.ok(counterNames.includes(`refused ${reason}`));
  assert.equal(new Set(counterNames).size, counterNames.length);
  assert.ok(counterNames.length < 256, 'a frame has one byte for them');
  assert.ok(Object.values(newCounters()).every(count => count === 0));
});

test('the last twenty knocks are kept, oldest first', () => {
  const history = new History();
  const record = (at: number) => ({ at, source: '::1', door: 'a', client: 'b', outcome: 'opened' });
  for (let at = 0; at < 50; at++) history.add(record(at));
  assert.deepEqual(
    history.list().map(({ at }) => at),
    Array.from({ length: 20 }, (_, index) => 30 + index),
  );
  const list = history.list();
  history.add(record(50));
  assert.equal(list.length, 20);
  assert.equal(list[0]?.at, 30, 'what was handed out stays');
});

test('a quota gives so many in a span, then as many in the next', () => {
  const quota = new Quota(3, 1000);
  const take = (...moments: readonly number[]) => moments.map(now => quota.take(now));
  assert.deepEqual(take(5000, 5000, 5999, 5999, 5999), [true, true, true, false, false]);
  assert.deepEqual(take(6000, 6500, 6999, 6999), [true, true, true, false]);
  assert.deepEqual(take(100, 100, 100, 100), [true, true, true, false], 'a clock that was set back');
});

/** A load, and a clock that stands still. */
function loadAt(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const said: number[] = [];
  const load = new Load(gathered => said.push(gathered));
  const pass = (ms: number) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  return { load, said, pass };
}

test('many packets in a tenth of a second are a load; few are quiet again', t => {
  const { load, said, pass } = loadAt(t);
  for (let packet = 0; packet < 200; packet++) load.add(1);
  assert.deepEqual(said, []);
  load.add(1);
  assert.deepEqual(said, [64]);
  for (let windows = 0; windows < 5; windows++) {
    load.add(100);
    pass(100);
  }
  load.add(1000);
  assert.deepEqual(said, [64], 'it is told once');
  pass(100);
  load.add(99);
  pass(100);
  assert.deepEqual(said, [64, 1]);
  load.add(201);
  assert.deepEqual(said, [64, 1, 64]);
});

for (const [packets, gathered] of [
  [
    [201, 5000, 5001],
    [64, 256],
  ],
  [
    [201, 5001, 2500, 2499, 99],
    [64, 256, 64, 1],
  ],
  [
    [10_000, 10_000, 50],
    [64, 256, 1],
  ],
] as const) {
  test(`a flood is gathered in larger pieces: ${packets.join(', ')} in a tenth of a second each`, t => {
    const { load, said, pass } = loadAt(t);
    for (const count of packets) {
      load.add(count);
      pass(100);
    }
    assert.deepEqual(said, gathered);
  });
}

test('as many packets over a longer time are no load', t => {
  const { load, said, pass } = loadAt(t);
  for (let windows = 0; windows < 100; windows++) {
    load.add(150);
    pass(101);
  }
  assert.deepEqual(said, []);
});

test('what the log says of a refusal', () => {
  assert.equal(explain('stale', 90_000), ': its clock is 90s behind ours, or it is an old knock');
  assert.equal(explain('stale', -7_200_000), ': its clock is 2h ahead of ours, or it is an old knock');
  assert.match(explain('bad-tag', 0), /wrong key/);
  assert.match(explain('wrong-address', 0), /address = "optional"/);
  assert.match(explain('not-recorded', 0), /disk full/);
  for (const reason of ['unknown-client', 'revoked']) assert.equal(explain(reason, 5), '');
  assert.equal(explain('replayed', 0), '');
  assert.match(explain('replayed', 4_158_469_056), /its number was used before/);
});

const twoDoors = `${smallText}[[door]]
name = "backup"
command = 2
run = ["/bin/true", "x"]
close_run = ["/bin/false", "{source}"]
open_for = "10m"
[[door]]
name = "note"
command = 3
run = ["/bin/true"]
[[client]]
name = "old"
classic_passphrase_file = "old.pass"
doors = ["ssh", "note"]
revoked = true
`;

test('what the log says of a configuration and its doors', t => {
  const config = read(t, twoDoors);
  assert.equal(summary(config), '3 doors, 2 clients, knocks from NFLOG group 5, window from port 40000');
  assert.equal(
    summary({ ...read(t, smallText), capture: { from: 'stdin' } }),
    '1 door, 1 client, knocks from standard input, window from port 40000',
  );
  assert.equal(
    summary({ ...read(t, ''), capture: { from: 'path', path: '/x' } }),
    '0 doors, 0 clients, knocks from /x',
  );
  assert.deepEqual(config.doors.map(describeAction), ['tcp/22 for 30s', '/bin/true for 10m', '/bin/true']);
  assert.match(damagedLedger(1), /damaged for 1 client,/);
  assert.match(damagedLedger(2), /damaged for 2 clients,/);
});

test('check says what would be guarded', t => {
  const config = { ...read(t, `user = "root"\n${twoDoors}`), file: '/etc/p.toml' };
  const { text, warnings } = check(config);
  assert.equal(
    text,
    `/etc/p.toml: sound
guarded         tcp/22
window          tcp/40000 to 40255, a knock is 16 SYNs in order (spelling = "ordered")
always allowed  nobody: only a knock opens
door            ssh (command 1) opens tcp/22 for 30s
door            backup (command 2) runs /bin/true x, and after 10m /bin/false {source}
door            note (command 3) runs /bin/true
client          laptop (id 7) may use ssh
client          old (classic) may use ssh, note; removed
`,
  );
  assert.deepEqual(warnings.slice(1), ['the listener runs as root: give it a user of its own']);
  const bare = check(read(t, 'user = "no-such-user"\n[guard]\nalways_allow = ["::1"]\n'));
  assert.match(
    bare.text,
    /guarded {9}no service\nwindow {10}none: there is no \[port_sequence\]\nalways allowed {2}::1\/128\n/,
  );
  assert.deepEqual(bare.warnings, [
    'there is no user "no-such-user" on this machine',
    'nobody can knock: there is no client',
  ]);
});

test('who may use which door', t => {
  const config = read(t, twoDoors);
  const may = (client: string, door: string) => {
    const answer = new Permissions(config).find(client, door);
    return typeof answer === 'string' ? answer : answer.name;
  };
  assert.deepEqual(
    [
      may('laptop', 'ssh'),
      may('laptop', 'backup'),
      may('laptop', 'x'),
      may('x', 'ssh'),
      may('old', 'ssh'),
      may('', ''),
    ],
    ['ssh', 'not-allowed', 'unknown-command', 'unknown-client', 'revoked', 'unknown-client'],
  );
});
