/** What the monitor tells of knocks: in the log, and in the history that `status` shows. */
import { reasons } from '../methods/knock.js';
import { formatAddress } from '../net/address.js';
import { describe, OperatorError, OperatorErrors } from '../system/error.js';
import type { Frame } from './frames.js';
import { History } from './history.js';
import { type Log, messageOf } from './log.js';
import { explain } from './wording.js';

/** One knock, and what came of it. */
export interface Told {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** 16 bytes. */
  readonly address: Uint8Array;
  /** Empty where it is not known. */
  readonly door: string;
  readonly client: string;
  readonly outcome: string;
}

export class Teller {
  readonly history = new History();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param detail what a program that reads the log may want to know beside */
  knock(
    { at, address, door, client, outcome }: Told,
    level: 'info' | 'warn' | 'error',
    text: string,
    detail?: number,
  ): void {
    const source = formatAddress(address);
    const names = { door: door === '' ? undefined : door, client: client === '' ? undefined : client };
    this.history.add({ at, source, ...names, outcome });
    this.#log[level]({ event: 'knock', outcome, source, ...names, detail }, text);
  }

  refusal({ code, detail, source: address, door, client, value: at }: Frame): void {
    const outcome = reasons[code] ?? 'unknown-client';
    const who = client === '' ? 'somebody' : client;
    const from = `${who} from ${formatAddress(address)}${door === '' ? '' : ` for ${door}`}`;
    const text = `refused: ${outcome}: ${from}${explain(outcome, detail)}`;
    this.knock({ at, address, door, client, outcome }, 'warn', text, detail);
  }

  /** One more port of a plain sequence: of no interest to anyone who is not knockd. */
  stage({ code: stage, source: address, door }: Frame): void {
    const source = formatAddress(address);
    this.#log.debug({ event: 'stage', door, source, stage }, `${door}: stage ${stage} from ${source}`);
  }

  /** A configuration that was refused, mistake by mistake. */
  notReloaded(error: unknown): void {
    const event = { event: 'not-reloaded' };
    const errors = error instanceof OperatorErrors ? error.errors : [error];
    for (const each of errors) {
      this.#log.error(event, each instanceof OperatorError ? describe(each) : messageOf(each));
    }
    this.#log.error(event, 'the configuration was not reloaded; the one before stays in force');
  }
}
