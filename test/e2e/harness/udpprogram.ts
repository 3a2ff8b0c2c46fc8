/**
 * A program that sends one datagram for each JSON object that it reads, a line each, all from one port, and says what comes
 * back. Its other end is asker.ts.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Asking {
  readonly address: string;
  readonly port: number;
  readonly hex: string;
  /** How long it waits for the first thing that comes back, milliseconds. */
  readonly waitMs: number;
}

export interface Answer {
  readonly hex: string;
  readonly address: string;
  readonly port: number;
}

const came: Answer[] = [];
const sockets = { udp4: createSocket('udp4'), udp6: createSocket({ type: 'udp6', ipv6Only: true }) };
for (const socket of Object.values(sockets)) {
  socket.on('message', (bytes, { address, port }) =>
    came.push({ hex: bytes.toString('hex'), address, port }),
  );
  socket.on('error', () => {});
}

for await (const line of createInterface({ input: process.stdin })) {
  const { address, port, hex, waitMs } = JSON.parse(line) as Asking;
  const socket = sockets[isIPv6(address.split('%')[0]!) ? 'udp6' : 'udp4'];
  socket.send(Buffer.from(hex, 'hex'), port, address, () => {});
  for (const end = performance.now() + waitMs; came.length === 0 && performance.now() < end; ) await sleep(2);
  process.stdout.write(`${JSON.stringify(came.splice(0))}\n`);
}
process.exit();
