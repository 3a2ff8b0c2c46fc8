/**
 * The asking end of a process that measures within a namespace (bench/instrument.ts): one request at a time. It is
 * started when it is first needed.
 */
import { project } from '../test/e2e/harness/isolation.js';
import type { Namespace } from '../test/e2e/harness/namespace.js';
import type { Program } from '../test/e2e/harness/program.js';
import type { Request } from './instrument.js';

const program = `${project}/dist/bench/instrument.js`;
/** Longer than any request may take. */
const patienceMs = 90_000;

export interface Answer {
  readonly ms?: number;
  readonly sent?: number;
  readonly opened?: readonly boolean[];
  readonly times?: readonly number[];
  readonly challengeTimes?: readonly number[];
  readonly tries?: readonly number[];
  readonly kernel?: number;
  readonly turn?: number;
  readonly count?: number;
}

export class Remote {
  readonly #namespace: Namespace;
  readonly #prefix: readonly string[];
  #program: Program | undefined;
  #settle: ((answer: Answer & { readonly error?: string }) => void) | undefined;

  /** @param prefix a command that starts commands, with its arguments */
  constructor(namespace: Namespace, prefix: readonly string[] = []) {
    this.#namespace = namespace;
    this.#prefix = prefix;
  }

  /** @throws Error where it could not be done, or not in time */
  async ask(request: Request): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answer & { readonly error?: string }>(resolve => {
      this.#settle = resolve;
      timer = setTimeout(resolve, patienceMs, { error: `no answer within ${patienceMs} ms` });
      this.#program ??= this.#start();
      this.#program.write(`${JSON.stringify(request)}\n`);
    });
    clearTimeout(timer);
    if (answer.error !== undefined) throw new Error(`${request.do}: ${answer.error}`);
    return answer;
  }

  #start(): Program {
    const [command = '', ...args] = [...this.#prefix, process.execPath, program];
    const started = this.#namespace.start(command, args);
    started.onLine(line => this.#settle?.(JSON.parse(line) as Answer));
    void started.ended.then(() => this.#settle?.({ error: `it ended\n${started.output}` }));
    return started;
  }
}
