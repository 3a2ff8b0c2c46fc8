/**
 * A machine in a test's network: a namespace, its addresses, and an agent in it that connects and serves on request.
 */
import type { PortState, Reply, Request } from './agent.js';
import { project } from './isolation.js';
import type { Namespace } from './namespace.js';
import type { Program } from './program.js';

export type Family = 'ipv4' | 'ipv6';

const agentPath = `${project}/dist/test/e2e/harness/agent.js`;
const defaultWaitMs = 300;

export class Host {
  readonly namespace: Namespace;
  readonly ipv4: string;
  readonly ipv6: string;
  #agent: Agent | undefined;

  constructor(namespace: Namespace, ipv4: string, ipv6: string) {
    this.namespace = namespace;
    this.ipv4 = ipv4;
    this.ipv6 = ipv6;
  }

  /** What a connection from here meets: it is open, it is refused by an answer, or nothing answers in time. */
  async portState(address: string, port: number, waitMs = defaultWaitMs): Promise<PortState> {
    return required((await this.#ask({ do: 'probe', address, port, waitMs })).state);
  }

  /** Connects from here and returns the line that the service says, or undefined where none comes in time. */
  async greeting(address: string, port: number, waitMs = defaultWaitMs): Promise<string | undefined> {
    return (await this.#ask({ do: 'greet', address, port, waitMs })).greeting;
  }

  /** The same for a connection whose SYN has this sequence number. */
  async greetingBy(
    number: number,
    address: string,
    port: number,
    waitMs = defaultWaitMs,
  ): Promise<string | undefined> {
    return (await this.#ask({ do: 'greet', address, port, waitMs, number })).greeting;
  }

  /** Sends one SYN to each of these ports, in this order: a recorded knock played again, or any other. */
  async tap(address: string, ports: readonly number[]): Promise<void> {
    await this.#ask({ do: 'tap', address, ports });
  }

  /** Serves on a TCP port of every address here: says one line to whoever connects, and hangs up. */
  async serve(port: number, greeting: string): Promise<void> {
    await this.#ask({ do: 'serve', port, greeting });
  }

  async #ask(request: Request): Promise<Reply> {
    this.#agent ??= new Agent(this.namespace.start(process.execPath, [agentPath]));
    const reply = await this.#agent.ask(request);
    if (reply.error === undefined) return reply;
    throw new Error(`${this.namespace.name}: ${JSON.stringify(request)}: ${reply.error}`);
  }
}

/** The asking end: requests may overlap, replies are told apart by their number. */
class Agent {
  readonly #program: Program;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #asked = 0;

  constructor(program: Program) {
    this.#program = program;
    program.onLine(line => {
      const { id, ...reply } = JSON.parse(line) as Reply & { id: number };
      this.#waiting.get(id)?.(reply);
      this.#waiting.delete(id);
    });
    program.ended.then(() => {
      for (const settle of this.#waiting.values()) settle({ error: `the agent ended\n${program.output}` });
    });
  }

  ask(request: Request): Promise<Reply> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise(resolve => {
      this.#waiting.set(id, resolve);
      this.#program.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }
}

function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the agent gave no answer');
  return value;
}
