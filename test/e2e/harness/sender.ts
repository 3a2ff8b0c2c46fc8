/** Sends datagrams and frames from within a namespace (sendprogram.ts). */
import { eventually } from './eventually.js';
import { project } from './isolation.js';
import type { Namespace } from './namespace.js';
import type { Program } from './program.js';
import type { Sending } from './sendprogram.js';

export class Sender {
  readonly #program: Program;
  readonly #replies: { readonly error?: string }[] = [];

  constructor(namespace: Namespace) {
    this.#program = namespace.start(process.execPath, [`${project}/dist/test/e2e/harness/sendprogram.js`]);
    this.#program.onLine(line => this.#replies.push(JSON.parse(line) as { error?: string }));
  }

  /** Datagrams to a port, one after the other, from one socket. */
  async datagrams(address: string, port: number, count = 1): Promise<void> {
    await this.#ask({ do: 'datagrams', address, port, count });
  }

  /** A frame as it is, from its first byte on. */
  async frame(interfaceName: string, frame: Buffer): Promise<void> {
    await this.#ask({ do: 'frame', interfaceName, hex: frame.toString('hex') });
  }

  /** Makes a tunnel whose other end is here. @throws where the kernel has none, or does not let us */
  async tunnel(name: string): Promise<void> {
    await this.#ask({ do: 'tunnel', name });
  }

  /** An IP packet that comes in from the tunnel. */
  async arrive(packet: Buffer): Promise<void> {
    await this.#ask({ do: 'arrive', hex: packet.toString('hex') });
  }

  async #ask(sending: Sending): Promise<void> {
    this.#program.write(`${JSON.stringify(sending)}\n`);
    await eventually(`sent: ${sending.do}`, () => this.#replies.length > 0 || this.#program.ending, 20_000);
    const reply = this.#replies.shift();
    if (reply?.error === undefined && reply !== undefined) return;
    throw new Error(`${sending.do}: ${reply?.error ?? this.#program.output}`);
  }
}
