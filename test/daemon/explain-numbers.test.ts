/** `portknockd explain` with sequence numbers: what a capture shows of them, beside the knocks of other methods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config, Door } from '../../src/daemon/config.js';
import { type Explanation, explainCapture } from '../../src/daemon/explain.js';
import { explain } from '../../src/daemon/wording.js';
import { composeSealed } from '../../src/methods/port-sequence/compose.js';
import { parseAddress } from '../../src/net/address.js';
import { noon, numberOf } from '../methods/sequence-number/sending.js';
import { ethernet, pcap, record } from '../net/capturemade.js';
import { ipv4, ipv6, syn } from '../net/made.js';
import { clientKey, config, siteKey } from './numberconfig.js';

const minute = 60_000;
interface Sent {
  /** After noon. */
  readonly at: number;
  readonly sequence: number;
  readonly port?: number;
  readonly sourcePort?: number;
  readonly flags?: number;
  readonly over?: (segment: Buffer) => Buffer;
}

const overIPv4 = (segment: Buffer) => ipv4(6, segment);
const overIPv6 = (segment: Buffer) => ipv6(6, segment);

function capture(packets: readonly Sent[]): Buffer {
  const records = packets.map(
    ({ at, port = 22, sourcePort = 40_001, flags = 2, sequence, over = overIPv4 }) =>
      record(
        'little',
        Math.floor((noon + at) / 1000),
        ((noon + at) % 1000) * 1000,
        ethernet(over(syn({ port, sourcePort, flags, sequence }))),
      ),
  );
  return pcap('little', 1, records);
}

/** In a line each. */
async function explained(from: Config, bytes: Buffer, atMs?: number): Promise<string[]> {
  const said: string[] = [];
  const line = ({ at, source, method, outcome, door, client, reason }: Explanation) =>
    `${Date.parse(at) - (atMs ?? noon)} ${source} ${method} ${reason ?? outcome} ${door} ${client}`;
  assert.deepEqual(await explainCapture(from, bytes, atMs, explanation => said.push(line(explanation))), []);
  return said;
}

const number = (client: string, port: number, after: number) => numberOf(client, port, noon + after);
const laptop = number('laptop', 22, 0);

const packets: readonly Sent[] = [
  { at: 0, sequence: 12_345 },
  { at: 10, sequence: laptop },
  { at: 11, sequence: 99, flags: 0x12 },
  { at: 1010, sequence: laptop },
  { at: 2000, sequence: laptop, sourcePort: 40_002 },
  { at: 2500, sequence: number('laptop', 22, -30_000), sourcePort: 40_003, over: overIPv6 },
  { at: 3000, sequence: number('phone', 22, 0), sourcePort: 40_004 },
  { at: 4000, sequence: number('laptop', 443, 0), port: 443 },
  { at: 5000, sequence: number('phone', 443, 0), port: 443 },
  { at: 6000, sequence: number('lost', 22, 0) },
  { at: 7000, sequence: number('laptop', 22, -2 * minute) },
  { at: 8000, sequence: number('laptop', 22, 3 * minute) },
  { at: 9000, sequence: number('laptop', 25, 0), port: 25 },
];
const outcomes = [
  '10 192.0.2.7 sequence-number opened ssh laptop',
  '2000 192.0.2.7 sequence-number replayed ssh laptop',
  '2500 2001:db8::7 sequence-number opened ssh laptop',
  '3000 192.0.2.7 sequence-number opened ssh phone',
  '4000 192.0.2.7 sequence-number opened web laptop',
  '5000 192.0.2.7 sequence-number not-allowed web phone',
  '6000 192.0.2.7 sequence-number revoked ssh lost',
  '7000 192.0.2.7 sequence-number stale ssh laptop',
  '8000 192.0.2.7 sequence-number stale ssh laptop',
];

test('connections that came in and that did not', async () => {
  assert.deepEqual(await explained(config, capture(packets)), outcomes);
});

test('sequence numbers alone', async () => {
  const alone = { ...config, portSequence: undefined };
  assert.deepEqual(await explained(alone, capture(packets)), outcomes);
});

test('other periods, and a port that numbers are derived for', async () => {
  const sequenceNumber = { periodMs: 1000, toleranceMs: 0, port: 2222, guessesPerSecond: 10 };
  const one = { ...config, sequenceNumber, doors: config.doors.slice(0, 1) };
  const sequence = (after: number, port: number) => numberOf('laptop', port, noon + after, 1000);
  const said = await explained(
    one,
    capture([
      { at: 0, sequence: sequence(0, 22) },
      { at: 500, sequence: sequence(0, 2222), sourcePort: 1 },
      { at: 1500, sequence: sequence(0, 2222), sourcePort: 2 },
    ]),
  );
  assert.deepEqual(said, [
    '500 192.0.2.7 sequence-number opened ssh laptop',
    '1500 192.0.2.7 sequence-number stale ssh laptop',
  ]);
});

test('a capture explained as if it had begun at another time: the numbers are old then', async () => {
  const late = noon + 10 * minute;
  assert.deepEqual(await explained(config, capture([{ at: 0, sequence: laptop }]), late), [
    '0 192.0.2.7 sequence-number stale ssh laptop',
  ]);
});

test('beside a port sequence', async () => {
  const address = parseAddress('192.0.2.7')!;
  const ports = composeSealed({
    siteKey,
    key: clientKey,
    clientId: 7,
    commandId: 1,
    time: noon,
    basePort: 40_000,
    spelling: 'ordered',
    address,
  });
  const knock = ports.flatMap((port, index) => [
    { at: index * 10, port, sourcePort: 50_000 + index, sequence: index },
    { at: index * 10 + 5, sequence: index === 3 ? laptop : index },
  ]);
  assert.deepEqual(await explained(config, capture(knock)), [
    '35 192.0.2.7 sequence-number opened ssh laptop',
    '150 192.0.2.7 port-sequence opened mail tablet',
  ]);
});

test('a door that numbers do not open has none', async () => {
  const doors = config.doors.map(door => ({ ...door, sequenceNumber: false }) as Door);
  assert.deepEqual(await explained({ ...config, doors }, capture(packets)), []);
});

test('what the log says beside the reason', () => {
  for (const [reason, detail, expected] of [
    ['stale', 2 * minute, /^: its clock is 2m behind ours, or it is an old knock$/],
    ['stale', -2 * minute, /^: its clock is 2m ahead of ours/],
    [
      'replayed',
      laptop,
      /^: its number was used before, .*a second connection within a period needs the next/,
    ],
    ['replayed', 0, /^$/],
  ] as const) {
    assert.match(explain(reason, detail), expected);
  }
});
