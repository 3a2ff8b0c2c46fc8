/** What is read of NFLOG's messages: packets, what rules say with them, and how many were lost. */
import assert from 'node:assert/strict';
import { closeSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { attribute, be32, netfilterMessage, text } from '../../src/net/netlink.js';
import { readNflog } from '../../src/net/nflog.js';
import { socketPair } from '../../src/net/readable.js';

/** Of linux/netfilter/nfnetlink_log.h. */
const [subsystem, packetMessage] = [4, 0];
const [mark, payload, prefix, sequence] = [2, 9, 10, 12];

const logged = (...attributes: readonly Buffer[]) =>
  netfilterMessage(subsystem, packetMessage, 0, 0, 2, 5, be32(mark, 7), ...attributes);
const bytes = (hex: string) => attribute(payload, Buffer.from(hex, 'hex'));

/** Reads messages that come at once. */
async function read(...messages: readonly Buffer[]) {
  const [ours, theirs] = socketPair();
  const heard: [string, string, number][] = [];
  let lost = 0;
  const read = await new Promise<number>(resolve => {
    const socket = readNflog(theirs, {
      begin: () => {},
      packet: (from, start, end, said, device) =>
        heard.push([from.toString('hex', start, end), said, device]),
      lost: count => {
        lost += count;
      },
      batch: count => {
        socket.destroy();
        resolve(count);
      },
    });
    writeSync(ours, Buffer.concat(messages));
  });
  closeSync(ours);
  return { heard, lost, read };
}

test('each packet with the interface that it came in by', async () => {
  const device = be32(4, 3);
  const { heard } = await read(
    logged(device, bytes('4501')),
    logged(bytes('4502')),
    logged(bytes('4503'), device),
  );
  assert.deepEqual(
    heard.map(([, , index]) => index),
    [3, 0, 3],
  );
});

test('each packet with what its own rule says, wherever that stands in the message', async () => {
  const said = [
    logged(text(prefix, 'number admitted'), bytes('45')),
    logged(bytes('4501')),
    logged(bytes('4502'), text(prefix, 'number refused')),
    logged(text(prefix, ''), bytes('4503')),
    logged(text(prefix, 'number refused'), bytes('4504')),
    logged(text(prefix, 'number'), bytes('4505')),
    logged(text(prefix, 'number refused '), bytes('4506')),
    logged(attribute(prefix, Buffer.alloc(0)), bytes('4507')),
    logged(text(prefix, 'number refused')),
    logged(bytes('4508')),
  ];
  const { heard, read: count } = await read(...said);
  assert.equal(count, said.length);
  const spelled = heard.map(([packet, prefix]) => [packet, prefix]);
  assert.deepEqual(spelled, [
    ['45', 'number admitted'],
    ['4501', ''],
    ['4502', 'number refused'],
    ['4503', ''],
    ['4504', 'number refused'],
    ['4505', 'number'],
    ['4506', 'number refused '],
    ['4507', ''],
    ['4508', ''],
  ]);
});

test('numbers that are missing are packets that were lost', async () => {
  const numbered = (number: number) => logged(bytes('45'), be32(sequence, number));
  const { lost } = await read(numbered(2 ** 32 - 2), numbered(2 ** 32 - 1), numbered(0), numbered(4));
  assert.equal(lost, 3);
});
