/** What the listener and its thread are told of datagrams: all that they need, as plain text, and no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildDatagrams, datagramSettings, readLists } from '../../src/daemon/datagramsite.js';
import { type Instruction, InstructionReader } from '../../src/daemon/instructions.js';
import { tcp } from '../../src/net/packet.js';
import { configOf, door } from './certifiedbench.js';

const doors = [door('web', [80, 443]), door('shut', [22], { datagram: false })];

test('settings survive being told as JSON', () => {
  const settings = datagramSettings(configOf(doors, { allowOtherAddress: true, policy: 'drop' }))!;
  const site = buildDatagrams(JSON.parse(JSON.stringify(settings)), []);
  assert.deepEqual(site, {
    serverKey: Buffer.of(3),
    authorities: [Buffer.of(1, 2)],
    skewMs: 30_000,
    allowOtherAddress: true,
    listRequired: true,
    lists: [],
    listAwaited: false,
    doors: [
      {
        name: 'web',
        services: [
          { protocol: tcp, port: 80 },
          { protocol: tcp, port: 443 },
        ],
        isOpen: true,
      },
      { name: 'shut', services: [{ protocol: tcp, port: 22 }], isOpen: false },
    ],
    anyPort: true,
  });
  assert.equal(datagramSettings(configOf(doors))?.anyPort, false);
  assert.equal(datagramSettings({ ...configOf(doors), datagram: undefined }), undefined);
});

const list = { authority: 'aa', serials: ['01', '4f03'], from: 1, until: 2 };

test('lists are read as they were written; an end may be missing', () => {
  const { until, ...endless } = list;
  assert.deepEqual(readLists(JSON.stringify({ lists: [list, endless], memory: 7 })), [list, endless]);
  assert.deepEqual(readLists('{"lists":[]}'), []);
});

const broken: readonly unknown[] = [
  ...[null, 1, [], {}, { lists: 7 }, { lists: {} }, { lists: [null] }, { lists: [7] }],
  ...[
    { ...list, authority: 7 },
    { ...list, serials: 'aa' },
    { ...list, from: null },
  ].map(one => ({ lists: [one] })),
  ...[
    { ...list, until: null },
    { ...list, until: '7' },
    { ...list, serials: [7] },
  ].map(one => ({ lists: [list, one] })),
];

for (const value of broken) {
  test(`no lists: ${JSON.stringify(value)}`, () => assert.equal(readLists(JSON.stringify(value)), undefined));
}

test('no lists: what is no JSON', () => {
  for (const text of ['', '{', 'lists', '{"lists":[]}x', '\0']) assert.equal(readLists(text), undefined);
});

test('instructions cut anywhere are the same', () => {
  const instruction: fc.Arbitrary<Instruction> = fc.oneof(
    fc.constant({ say: 'alive' } as const),
    fc.string({ unit: 'binary' }).map(text => ({ say: 'lists', text, areAwaited: false }) as const),
  );
  fc.assert(
    fc.property(fc.array(instruction), fc.array(fc.nat(40)), (instructions, lengths) => {
      const stream = instructions.map(each => `${JSON.stringify(each)}\n`).join('');
      const heard: Instruction[] = [];
      const reader = new InstructionReader();
      let at = 0;
      for (const length of [...lengths, stream.length]) {
        reader.push(stream.slice(at, at + length), each => heard.push(each));
        at += length;
      }
      assert.deepEqual(heard, instructions);
    }),
  );
});
