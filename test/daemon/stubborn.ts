/**
 * A thread in the verifier's place, for tests: it refuses what it is given as stale, with what it knows as the detail,
 * unless the packet's port says that it is to hang, to die or to take all memory.
 */
import { parentPort } from 'node:worker_threads';
import type { Ready } from '../../src/daemon/thread.js';
import type { Answer, Order } from '../../src/daemon/verifier.js';
import type { Refusal } from '../../src/methods/knock.js';
import type { Packet } from '../../src/net/packet.js';

export const hang = 6661;
export const die = 6662;
export const exit = 6663;
export const fill = 6664;

/** Characters of lists that it reads in a millisecond. */
const longListsPerMs = 2048;

/** What it was told since it began, in order. */
const told: string[] = [];

function verdictOf({ port, source, at, payload }: Packet): Refusal {
  if (port === hang) for (;;);
  if (port === die) throw new Error('as it was asked to');
  if (port === exit) process.exit(3);
  if (port === fill) for (const all: number[][] = []; ; ) all.push(new Array(1000).fill(0.5));
  const unknown = { door: told.join(' '), client: String(payload[0]) };
  return { outcome: 'refused', method: 'datagram', reason: 'stale', ...unknown, source, at, detail: port };
}

function obey(order: Order): void {
  if (order.say === 'verify') {
    const answer: Answer = { say: 'verdicts', verdicts: order.packets.map(verdictOf) };
    parentPort?.postMessage(answer);
  } else if (order.say === 'settings') told.push(`settings ${order.settings.skewMs}`);
  else if (order.say === 'heard') told.push(`heard ${order.digests.length}`);
  else {
    const { text = '', areAwaited } = order;
    told.push(areAwaited ? `awaited ${text}`.trim() : text.trim());
    // Long lists take long.
    for (const end = performance.now() + text.length / longListsPerMs; performance.now() < end; );
    parentPort?.postMessage({ say: 'lists', areGood: text !== 'bad' } satisfies Answer);
  }
}

if (parentPort !== null && process.env['PORTKNOCK_STUBBORN'] !== 'mute') {
  parentPort.on('message', obey);
  parentPort.postMessage({ say: 'ready' } satisfies Ready);
} else parentPort?.on('message', () => {});
