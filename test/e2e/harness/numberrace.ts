/**
 * Connects with many numbers, one after the other as fast as it can, from a given moment on; says which were let in.
 *
 *   node numberrace.js ADDRESS PORT START_MS WAIT_MS < numbers, one a line
 */
import { readFileSync } from 'node:fs';
import { numberedSocket } from './numbered.js';

const [address = '', port, startMs, waitMs] = process.argv.slice(2);
const numbers = readFileSync(0, 'utf8').trim().split('\n').map(Number);
const sockets = numbers.map(number => numberedSocket(address, number));
const admitted: number[] = [];
for (const [index, socket] of sockets.entries()) {
  socket.on('error', () => {});
  socket.on('connect', () => admitted.push(numbers[index]!));
}
while (Date.now() < Number(startMs));
for (const socket of sockets) socket.connect({ host: address, port: Number(port) });
setTimeout(() => {
  process.stdout.write(`${JSON.stringify(admitted)}\n`, () => process.exit());
}, Number(waitMs));
