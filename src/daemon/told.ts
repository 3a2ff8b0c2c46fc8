/** What the monitor tells of knocks: in the log, and in the history that `status` shows. */
import { type Reason, reasons } from '../methods/knock.js';
import { formatAddress } from '../net/address.js';
import { describe, OperatorError, OperatorErrors } from '../system/error.js';
import { certificateHolder } from './asked.js';
import { explainChallenge } from './challengewording.js';
import type { Door } from './config.js';
import { type Frame, type Trouble, troubles, unpackService } from './frames.js';
import { History } from './history.js';
import { type Log, messageOf } from './log.js';
import { formatService } from './schema.js';
import {
  damagedLedger,
  describeAction,
  describeTrouble,
  explain,
  explainDatagram,
  highFloor,
  whoOpens,
} from './wording.js';

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
  /** Of a certificate, or of a key a part of its fingerprint, in hexadecimal; empty where there is none. */
  readonly serial?: string;
}

/** Who asked for a door. */
export interface Asked {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** 16 bytes. */
  readonly source: Uint8Array;
  readonly client: string;
  /** Of a key, 20 bytes of its fingerprint in hexadecimal, and how it is called; empty where there is none. */
  readonly serial?: string;
  readonly key?: string;
}

/** Reasons that have a detail of their own, for datagrams. */
const detailed: ReadonlySet<Reason> = new Set(['stale', 'bad-tag', 'unknown-client']);

const ofChallenges: ReadonlySet<Trouble> = new Set(['signatory-hung', 'signatory-died', 'unsent-challenge']);

export class Teller {
  readonly history = new History();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param detail what a program that reads the log may want to know beside */
  knock(
    { at, address, door, client, outcome, serial = '' }: Told,
    level: 'info' | 'warn' | 'error',
    text: string,
    detail?: number,
  ): void {
    const source = formatAddress(address);
    const names = { door: door === '' ? undefined : door, client: client === '' ? undefined : client };
    this.history.add({ at, source, ...names, outcome });
    const certificate = serial === '' ? {} : { serial };
    this.#log[level]({ event: 'knock', outcome, source, ...names, ...certificate, detail }, text);
  }

  /** What the listener has found at its start. */
  ready({ value: damaged, detail: aheadMs }: Frame): void {
    if (damaged > 0) this.#log.error({ event: 'ledger' }, damagedLedger(damaged));
    if (aheadMs > 0) this.#log.error({ event: 'floor' }, highFloor(aheadMs));
  }

  /** @param outcome `opened`, or what became of a command */
  opened(door: Door, asked: Asked, outcome: string): void {
    const text = `${outcome} ${whoOpens(door, asked)}: ${describeAction(door)}`;
    this.knock({ ...asked, address: asked.source, door: door.name, outcome }, 'info', text);
  }

  notOpened(door: Door, asked: Asked, why: string): void {
    const told = { ...asked, address: asked.source, door: door.name, outcome: 'failed' };
    this.knock(told, 'error', `cannot open ${whoOpens(door, asked)}: ${why}`);
  }

  /** Word of the listener that only is to be told. @param key how the key is called whose serial it has, or empty */
  tell(frame: Frame, key = ''): void {
    if (frame.kind === 'refused') this.#refusal(frame);
    else if (frame.kind === 'datagram-refused') this.#refusedDatagram(frame);
    else if (frame.kind === 'challenge-refused') this.#refusedChallenge(frame, key);
    else if (frame.kind === 'stage') this.#stage(frame);
    else if (frame.kind === 'trouble') this.#trouble(frame);
  }

  #refusal({ code, detail, source: address, door, client, value: at }: Frame): void {
    const outcome = reasons[code] ?? 'unknown-client';
    const who = client === '' ? 'somebody' : client;
    const from = `${who} from ${formatAddress(address)}${door === '' ? '' : ` for ${door}`}`;
    const text = `refused: ${outcome}: ${from}${explain(outcome, detail)}`;
    this.knock({ at, address, door, client, outcome }, 'warn', text, detail);
  }

  /** A service of no door stands in the detail where the reason has none. */
  #refusedDatagram(frame: Frame): void {
    const { code, detail, source: address, value: at, serial } = frame;
    const outcome = reasons[code] ?? 'unknown-client';
    const service = detailed.has(outcome) ? undefined : unpackService(detail);
    const door = service === undefined ? frame.door : formatService(service);
    const client = frame.client === '' ? '' : certificateHolder(frame.client);
    const wanted = door === '' ? '' : ` for ${door}`;
    const text = `refused: ${outcome}: ${whoFrom(frame)}${wanted}${explainDatagram(outcome, detail)}`;
    this.knock({ at, address, door, client, outcome, serial }, 'warn', text, detail);
  }

  /** The serial is a part of the key's fingerprint, where somebody's is known. */
  #refusedChallenge(frame: Frame, key: string): void {
    const { code, detail, source: address, value: at, door, client, serial } = frame;
    const outcome = reasons[code] ?? 'unknown-client';
    const who = client === '' ? 'somebody' : client;
    const from = `${who}${key === '' ? '' : ` (${key})`} from ${formatAddress(address)}${door === '' ? '' : ` for ${door}`}`;
    const text = `refused: ${outcome}: ${from}${explainChallenge(outcome, detail)}`;
    this.knock({ at, address, door, client, outcome, serial }, 'warn', text, detail);
  }

  /** What is amiss in the listener. */
  #trouble({ code, value }: Frame): void {
    const trouble = troubles[code];
    if (trouble === undefined) return;
    const event = ofChallenges.has(trouble) ? 'challenges' : 'datagrams';
    this.#log.error({ event, trouble }, describeTrouble(trouble, value));
  }

  /** One more port of a plain sequence: of no interest to anyone who is not knockd. */
  #stage({ code: stage, source: address, door }: Frame): void {
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

/** Who sent a datagram, as far as it is known. */
export function whoFrom({ client, serial, source }: Frame): string {
  const who = client === '' ? 'somebody' : certificateHolder(client);
  return `${who}${serial === '' ? '' : ` (serial ${serial})`} from ${formatAddress(source)}`;
}
