/**
 * A scanner of UDP ports: sends payloads to each of some ports, and says what came back of each: an answer, word of the
 * kernel that nobody is there, or nothing. Prints { "PORT": [what, …] }, one for each payload.
 *
 *   node udpscanner.js JSON
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Scan {
  readonly address: string;
  readonly ports: readonly number[];
  /** In hexadecimal. */
  readonly payloads: readonly string[];
  /** One of them, that answers everything: what the kernel says of the others has come by then. */
  readonly served: number;
  /** For what comes later than its answer, milliseconds. */
  readonly waitMs: number;
}

export type Seen = Readonly<Record<string, readonly string[]>>;

class Probe {
  readonly #socket: Socket;
  #seen: string[] = [];
  #wake = () => {};

  constructor(address: string) {
    this.#socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    this.#socket.on('message', bytes => this.#see(`answer of ${bytes.length}`));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#see(String(error.code)));
  }

  #see(what: string): void {
    this.#seen.push(what);
    this.#wake();
  }

  /** Until something has come, or ten seconds. */
  async wait(): Promise<void> {
    const something = new Promise<void>(resolve => (this.#wake = resolve));
    if (this.#seen.length === 0) await Promise.race([something, sleep(10_000, undefined, { ref: false })]);
  }

  connect(port: number, address: string): Promise<void> {
    return new Promise(resolve => this.#socket.connect(port, address, () => resolve()));
  }

  send(payload: Buffer): void {
    this.#socket.send(payload, () => {});
  }

  take(): string {
    const seen = this.#seen.join(' ');
    this.#seen = [];
    return seen || 'nothing';
  }
}

const { address, ports, payloads, served, waitMs } = JSON.parse(process.argv[2] ?? '') as Scan;
const probes = ports.map(port => ({ port, probe: new Probe(address) }));
await Promise.all(probes.map(({ port, probe }) => probe.connect(port, address)));
const seen: Record<string, string[]> = Object.fromEntries(ports.map(port => [port, []]));
for (const hex of payloads) {
  for (const { probe } of probes) probe.send(Buffer.from(hex, 'hex'));
  await probes.find(({ port }) => port === served)?.probe.wait();
  await sleep(waitMs);
  for (const { port, probe } of probes) seen[port]!.push(probe.take());
}
process.stdout.write(JSON.stringify(seen satisfies Seen), () => process.exit());
