/**
 * UDP as a program meets it: what becomes of a datagram that is sent, and a service that answers each with what was in it.
 * Run by itself in a namespace: `node asking.js JSON`.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Host } from './host.js';
import { project } from './isolation.js';

export interface Asked {
  readonly address: string;
  readonly port: number;
  readonly hex: string;
  /** How many times it is sent; what becomes of the last one counts. */
  readonly count?: number;
  readonly sourcePort?: number;
}

/** Answered by a service, refused by an ICMP message, or neither in time. */
export type Answer = 'answered' | 'refused' | 'silent';

const script = `${project}/dist/test/e2e/harness/asking.js`;
const waitMs = 300;

/** Sends from a host. */
export async function ask(from: Host, asked: Asked): Promise<Answer> {
  return (await from.namespace.exec(process.execPath, [script, JSON.stringify(asked)])).trim() as Answer;
}

/** Answers at a UDP port of a host, until the test ends. */
export async function answer(at: Host, port: number): Promise<void> {
  const request = { port, addresses: [at.ipv4, at.ipv6, '::'] };
  await at.namespace.start(process.execPath, [script, JSON.stringify(request)]).line(/answering/);
}

async function send({ address, port, hex, count = 1, sourcePort = 0 }: Asked): Promise<Answer> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  await new Promise<void>(resolve => socket.bind(sourcePort, resolve));
  await new Promise<void>(resolve => socket.connect(port, address, resolve));
  const payload = Buffer.from(hex, 'hex');
  const answered = new Promise<Answer>(resolve => {
    setTimeout(resolve, waitMs, 'silent');
    // Only a connected socket hears of what came back by ICMP.
    socket.on('error', () => resolve('refused'));
    socket.on('message', () => resolve('answered'));
  });
  for (let sent = 0; sent < count; sent++) {
    await new Promise<void>(resolve => socket.send(payload, () => resolve()));
  }
  const met = await answered;
  socket.close();
  return met;
}

/** From the address that was asked: a socket for all of them would answer from the one that is nearest. */
async function serve(port: number, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const type = isIPv6(address) ? 'udp6' : 'udp4';
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
    socket.on('message', (message, { port, address }) => socket.send(message, port, address));
    await new Promise<void>(resolve => socket.bind(port, address, resolve));
  }
  process.stdout.write('answering\n');
}

const [, program = '', request] = process.argv;
if (program === script && request !== undefined) {
  const { addresses, ...asked } = JSON.parse(request);
  if (addresses !== undefined) await serve(asked.port, addresses);
  else {
    process.stdout.write(`${await send(asked)}\n`);
    process.exit();
  }
}
