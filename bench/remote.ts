/** The asking end of a process that measures within a namespace (bench/instrument.ts): one request at a time. */
import { project } from '../test/e2e/harness/isolation.js';
import type { Namespace } from '../test/e2e/harness/namespace.js';
import type { Program } from '../test/e2e/harness/program.js';
import type { Request } from './instrument.js';

const program = `${project}/dist/bench/instrument.js`;
/** Longer than any request may take. */
const patienceMs = 90_000;

type Answer = { readonly ms?: number; readonly sent?: number; readonly error?: string };

export class Remote {
  readonly #program: Program;
  #settle: ((answer: Answer) => void) | undefined;

  /** @param prefix a command that starts commands, with its arguments */
  constructor(namespace: Namespace, prefix: readonly string[] = []) {
    const [command = '', ...args] = [...prefix, process.execPath, program];
    this.#program = namespace.start(command, args);
    this.#program.onLine(line => this.#settle?.(JSON.parse(line) as Answer));
    void this.#program.ended.then(() => this.#settle?.({ error: `it ended\n${this.#program.output}` }));
  }

  /** @throws Error where it could not be done, or not in time */
  async ask(request: Request): Promise<{ readonly ms: number | undefined; readonly sent: number }> {
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answer>(resolve => {
      this.#settle = resolve;
      timer = setTimeout(resolve, patienceMs, { error: `no answer within ${patienceMs} ms` });
      this.#program.write(`${JSON.stringify(request)}\n`);
    });
    clearTimeout(timer);
    if (answer.error !== undefined) throw new Error(`${request.do}: ${answer.error}`);
    return { ms: answer.ms, sent: answer.sent ?? 0 };
  }
}
