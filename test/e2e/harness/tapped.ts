/** A namespace's interface that is listened on (tapprogram.ts), and what was heard there. */
import { eventually } from './eventually.js';
import { project } from './isolation.js';
import type { Namespace } from './namespace.js';
import type { Program } from './program.js';
import type { Asked, Said, Wish } from './tapprogram.js';

export const tapProgram = `${project}/dist/test/e2e/harness/tapprogram.js`;

/** Connections to port 7000, datagrams to port 8000. */
export const usualWish: Wish = {
  tcp: [{ ports: [{ first: 7000, last: 7000 }], mask: 0x17, value: 0x02 }],
  udp: [{ first: 8000, last: 8000 }],
  targets: [],
  ipv6: true,
};

export class Tapped {
  readonly log: string[] = [];
  heard: string[] = [];
  lost = 0;
  addresses: readonly string[] = [];
  ethernet = false;
  readonly #program: Program;
  #ready = 0;

  private constructor(program: Program) {
    this.#program = program;
    program.onLine(line => this.#take(JSON.parse(line) as Said));
  }

  static async start(namespace: Namespace, interfaceName: string, wish: Partial<Wish> = {}): Promise<Tapped> {
    const tapped = new Tapped(namespace.start(process.execPath, [tapProgram, interfaceName]));
    await tapped.want(wish);
    return tapped;
  }

  /** Changes what is let through. */
  async want(wish: Partial<Wish>): Promise<void> {
    const before = this.#ready;
    this.#ask({ want: { ...usualWish, ...wish } });
    await eventually('the tap is ready', () => this.#requireRunning() && this.#ready > before);
  }

  /** To the process that reads. */
  signal(signal: NodeJS.Signals): void {
    this.#ask({ signal });
  }

  /** Stops the process that holds the tap, until `resume`. */
  pause(): void {
    this.#program.signal('SIGSTOP');
  }

  resume(): void {
    this.#program.signal('SIGCONT');
  }

  /** Waits until something was heard, forgets it, and returns all that was heard up to it. */
  async hears(text: string): Promise<string[]> {
    await eventually(`heard: ${text}`, () => this.heard.includes(text)).catch(error => {
      throw new Error(`what was heard: ${this.heard.join(', ')}`, { cause: error });
    });
    return this.heard.splice(0, this.heard.indexOf(text) + 1);
  }

  /** Waits for a line of the log that matches, and forgets it and those before. */
  async says(pattern: RegExp): Promise<string> {
    const at = await eventually(`the log says ${pattern}`, () => {
      const found = this.log.findIndex(line => pattern.test(line));
      return found >= 0 && { found };
    });
    return this.log.splice(0, at.found + 1).at(-1)!;
  }

  #requireRunning(): boolean {
    if (this.#program.ending === undefined) return true;
    throw new Error(`the tap has ended\n${this.#program.output}`);
  }

  #ask(asked: Asked): void {
    this.#program.write(`${JSON.stringify(asked)}\n`);
  }

  #take(said: Said): void {
    if ('heard' in said) this.heard.push(said.heard);
    else if ('lost' in said) this.lost += said.lost;
    else if ('log' in said) this.log.push(said.log);
    else if ('addresses' in said) this.addresses = said.addresses;
    else {
      this.#ready += 1;
      this.ethernet = said.ready.ethernet;
      this.addresses = said.ready.addresses;
    }
  }
}
