/** Plain sequences: knockd's matching without its faults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../src/net/address.js';
import { anyFlags, door, Knocker, type Sent, steps, synFlags } from './knocker.js';

const ssh = door('ssh', '7000,8000,9000');

/** What is sent, step by step, and all that is said of it. */
const cases: readonly (readonly [
  name: string,
  doors: ReturnType<typeof door>[],
  sent: string,
  said: string,
])[] = [
  ['the sequence', [ssh], '7000,8000,9000', 'ssh 1, ssh 2, ssh 3, ssh!'],
  ['twice', [ssh], '7000,8000,9000,7000,8000,9000', 'ssh 1, ssh 2, ssh 3, ssh!, ssh 1, ssh 2, ssh 3, ssh!'],
  ['a wrong port of another step', [ssh], '7000,9000,8000', 'ssh 1, ssh: wrong-port 1'],
  [
    'after a failure a new start',
    [ssh],
    '7000,9000,7000,8000,9000',
    'ssh 1, ssh: wrong-port 1, ssh 1, ssh 2, ssh 3, ssh!',
  ],
  ['the packet that fails begins nothing', [ssh], '7000,7000,8000,9000', 'ssh 1, ssh: wrong-port 1'],
  ['a port of no door', [ssh], '7000,5555,8000,9000', 'ssh 1, ssh 2, ssh 3, ssh!'],
  ['not from the middle', [ssh], '8000,9000', ''],
  ['UDP is not TCP', [ssh], '7000,8000:udp,9000', 'ssh 1, ssh: wrong-port 1'],
  ['mixed', [door('m', '1:udp,1,2:udp')], '1:udp,1,2:udp', 'm 1, m 2, m 3, m!'],
  ['one port', [door('one', '7000')], '7000,7000', 'one 1, one!, one 1, one!'],
  ['a port in it twice', [door('t', '7,7,8')], '7,7,8', 't 1, t 2, t 3, t!'],
  [
    'a common prefix',
    [ssh, door('web', '7000,8000,9001')],
    '7000,8000,9001',
    'ssh 1, web 1, ssh 2, web 2, ssh: wrong-port 2, web 3, web!',
  ],
  ['one within another', [door('a', '1,2'), door('b', '1,2,3')], '1,2,3', 'a 1, b 1, a 2, a!, b 2, b 3, b!'],
  ['the same sequence', [door('a', '1,2'), door('b', '1,2')], '1,2', 'a 1, b 1, a 2, a!, b 2, b!'],
  [
    "another door's first port fails it",
    [ssh, door('web', '1000,2000')],
    '7000,1000,8000',
    'ssh 1, ssh: wrong-port 1',
  ],
  [
    "a first port that is another door's last",
    [ssh, door('close', '9000,8000,7000')],
    '7000,8000,9000,9000,8000,7000',
    'ssh 1, ssh 2, ssh 3, ssh!, close 1, close 2, close 3, close!',
  ],
  ['duplicates allowed', [door('d', '7,8,9', { allowDuplicates: true })], '7,7,8,8,8,9', 'd 1, d 2, d 3, d!'],
  [
    'duplicates allowed, of the step before only',
    [door('d', '7,8,9', { allowDuplicates: true })],
    '7,8,7',
    'd 1, d 2, d: wrong-port 2',
  ],
  ['no sequence left', [door('used', '')], '0,7000', ''],
];

for (const [name, doors, sent, said] of cases) {
  test(name, () => assert.equal(new Knocker(doors).send(sent).hear().join(', '), said));
}

test('the whole sequence must come in time, counted from its first packet', () => {
  for (const [waitMs, opens] of [
    [4999, true],
    [5000, false],
    [60_000, false],
  ] as const) {
    const knocker = new Knocker([ssh]).send('7000').wait(5000).send('8000').wait(waitMs).send('9000');
    assert.equal(knocker.opened().length, opens ? 1 : 0, `${waitMs} ms`);
  }
});

test('what took too long is told when its time is over, once, and the next packet begins anew', () => {
  const knocker = new Knocker([ssh]).send('7000').wait(1000).send('8000');
  knocker.hear();
  assert.equal(knocker.method.expire(knocker.now), knocker.now + 9000);
  assert.equal(knocker.method.expire(knocker.wait(8999).now), knocker.now + 1);
  assert.deepEqual(knocker.hear(), []);
  assert.equal(knocker.method.expire(knocker.wait(1).now), Number.POSITIVE_INFINITY);
  assert.deepEqual(knocker.hear(), ['ssh: timed-out 2']);
  assert.deepEqual(knocker.send('7000,8000,9000').opened(), ['ssh']);
});

test('a clock that is set back ends no attempt, and keeps none for ever', () => {
  const knocker = new Knocker([ssh]).send('7000').wait(-3_600_000).send('8000,9000');
  assert.deepEqual(knocker.opened(), ['ssh']);
  knocker.send('7000').wait(-3_600_000);
  knocker.hear();
  assert.equal(knocker.method.expire(knocker.now), knocker.now + 10_000);
  knocker.method.expire(knocker.wait(10_000).now);
  assert.deepEqual(knocker.hear(), ['ssh: timed-out 1']);
});

test('every source is on its own, as many as there are', () => {
  const knocker = new Knocker([ssh], {}, 4096);
  const sources = Array.from({ length: 200 }, (_, i) => (i % 2 ? `192.0.2.${i}` : `2001:db8::${i}`));
  for (const port of ['7000', '8000', '9000']) for (const from of sources) knocker.send(port, { from });
  assert.equal(knocker.opened().length, 200);
});

test('TCP flags are those of the door, and a packet with others is not there', () => {
  const rows: readonly (readonly [flags: number, opens: boolean])[] = [
    [0x02, true],
    [0x12, false],
    [0x03, false],
    [0x10, false],
    [0x22, true],
    [0xc2, true],
  ];
  for (const [flags, opens] of rows) {
    const knocker = new Knocker([{ ...ssh, flags: synFlags }]).send('7000,8000,9000', { flags });
    assert.equal(knocker.opened().length === 1, opens, `flags ${flags}`);
  }
  const knocker = new Knocker([{ ...ssh, flags: synFlags }]);
  knocker.send('7000').send('7000', { flags: 0x10 }).send('8000').send('8000', { flags: 0x04 }).send('9000');
  assert.deepEqual(knocker.opened(), ['ssh']);
  assert.deepEqual(new Knocker([door('u', '7:udp', { flags: synFlags })]).send('7:udp').opened(), ['u']);
});

test('a target, or any address of this machine', () => {
  const target = parseAddress('198.51.100.9')!;
  const addresses = [parseAddress('192.0.2.254')!, parseAddress('2001:db8::1')!];
  const doors = [ssh, door('far', '7000,8000', { target })];
  const rows: readonly (readonly [to: string, opened: string])[] = [
    ['192.0.2.254', 'ssh'],
    ['2001:db8::1', 'ssh'],
    ['198.51.100.9', 'far'],
    ['192.0.2.253', ''],
  ];
  for (const [to, opened] of rows) {
    const from = to.includes(':') ? '2001:db8::2' : '192.0.2.1';
    const knocker = new Knocker(doors, { addresses }).send('7000,8000,9000', { from, to });
    assert.equal(knocker.opened().join(), opened, to);
  }
  const both = new Knocker(doors, { addresses });
  for (const port of ['7000', '8000', '9000']) both.send(port).send(port, { to: '198.51.100.9' });
  assert.deepEqual(both.opened(), ['far', 'ssh'], 'attempts at different addresses do not meet');
});

test('an exact repetition is no second knock', () => {
  const first: Sent = { sourcePort: 5000, sequence: 77 };
  const knocker = new Knocker([ssh])
    .send('7000', first)
    .send('7000', first)
    .send('8000')
    .send('7000', first)
    .send('9000');
  assert.deepEqual(knocker.opened(), ['ssh']);
  knocker.send('7000', first).send('7000', { ...first, sequence: 78 });
  assert.deepEqual(knocker.hear(), ['ssh 1'], 'the repetition after success begins nothing');
  const datagrams = new Knocker([door('u', '7:udp,8:udp')]);
  datagrams
    .send('7:udp', { sourcePort: 9 })
    .wait(400)
    .send('7:udp', { sourcePort: 9 })
    .send('8:udp', { sourcePort: 9 });
  assert.deepEqual(datagrams.opened(), ['u']);
  datagrams.wait(2000).send('7:udp,8:udp', { sourcePort: 9 });
  assert.deepEqual(datagrams.opened(), ['u'], 'a sender may keep its port');
  const both = new Knocker([door('b', '7,7:udp')]).send('7,7:udp', { sourcePort: 9, sequence: 0 });
  assert.deepEqual(both.opened(), ['b'], 'of another protocol it is another packet');
  const unseen = new Knocker([ssh]).send('7000,7000', { sourcePort: -1, sequence: 0 });
  assert.deepEqual(
    unseen.hear(),
    ['ssh 1', 'ssh: wrong-port 1'],
    'where no source port is shown, nothing is the same',
  );
});

test('a one-time sequence opens once, whoever knocks it', () => {
  const once = door('once', '7,8', { turn: 0 });
  const knocker = new Knocker([once, ssh]);
  knocker.send('7').send('7', { from: '192.0.2.2' }).send('8').send('8', { from: '192.0.2.2' });
  assert.deepEqual(knocker.opened(), ['once']);
  knocker.method.site = { doors: [once, ssh], services: [], addresses: undefined };
  assert.deepEqual(knocker.send('7,8').opened(), [], 'the same again is the same');
  knocker.method.site = {
    doors: [door('once', '9,8', { turn: 1 }), ssh],
    services: [],
    addresses: undefined,
  };
  assert.deepEqual(knocker.send('9,8').opened(), ['once']);
});

test('a new site keeps attempts at doors that stay as they are', () => {
  const other = door('other', '1,2');
  const knocker = new Knocker([other, ssh]).send('7000,8000').send('1', { from: '192.0.2.2' });
  knocker.method.site = { doors: [ssh, door('new', '3,4')], services: [], addresses: undefined };
  knocker.send('9000').send('2', { from: '192.0.2.2' });
  assert.deepEqual(knocker.opened(), ['ssh']);
  const doors = Array.from({ length: 20 }, (_, i) => door(`d${i}`, `7000,${i + 1}`));
  knocker.method.site = { doors, services: [], addresses: undefined };
  assert.equal(knocker.send('7000,5').opened().join(), 'd4', 'more attempts at once than before');
  assert.equal(knocker.send('7000').send('20', { from: '192.0.2.3' }).send('6').opened().join(), 'd5');
});

test('a door that shows who scans does not open to him', () => {
  const guarded = { ...ssh, flags: synFlags, scanGuard: true };
  const scan = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i).join();
  const near = door('near', '7005,7006,7007', { scanGuard: true });
  assert.deepEqual(new Knocker([near]).send(scan(7000, 7010)).opened(), []);
  assert.deepEqual(new Knocker([{ ...near, scanGuard: false }]).send(scan(7000, 7010)).opened(), ['near']);
  assert.deepEqual(
    new Knocker([near]).send('22,80,443,7005,7006,22,7007').opened(),
    ['near'],
    'three ports are no scan',
  );
  assert.deepEqual(new Knocker([near]).send('22,80,443,25,7005,7006,7007').hear().at(-1), 'near: scan 3');
  const knocker = new Knocker([guarded]).send('1,2,3,4').wait(9999).send('7000,8000,9000');
  assert.deepEqual(knocker.opened(), []);
  assert.deepEqual(
    knocker.wait(1).send('7000,8000,9000').opened(),
    ['ssh'],
    'forgotten once he has been quiet',
  );
  knocker.send('1,2,3,4').wait(-3_600_000).send('7000,8000,9000');
  assert.deepEqual(knocker.opened(), [], 'a clock that is set back forgives nothing');
  assert.deepEqual(
    knocker.wait(10_000).send('7000,8000,9000').opened(),
    ['ssh'],
    'nor is it held against him',
  );
  knocker.send('1,2,3,4', { from: '192.0.2.2' });
  assert.deepEqual(knocker.send('7000,8000,9000').opened(), ['ssh'], 'another is no scanner for it');
  const acks = new Knocker([guarded]).send('1,2,3,4,5', { flags: 0x10 }).send('7000,8000,9000');
  assert.deepEqual(acks.opened(), ['ssh'], 'only first packets of connections count');
  const served = new Knocker([near], { services: [{ protocol: 6, port: 22 }] });
  assert.deepEqual(
    served.send('22,80,443,25,7005,7006,7007').opened(),
    ['near'],
    'what a door opens is no scan',
  );
  const busy = new Knocker([guarded]).send('53:udp,123:udp,443:udp,4500:udp,1194:udp').send('7000,8000,9000');
  assert.deepEqual(busy.opened(), ['ssh'], 'datagrams elsewhere are nothing to it');
  const udp = door('udp', '7000:udp,8000:udp,9000:udp', { scanGuard: true });
  assert.deepEqual(
    new Knocker([udp]).send('6984:udp,6990:udp,7010:udp,8016:udp,7000:udp,8000:udp,9000:udp').opened(),
    [],
  );
  assert.deepEqual(
    new Knocker([udp]).send('6983:udp,6990:udp,7010:udp,8016:udp,7000:udp,8000:udp,9000:udp').opened(),
    ['udp'],
  );
  const other = new Knocker([guarded, door('b', '1,2,3,4,5,6')]).send('1,2,3,4,5,6,7000,8000,9000');
  assert.deepEqual(other.opened(), ['b', 'ssh'], 'ports of another sequence are not outside');
});

test('many doors, many sources, a small table: nothing is mixed up', () => {
  const doors = Array.from({ length: 300 }, (_, i) =>
    door(`d${i}`, `${1000 + (i % 7)},${2000 + i},${3000 + i}`),
  );
  const knocker = new Knocker(doors, {}, 8);
  for (let i = 0; i < 300; i++) {
    const { steps: its } = doors[i]!;
    const text = its.map(({ port }) => port).join();
    assert.deepEqual(knocker.send(text, { from: `198.51.100.${i % 250}` }).opened(), [`d${i}`]);
  }
});

test('its own tests would see a sequence that is no sequence', () => {
  assert.throws(() => steps('70000'));
  assert.deepEqual(steps('7,8:UDP'), [
    { protocol: 6, port: 7 },
    { protocol: 17, port: 8 },
  ]);
  assert.deepEqual(anyFlags, { mask: 0, value: 0 });
});
