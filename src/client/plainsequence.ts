/** Knocks as plain sequences: the ports that were given, or the next line of a file of sequences for one use each. */
import { compose } from '../methods/plain-sequence/compose.js';
import { formatStep, parseStep, type Step } from '../methods/plain-sequence/format.js';
import { errorCode } from '../system/error.js';
import type { Composer, Composition, Warn } from './composer.js';
import { peekLine, takeLine } from './onetime.js';
import type { PlainSequenceRequest } from './request.js';
import { localAddress, type Target } from './resolve.js';

/** More than one door's: some knock for several in one go. */
export const mostSteps = 256;

/**
 * Knocks of a request. Of a file one line is taken, however many targets there are and however often it is knocked:
 * where the server has not heard it, it waits for that line and no other; where it has, it does not hear it again.
 * @throws TypeError, RangeError for a request that is none
 */
export function plainSequence(request: PlainSequenceRequest): Composer {
  const source = sourceOf(request);
  return {
    async compose(targets, warn) {
      const routes = await Promise.all(targets.map(route));
      // A line for a knock that cannot be sent would be lost, and the server would wait for it for ever.
      if (routes.every(({ failure }) => failure !== undefined)) return routes;
      const sequence = await source.take(warn);
      const hits = compose(sequence);
      const description = `in this order: ${sequence.map(formatStep).join(' ')}`;
      return routes.map(route => (route.failure === undefined ? { ...route, hits, description } : route));
    },
    get advice() {
      return source.advice;
    },
  };
}

/** What would be knocked. Marks no line. */
export async function rehearse(request: PlainSequenceRequest, warn: Warn): Promise<readonly string[]> {
  return (await sourceOf(request).peek(warn)).map(formatStep);
}

interface Source {
  /** The same each time. */
  take(warn: Warn): Promise<readonly Step[]>;
  peek(warn: Warn): Promise<readonly Step[]>;
  readonly advice: string;
}

function sourceOf(request: PlainSequenceRequest): Source {
  const { sequence, oneTimeSequences } = request;
  if ((sequence === undefined) === (oneTimeSequences === undefined)) {
    throw new TypeError('expected "sequence" or "oneTimeSequences", one of the two');
  }
  return sequence === undefined ? new File(oneTimeSequences!) : new Ports(sequence);
}

class Ports implements Source {
  readonly advice =
    'see on the server what became of the knock; where packets overtake one another on the way, --delay 50 helps';
  readonly #steps: readonly Step[];

  constructor(sequence: readonly string[]) {
    if (!Array.isArray(sequence)) throw new TypeError('"sequence" expected a list of ports');
    if (sequence.length < 1 || sequence.length > mostSteps) {
      throw new RangeError(`"sequence" expected 1 to ${mostSteps} ports, got ${sequence.length}`);
    }
    this.#steps = sequence.map(requireStep);
  }

  async take(): Promise<readonly Step[]> {
    return this.#steps;
  }

  async peek(): Promise<readonly Step[]> {
    return this.#steps;
  }
}

function requireStep(text: unknown): Step {
  const step = typeof text === 'string' ? parseStep(text) : undefined;
  if (step !== undefined) return step;
  throw new RangeError(
    `"sequence" expected ports such as "7000/tcp" and "8000/udp", got ${JSON.stringify(text)}`,
  );
}

class File implements Source {
  readonly #path: string;
  #line: number | undefined;
  #sequence: readonly Step[] | undefined;

  constructor(path: string) {
    if (typeof path !== 'string' || path === '') throw new TypeError('"oneTimeSequences" expected a path');
    this.#path = path;
  }

  get advice(): string {
    return `line ${this.#line} of ${this.#path} was knocked: see that the server's file is marked up to the same line`;
  }

  async take(warn: Warn): Promise<readonly Step[]> {
    if (this.#sequence === undefined) {
      const { line, sequence } = await takeLine(this.#path, warn);
      this.#line = line;
      this.#sequence = sequence;
    }
    return this.#sequence;
  }

  async peek(warn: Warn): Promise<readonly Step[]> {
    return (await peekLine(this.#path, warn)).sequence;
  }
}

async function route(target: Target): Promise<Composition> {
  const composition = { target, bound: undefined, time: undefined, hits: [], description: '' };
  try {
    await localAddress(target);
    return { ...composition, failure: undefined };
  } catch (error) {
    const failure = errorCode(error);
    // An error without the system's word is ours to mend.
    if (failure === undefined) throw error;
    return { ...composition, failure };
  }
}
